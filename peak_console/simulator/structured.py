"""A value for any JSON schema that structured outputs take: valid, small, drawn from the seed."""

import random
from typing import Any, Final

_DEEPEST: Final = 12


def value_for(schema: dict[str, Any], draw: random.Random, root: dict[str, Any] | None = None) -> Any:
    """A value valid against ``schema`` (what structured outputs take: types, enum, const, anyOf, $ref).

    ``root`` is the whole schema that ``schema`` is a part of, for its references.
    """
    return _value(schema, draw, root or schema, 0)


def resolved(node: Any, root: dict[str, Any]) -> Any:
    """``node``, or what it refers to in ``root``."""
    for _ in range(_DEEPEST):
        if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
            break
        node = _resolved(node["$ref"], root)
    return node


def _value(schema: Any, draw: random.Random, root: dict[str, Any], depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    if isinstance(schema.get("$ref"), str):
        return _value(_resolved(schema["$ref"], root), draw, root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return draw.choice(schema["enum"])
    for word in ("anyOf", "oneOf"):
        options = schema.get(word)
        if isinstance(options, list) and options:
            # the deeper, the plainer: a schema that holds itself must come to an end
            option = draw.choice(options) if depth < _DEEPEST // 2 else _plainest(options)
            return _value(option, draw, root, depth + 1)
    return _typed(schema, draw, root, depth)


def _typed(schema: dict[str, Any], draw: random.Random, root: dict[str, Any], depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = "null" if "null" in kind and depth >= _DEEPEST // 2 else kind[0]
    if kind == "object":
        properties = schema.get("properties")
        named = properties if isinstance(properties, dict) else {}
        return {name: _value(inner, draw, root, depth + 1) for name, inner in named.items()}
    if kind == "array":
        fewest = max(int(schema.get("minItems", 0)), 0 if depth >= _DEEPEST // 2 else 1)
        count = min(fewest, int(schema.get("maxItems", fewest)))
        return [_value(schema.get("items", {}), draw, root, depth + 1) for _ in range(count)]
    if kind in {"integer", "number"}:
        return _number(schema, draw, whole=kind == "integer")
    if kind == "boolean":
        return draw.random() < 0.5  # noqa: PLR2004 - a coin
    return None if kind == "null" else _text(schema, draw)


def _number(schema: dict[str, Any], draw: random.Random, *, whole: bool) -> float:
    least = float(schema.get("minimum", schema.get("exclusiveMinimum", 0)))
    most = float(schema.get("maximum", schema.get("exclusiveMaximum", least + 100)))
    if whole:
        low = int(least) + ("exclusiveMinimum" in schema)
        high = int(most) - ("exclusiveMaximum" in schema)
        step = int(schema.get("multipleOf", 1))
        return draw.randrange(-(-low // step) * step, max(high, low) + 1, step)
    return round((least + most) / 2, 6)


def _text(schema: dict[str, Any], draw: random.Random) -> str:
    text = draw.choice(("a short remark", "as the figures show", "within the range", "to be checked"))
    text = text.ljust(int(schema.get("minLength", 0)), ".")
    return text[: int(schema["maxLength"])] if "maxLength" in schema else text


def _plainest(options: list[Any]) -> Any:
    nulls = [one for one in options if isinstance(one, dict) and one.get("type") == "null"]
    return (nulls or options)[0]


def _resolved(reference: str, root: dict[str, Any]) -> Any:
    found: Any = root
    for part in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
        found = found.get(part) if isinstance(found, dict) else None
    return found
