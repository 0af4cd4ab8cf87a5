"""A small checker of JSON Schema, draft 2020-12: the words that our schemas use, and no others."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

WORDS = (
    "$schema $defs $ref title description default discriminator type format properties required "
    "additionalProperties propertyNames patternProperties items enum const anyOf oneOf pattern minLength "
    "maxLength minItems maxItems minimum maximum exclusiveMinimum exclusiveMaximum"
)
KNOWN = frozenset(WORDS.split(" "))
TYPES = {"string": str, "boolean": bool, "array": list, "object": dict}


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """Where a value is not what a schema says; raises ``AssertionError`` for a word it does not know."""
    return list(_faults(schema, schema, value, "$"))


def _faults(  # noqa: C901 - one word of a schema after the other
    root: dict[str, Any], schema: Any, value: Any, where: str
) -> Iterator[str]:
    if schema is True:
        return
    unknown = set(schema) - KNOWN
    assert not unknown, f"{where}: words of no schema: {unknown}"
    if "$ref" in schema:
        yield from _faults(root, root["$defs"][schema["$ref"].rpartition("/")[2]], value, where)
    if "type" in schema and not _is(schema["type"], schema.get("format"), value):
        yield f"{where}: {value!r} is no {schema['type']}"
        return
    for word in ("anyOf", "oneOf"):
        if word in schema and not any(not list(_faults(root, one, value, where)) for one in schema[word]):
            yield f"{where}: {value!r} fits none of {word}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{where}: {value!r} is not {schema['const']!r}"
    if isinstance(value, str):
        yield from _of_text(schema, value, where)
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        yield from _of_number(schema, value, where)
    elif isinstance(value, list):
        yield from _of_list(root, schema, value, where)
    elif isinstance(value, dict):
        yield from _of_table(root, schema, value, where)


def _of_text(schema: dict[str, Any], value: str, where: str) -> Iterator[str]:
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{where}: {value!r} does not match {schema['pattern']}"
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{where}: {len(value)} characters"


def _of_number(schema: dict[str, Any], value: int | Decimal, where: str) -> Iterator[str]:
    if value < schema.get("minimum", value) or value > schema.get("maximum", value):
        yield f"{where}: {value} is out of bounds"
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        yield f"{where}: {value} is out of bounds"


def _of_list(root: dict[str, Any], schema: dict[str, Any], value: list[Any], where: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{where}: {len(value)} elements"
    for place, one in enumerate(value):
        yield from _faults(root, schema.get("items", True), one, f"{where}[{place}]")


def _of_table(
    root: dict[str, Any], schema: dict[str, Any], value: dict[str, Any], where: str
) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{where}: no {name}"
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, one in value.items():
        fitting = [known[name]] if name in known else []
        fitting += [inner for pattern, inner in patterns.items() if re.search(pattern, name)]
        if not fitting and schema.get("additionalProperties") is False:
            yield f"{where}: {name} is not known"
        yield from _faults(root, schema.get("propertyNames", True), name, f"{where}.{name}")
        rest = schema.get("additionalProperties", True)
        for inner in fitting or [rest if rest is not False else True]:
            yield from _faults(root, inner, one, f"{where}.{name}")


def _is(kind: str, form: str | None, value: Any) -> bool:
    if kind == "string" and form in {"date", "date-time"}:
        return isinstance(value, date | datetime)  # TOML has dates of its own
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | Decimal) and not isinstance(value, bool)
    return isinstance(value, TYPES[kind])
