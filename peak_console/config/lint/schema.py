"""Schema: a file against its pydantic model, each error at the key that offends."""

import copy
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from peak_console.config.budgets import BudgetsFile
from peak_console.config.canaries import CanaryFile
from peak_console.config.console import ConsoleConfig
from peak_console.config.control import ControlConfig
from peak_console.config.document import Document
from peak_console.config.incidents import IncidentsConfig
from peak_console.config.jobs import JobsConfig
from peak_console.config.keys import keys_at
from peak_console.config.ledger import LedgerConfig
from peak_console.config.limits import LimitsConfig
from peak_console.config.lint.finding import Fix
from peak_console.config.lint.inspection import Hit
from peak_console.config.lint.rewriting import renamed, retyped
from peak_console.config.lock import LockFile
from peak_console.config.matrix import MatrixFile
from peak_console.config.positions import Path
from peak_console.config.prices import PricesFile
from peak_console.config.readiness import ReadinessConfig
from peak_console.config.registry import ModelsFile
from peak_console.config.schema import ConfigModel
from peak_console.config.scopes import ScopeFile
from peak_console.domain.text import one_line

SHAPES: Final[Mapping[str, type[ConfigModel]]] = {
    "matrix": MatrixFile,
    "models": ModelsFile,
    "prices": PricesFile,
    "budgets": BudgetsFile,
    "lock": LockFile,
    "limits": LimitsConfig,
    "jobs": JobsConfig,
    "readiness": ReadinessConfig,
    "incidents": IncidentsConfig,
    "control": ControlConfig,
    "ledger": LedgerConfig,
    "console": ConsoleConfig,
}
"""The model of each main file."""

SCOPE_SHAPE: Final[type[ConfigModel]] = ScopeFile
"""The model of each capability scope."""

CANARY_SHAPE: Final[type[ConfigModel]] = CanaryFile
"""The model of each set of gold cases."""

_FOLDERS: Final[Mapping[str, type[ConfigModel]]] = {"scope": SCOPE_SHAPE, "canary": CANARY_SHAPE}

GATE_LAYERS: Final = ("L5", "L6")
_ROUNDS: Final = 16
_SHOWN_ERRORS: Final = 200
_SALVAGED_ERRORS: Final = 2000
"""A file with more errors is no config with mistakes, and is not searched for what can be understood."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_EXPECTED: Final = {
    "always|on_escalation": "must be always, on_escalation or sampled:<rate>, 0 < rate <= 1",
    "@(": "must be <name>@<version>, lower case and dashes in the name",
    "^https?": "must be an http or https address",
    "daily (": 'must be a length ("every 15m"; s, m, h, d), a daily time ("daily 07:30") or a cron line of '
    'five fields, minute to weekday ("5 * * * 1-5")',
    r"[^.\s]": "must be keys joined by points, as result.list",
    "x21-": "must be printable ASCII without blanks",
}


Origins = dict[Path, list[int]]
"""For each list that lost elements: where the remaining ones stand in the file."""


def validate(kind: str, document: Document) -> tuple[ConfigModel | None, list[Hit], Origins]:
    """The file as its model, what is wrong with it, and the origins of lists that were shortened.

    ``kind`` is one of :data:`SHAPES`, ``scope`` or ``canary``.
    Where something is wrong, the offending parts are left out and the rest is validated again, so that the
    rules on meaning still see whatever can be understood. ``None`` when nothing can.
    """
    origins: Origins = {}
    if document.data is None:
        return None, [], origins
    shape = SHAPES.get(kind) or _FOLDERS[kind]
    data: dict[str, Any] = document.data
    hits: list[Hit] = []
    for attempt in range(_ROUNDS):
        try:
            return shape.model_validate(data), hits, origins
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False, include_input=False)
        if attempt == 0:
            hits = [hit for error in errors[:_SHOWN_ERRORS] for hit in _explain(shape, document, error)]
            if len(errors) > _SALVAGED_ERRORS:
                break
            data = copy.deepcopy(data)
        _leave_out(data, errors, origins)
    return None, hits, origins


def locate(data: Any, loc: Sequence[str | int]) -> Path:
    """The path in the file of a pydantic error, without names of union members and indices of lone tables."""
    path: Path = ()
    for step in loc:
        if _holds(data, step):
            data = data[step]
            path = (*path, step)
    return path


def _holds(data: Any, step: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(step, int) and step < len(data)
    return isinstance(data, Mapping) and step in data


def dotted(path: Path) -> str:
    """A path as people read it: ``L0.fallback[1].model_id``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if _BARE.fullmatch(step) else f'"{one_line(step, 60)}"'
            text += f".{name}" if text else name
    return text


def _explain(shape: type[ConfigModel], document: Document, error: ErrorDetails) -> Iterator[Hit]:
    path = locate(document.data, error["loc"])
    key = dotted(path) or "the file"
    kind = error["type"]
    if shape is MatrixFile and path[:1] in {(layer,) for layer in GATE_LAYERS}:
        return  # matrix.model_on_gate_layer says it better
    if kind == "extra_forbidden":
        yield _unknown_key(shape, document, path)
    elif kind == "missing":
        name = error["loc"][-1]
        yield _hit(document, "schema.missing_key", path, f"{key} has no {name}", f"add the key {name}")
    elif kind.endswith(("_type", "_parsing", "is_instance_of")):
        fix = retyped(shape, document.data, path)
        yield _hit(document, "schema.wrong_type", path, f"{key} {_expected(error)}", fix=fix)
    else:
        remedy = str(error.get("ctx", {}).get("remedy", ""))
        yield _hit(document, "schema.bad_value", path, f"{key} {_expected(error)}", remedy)


def _unknown_key(shape: type[ConfigModel], document: Document, path: Path) -> Hit:
    known = keys_at(shape, path[:-1])
    name = str(path[-1])
    if f"{name}_pct" in known:
        message = f"{dotted(path)} is a percentage without its unit"
        remedy = f"write {name}_pct = 80.0 for 80 percent"
        fix = renamed(shape, document.data, path, f"{name}_pct")
        return _hit(document, "schema.unitless_percent", path, message, remedy, fix=fix)
    close = difflib.get_close_matches(name[:60], known, n=1)
    remedy = f"did you mean {close[0]}?" if close else f"known here: {', '.join(sorted(known))}"
    fix = renamed(shape, document.data, path, close[0]) if close else None
    return _hit(document, "schema.unknown_key", path, f"there is no key {dotted(path)}", remedy, fix=fix)


def _expected(error: ErrorDetails) -> str:
    """What pydantic expected, without the value it found: that may be a secret."""
    context = error.get("ctx", {})
    for part, words in _EXPECTED.items():
        if part in str(context.get("pattern", "")):
            return words
    if error["type"] == "is_instance_of":
        return "should be a number"
    words = error["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    return one_line(words[:1].lower() + words[1:])


def _leave_out(data: dict[str, Any], errors: Sequence[ErrorDetails], origins: Origins) -> None:
    """Take out of ``data`` what is wrong: the key, or the table that lacks a key."""
    paths = set()
    for error in errors:
        if error["type"] == "missing" and len(error["loc"]) == 1:
            data[str(error["loc"][0])] = {}
        else:
            paths.add(locate(data, error["loc"]))
    for path in sorted(paths, key=lambda one: [(isinstance(step, int), step) for step in one], reverse=True):
        _delete(data, path, origins)


def _delete(data: Any, path: Path, origins: Origins) -> None:
    if not path:
        data.clear()
        return
    for step in path[:-1]:
        if not _holds(data, step):
            return  # a table around it has gone before
        data = data[step]
    if _holds(data, path[-1]):
        if isinstance(data, list):
            if path[:-1] not in origins:
                origins[path[:-1]] = list(range(len(data)))
            del origins[path[:-1]][int(path[-1])]
        del data[path[-1]]


def _hit(
    document: Document, rule: str, path: Path, message: str, remedy: str = "", *, fix: Fix | None = None
) -> Hit:
    return Hit(rule, document.name, document.place(path), message, remedy, fix=fix)
