"""What a file of another form says of models and layers, in our words; and how such a file is read.

The file is hostile until shown otherwise: its size, depth and number of values are bounded, and every text
of it goes through ``domain.text``. Values of keys that hold secrets are never carried along.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from peak_console.config.document import Trouble, read_document
from peak_console.domain.errors import UsageWrong
from peak_console.domain.redaction import holds_secret
from peak_console.domain.text import one_line

PER_THOUSAND: Final = 1000
PER_TOKEN: Final = 1_000_000
HIDDEN: Final = "(not shown)"
NOBODY: Final = frozenset({"", "none", "null", "-"})
"""How files say that a slot is empty."""

_SECRET = re.compile(r"key|secret|token|passw|credential|auth|header|url$|uri$", re.IGNORECASE)
_COUNTS = re.compile(r"tokens$|_per_|cost", re.IGNORECASE)
_NAME = re.compile(r"[\x21-\x7e]{1,200}")
_SHOWN: Final = 120
_WHOLE: Final = frozenset({"file.missing", "file.unreadable", "file.too_large"})
"""Troubles of a file as a whole, which stand at no place in it."""

_MOST_TOKENS: Final = 100_000_000
_USD_PLACES: Final = -9
_MOST_USD: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that is not taken over."""

    source: str
    """Where it stands in the file: ``models.gpt-5-2.latency_p50_ms``."""
    value: str
    why: str
    refused: bool = False
    """Whether policy forbids it."""


@dataclass(frozen=True, slots=True)
class ForeignModel:
    """A model as the file names it; ``None`` for what it does not say."""

    key: str
    """The name by which the file's other parts mean it."""
    source: str
    provider: str
    """As we name it; as the file does, where we have none of that name."""
    model_id: str
    family: str | None = None
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    input_usd_per_mtok: Decimal | None = None
    output_usd_per_mtok: Decimal | None = None
    in_use: bool = True
    """Whether the file says that it may be used."""
    deployment: str | None = None
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignChain:
    """What the file assigns to a layer. An empty layer: to every layer whose primary this is."""

    source: str
    layer: str
    primary: str | None
    fallback: tuple[str, ...] | None
    """``None``: the file says nothing of it; empty: it says that there is none."""
    critic: str | None


@dataclass(frozen=True, slots=True)
class Foreign:
    """A file, understood as far as it can be."""

    form: str
    models: tuple[ForeignModel, ...] = ()
    chains: tuple[ForeignChain, ...] = ()
    lost: tuple[Lost, ...] = ()
    as_of: Any = None
    """The day for which it says that it holds, if it says so."""
    gates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What it assigns to L5 and L6, which never hold a model."""


def read_foreign(path: Path) -> dict[str, Any]:
    """The data of a TOML or YAML file. Raises ``UsageWrong`` (``import_unreadable``) with the place."""
    document = read_document(path, path.name)
    if document.data is None or not path.name.endswith((".toml", ".yaml", ".yml")):
        raise UsageWrong(
            said_of(path, document.trouble, "its name ends neither in .toml nor in .yaml or .yml"),
            code="import_unreadable",
            remedy="give a TOML or YAML file of at most 1 MB, without aliases and tags",
        )
    return document.data


def said_of(path: Path, trouble: Trouble | None, otherwise: str) -> str:
    """Why a file could not be read, with the path as it was given, and with the place where there is one."""
    name = one_line(str(path), 200)
    if trouble is None:
        return f"{name}: {otherwise}"
    place = "" if trouble.rule in _WHOLE else f":{trouble.place[0]}:{trouble.place[1]}"
    return f"{name}{place}: {one_line(trouble.message, 300)}"


def table(value: Any) -> dict[str, Any]:
    """A table; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """A list; an empty one for anything else."""
    return value if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """A text; empty for anything else."""
    return value if isinstance(value, str) else ""


def is_name(text: str) -> bool:
    """Whether a config may hold it as a provider's or model's name."""
    return _NAME.fullmatch(text) is not None


def tokens(value: Any) -> int | None:
    """A number of tokens as a config may hold it."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 1 <= value <= _MOST_TOKENS else None


def usd_per_mtok(value: Any, per: int) -> Decimal | None:
    """A price for ``1_000_000 / per`` tokens as USD for a million, exactly; ``None`` for what is no price.

    A price of nothing is none: with it every call would be free, and no budget would ever bind.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        amount = Decimal(value)
        if not amount.is_finite() or not 0 < amount <= _MOST_USD:
            return None
        exact = (amount * per).normalize()
    except (InvalidOperation, ValueError):
        return None
    exponent = exact.as_tuple().exponent
    if exact > _MOST_USD or not isinstance(exponent, int) or exponent < _USD_PLACES:
        return None
    return exact.quantize(Decimal(1)) if exponent > 0 else exact


def shown(key: str, value: Any) -> str:
    """A value for the report; what may be a secret, by its key or its form, is not shown."""
    if isinstance(value, str) and value.startswith("os.environ/") and is_name(value):
        return one_line(value, _SHOWN)
    hidden = _SECRET.search(key) and not _COUNTS.search(key)
    if hidden or (isinstance(value, str) and (holds_secret(value) or "@" in value)):
        return HIDDEN
    if isinstance(value, dict):
        return f"a table of {len(value)}"
    if isinstance(value, list):
        if all(isinstance(one, str) and not holds_secret(one) and "@" not in one for one in value):
            return one_line(", ".join(value), _SHOWN)
        return f"a list of {len(value)}"
    return one_line(str(value), _SHOWN)


def left_over(
    source: str, data: Mapping[str, Any], known: frozenset[str], reasons: Mapping[str, str], other: str
) -> Iterator[Lost]:
    """Every key that was not taken over, with the reason for it."""
    for key, value in data.items():
        if key not in known:
            name = one_line(key, 80)
            yield Lost(f"{source}.{name}" if source else name, shown(key, value), reasons.get(key, other))
