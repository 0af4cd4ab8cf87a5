"""Rules of files as such: readable text, one format, no secrets, percentages with their unit."""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

from peak_console.config.document import Document
from peak_console.config.editing.changes import Change
from peak_console.config.lint.finding import Fix
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.lint.schema import dotted
from peak_console.config.positions import Path
from peak_console.config.sources import REQUIRED

_PERCENT_KEY: Final = re.compile(r"(?:^|_)(?:pct|percent|percentage|share|ratio|fraction)(?:_|$)")
_PERCENT_TEXT: Final = re.compile(r"\s*[0-9]+(?:[.,][0-9]+)?\s*%\s*")
_SECRET_KEY: Final = re.compile(
    r"(?:^|_)(?:api_?key|apikey|secret|secret_?key|access_?key|password|passwd|passphrase|private_?key|token|bearer)$"
)
_ENVIRONMENT_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_SECRET_LENGTH: Final = 12

_SECRET_FORMS: Final = (
    r"\bsk-(?:[A-Za-z0-9]{1,40}-){0,6}[A-Za-z0-9_]{20,400}",  # OpenAI
    r"\bAIza[0-9A-Za-z_-]{30,400}",  # Google
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",  # AWS access key id
    r"\bABSK[A-Za-z0-9+/]{30,400}",  # Amazon Bedrock API key
    r"\btgp_v1_[A-Za-z0-9_-]{20,400}",  # Together
    r"\b(?:gh[pousr]_|github_pat_|glpat-)[A-Za-z0-9_-]{20,400}",  # GitHub, GitLab
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,400}",  # Slack
    r"\bhf_[A-Za-z0-9]{30,400}",  # Hugging Face
    r"\beyJ[A-Za-z0-9_-]{8,400}\.eyJ[A-Za-z0-9_-]{8,400}",  # JSON web token
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----",  # PEM
    r"\b[Bb]earer {1,9}[A-Za-z0-9._~+/-]{20,400}",  # an Authorization header
    r"[a-z][a-z0-9+.-]{1,20}://[^/\s:@'\"]{1,200}:[^/\s@'\"]{1,200}@",  # a URL with a password
)
_SECRET_MARKS: Final = (
    *("sk-", "AIza", "AKIA", "ASIA", "ABSK", "tgp_v1_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    *("github_pat_", "glpat-", "xox", "hf_", "eyJ", "PRIVATE KEY", "earer ", "://"),
)
"""A line without any of these holds no such form: they are looked for first, because that is quick."""

_SECRETS: Final = re.compile("|".join(_SECRET_FORMS))
"""What keys of the providers and common services look like."""


def troubles(inspection: Inspection) -> Iterator[Hit]:
    """``file.missing``, ``file.unreadable``, ``file.too_large``, ``file.not_utf8``, ``file.syntax``."""
    optional = {one.name for kind, one in inspection.sources.main.items() if kind not in REQUIRED}
    for document in inspection.sources.documents():
        trouble = document.trouble
        if trouble is None or (trouble.rule == "file.missing" and document.name in optional):
            continue
        yield Hit(trouble.rule, document.name, trouble.place, trouble.message)


def yaml_beside_toml(inspection: Inspection) -> Iterator[Hit]:
    """``file.yaml_beside_toml``: two files that both claim to be the config."""
    for yaml, toml in inspection.sources.beside.items():
        yield Hit(
            "file.yaml_beside_toml", yaml, (1, 1), f"this file stands beside {toml}; only one may be there"
        )


def secrets(inspection: Inspection) -> Iterator[Hit]:
    """``file.secret``: text that looks like a key. The finding never quotes it."""
    for document in inspection.sources.documents():
        yield from inspection.memo.of("secrets", document, partial(_found, _secrets, document))


def _found(rule: Callable[[Document], Iterator[Hit]], document: Document) -> list[Hit]:
    return list(rule(document))


def _secrets(document: Document) -> Iterator[Hit]:
    places = set()
    marks = [mark for mark in _SECRET_MARKS if mark in document.text]
    if marks:
        for number, line in enumerate(document.text.split("\n"), start=1):
            match = _SECRETS.search(line) if any(mark in line for mark in marks) else None
            if match is not None:
                places.add(number)
                message = "this looks like a secret (by its form); its text is not repeated here"
                yield Hit("file.secret", document.name, (number, match.start() + 1), message)
    for path, value in _leaves(document.data):
        if _named_secret(path, value) and (place := document.place(path))[0] not in places:
            message = f"{dotted(path)} looks like a secret (by its name); its text is not repeated here"
            yield Hit("file.secret", document.name, place, message)


def percentages(inspection: Inspection) -> Iterator[Hit]:
    """``schema.unitless_percent`` and ``schema.percent_fraction`` (decision 19)."""
    for document in inspection.sources.documents():
        yield from inspection.memo.of("percent", document, partial(_found, _percentages, document))


def _percentages(document: Document) -> Iterator[Hit]:
    for path, value in _leaves(document.data):
        if not isinstance(value, bool):
            key = str(next((step for step in reversed(path) if isinstance(step, str)), ""))
            yield from _percentage(document, path, key, value)


def _percentage(document: Document, path: Path, key: str, value: Any) -> Iterator[Hit]:
    if isinstance(value, str):
        if "%" not in value or not _PERCENT_TEXT.fullmatch(value):
            return
        place = document.place(path)
        message = f"{dotted(path)} is a percentage written as text"
        meant = Decimal(value.strip(" \t%").replace(",", "."))
        fix = Fix(f"write {meant:f}", (Change(path, meant),)) if key.endswith("_pct") else None
        yield Hit("schema.unitless_percent", document.name, place, message, fix=fix)
        return
    number = _finite(value)
    place = document.place(path)
    if number and _PERCENT_KEY.search(key) and not key.endswith("_pct"):
        message = f"{dotted(path)} is a percentage whose key does not end in _pct"
        yield Hit("schema.unitless_percent", document.name, place, message)
    elif number and key.endswith("_pct") and 0 < value < 1:
        message = f"{dotted(path)} is {value}: that is {value} percent, not {value * 100} percent"
        meant = Decimal(value) * 100
        fix = Fix(f"write {meant.normalize():f}", (Change(path, meant),))
        yield Hit("schema.percent_fraction", document.name, place, message, fix=fix)


def _finite(value: Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, int) and not isinstance(value, bool)


def _named_secret(path: Path, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    key = str(path[-1]).lower().replace("-", "_") if path else ""
    return (
        len(value) >= _SECRET_LENGTH
        and " " not in value
        and _SECRET_KEY.search(key) is not None
        and not _ENVIRONMENT_NAME.fullmatch(value)
    )


def _leaves(data: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(data, Mapping):
        for key, inner in data.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(data, list):
        for index, inner in enumerate(data):
            yield from _leaves(inner, (*path, index))
    else:
        yield path, data
