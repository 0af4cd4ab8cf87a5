"""Plain values as TOML writes them: scalars, arrays and inline tables on one line, tables as blocks."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from peak_console.config.positions import Path
from peak_console.config.toml_tokens import BARE_KEY

_SHORT: Final = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_ESCAPED: Final = re.compile('[\x00-\x1f"\\\\\x7f]')


def rendered(value: Any) -> str:
    """A value on one line. Raises ``ValueError`` for what TOML cannot hold."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{_ESCAPED.sub(_escape, value)}"'
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, Decimal | float):
        return _number(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return f"[{', '.join(rendered(one) for one in value)}]"
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{key_of((key,))} = {rendered(inner)}" for key, inner in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    raise ValueError(f"TOML has no {type(value).__name__}")


def key_of(path: Path) -> str:
    """A dotted key; indices, which stand in no key, are left out."""
    names = (step for step in path if isinstance(step, str))
    return ".".join(name if BARE_KEY.fullmatch(name) else rendered(str(name)) for name in names)


def is_block(value: Any) -> bool:
    """Whether a value is written under headers of its own: a table, or tables in a list."""
    return isinstance(value, Mapping) or (
        isinstance(value, list | tuple) and bool(value) and all(isinstance(one, Mapping) for one in value)
    )


def block(path: Path, value: Any) -> list[str]:
    """The lines of a table, or of tables in a list, under their headers; one blank line between two."""
    lines: list[str] = []
    for table in _tables(path, value):
        lines += ["", *table] if lines else table
    return lines


def _tables(path: Path, value: Any) -> Iterator[list[str]]:
    if not isinstance(value, Mapping):
        for one in value:
            yield from _table(path, one, f"[[{key_of(path)}]]", needed=True)
        return
    yield from _table(path, value, f"[{key_of(path)}]", needed=False)


def _table(path: Path, value: Mapping[str, Any], header: str, *, needed: bool) -> Iterator[list[str]]:
    pairs = [f"{key_of((key,))} = {rendered(one)}" for key, one in value.items() if not is_block(one)]
    inner = [(key, one) for key, one in value.items() if is_block(one)]
    if pairs or needed or not inner:
        yield [header, *pairs]
    for key, one in inner:
        yield from _tables((*path, key), one)


def _number(value: Decimal | float) -> str:
    exact = Decimal(value) if isinstance(value, Decimal) else Decimal(repr(value))
    if not exact.is_finite():
        return str(float(value)).lower()
    text = f"{exact:f}"
    return text if "." in text else f"{text}.0"


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _SHORT.get(character) or f"\\u{ord(character):04x}"
