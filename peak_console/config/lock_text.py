"""The lock as text: written in one way only, and what of it is signed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from peak_console.config.lock import LockFile
from peak_console.config.schema import ConfigModel
from peak_console.domain.canonical import canonical
from peak_console.domain.clock import iso

_DOMAIN: Final = b"peak-console/verified-models-lock/v1\n"
"""Before what is signed, so that a signature for something else is none for a lock."""

_HEAD: Final = """\
# The lock of verified models: which model may work in which slot from shadow on.
# Written by `peak lock write` and signed as a whole: any change by hand makes it unsound.
# Look at it with `peak lock show`, check it with `peak lock check`, go back with `peak lock rollback`.
"""
_FIRST_PRINTABLE: Final = 0x20
_DELETE: Final = 0x7F
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def lock_text(file: LockFile) -> str:
    """The lock's only text: the same for the same lock, and read back as the same."""
    parts = [_HEAD.rstrip("\n"), *_table("lock", file.lock)]
    for entry in file.entry:
        parts += _table("entry", entry, element=True)
    if file.signature is not None:
        parts += _table("signature", file.signature)
    return "\n".join(parts) + "\n"


def signed_message(data: Mapping[str, Any]) -> bytes:
    """What a lock's signature is over, from the file's data; raises ``NotCanonical`` outside that domain.

    Canonical JSON of everything but ``[signature]``, as the file has it: moments in UTC and decimal numbers
    stand as text.
    """
    return _DOMAIN + canonical({key: _plain(value) for key, value in data.items() if key != "signature"})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime) and value.tzinfo is not None:
        return iso(value.astimezone(UTC))
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _table(name: str, model: ConfigModel, *, element: bool = False) -> list[str]:
    """A table with its values first, then the tables within it, an empty line before each."""
    lines = ["", f"[[{name}]]" if element else f"[{name}]"]
    inner: list[str] = []
    for key, value in _said(model):
        if isinstance(value, ConfigModel):
            inner += _table(f"{name}.{key}", value)
        elif isinstance(value, tuple) and value and isinstance(value[0], ConfigModel):
            for one in value:
                inner += _table(f"{name}.{key}", one, element=True)
        else:
            lines.append(f"{key} = {_value(value)}")
    return lines + inner


def _said(model: ConfigModel) -> Iterator[tuple[str, Any]]:
    """What differs from the defaults, and what has none, in the order of the schema."""
    for key, field in type(model).model_fields.items():
        value = getattr(model, key)
        if field.is_required() or value != field.default:
            yield key, value


def _value(value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, datetime):
        return iso(value.astimezone(UTC))
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Sequence):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return str(value)


def _string(text: str) -> str:
    """A basic string of TOML 1.0: control characters are escaped."""
    return '"' + "".join(_ESCAPES.get(one) or _character(one) for one in text) + '"'


def _character(one: str) -> str:
    return f"\\u{ord(one):04X}" if ord(one) < _FIRST_PRINTABLE or ord(one) == _DELETE else one
