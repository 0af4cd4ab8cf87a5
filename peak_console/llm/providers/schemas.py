"""JSON schemas as the providers take them for structured answers. Pure.

A strict schema binds the model's decoder, but each provider takes only a part of JSON Schema for it. What a
pydantic model writes is converted where the result describes answers that the original accepts; constraints
that a provider does not know are told in the description instead, and are checked when the answer is read.
Where no such conversion exists (free-form objects, tuples, foreign references) the schema goes out as it is,
marked as not strict.

Sources: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas,
https://ai.google.dev/api/generate-content (``responseJsonSchema``),
https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

Schema = dict[str, Any]

_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")
_SCALARS: Final = frozenset({"string", "number", "integer", "boolean", "null"})
_ANNOTATIONS: Final = frozenset(
    {"title", "default", "examples", "deprecated", "readOnly", "writeOnly", "discriminator", "$comment"}
)
"""Say nothing about which answers are valid."""
_STRUCTURE: Final = frozenset(
    {"type", "enum", "const", "anyOf", "oneOf", "allOf", "properties", "required", "additionalProperties",
     "items", "$ref", "$defs", "description"}
)  # fmt: skip
_ONLY_NARROW: Final = frozenset(
    {"minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum",
     "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties",
     "maxProperties"}
)  # fmt: skip
"""Constraints that can be left out: the answers that remain possible are checked when they are read."""


@dataclass(frozen=True, slots=True)
class StrictRules:
    """Which part of JSON Schema a provider binds its decoder to."""

    constraints: frozenset[str]
    formats: frozenset[str]
    deepest: int = 10
    most_properties: int = 5000
    recursion: bool = True


OPENAI_RULES: Final = StrictRules(
    constraints=_ONLY_NARROW - {"minLength", "maxLength", "uniqueItems", "minProperties", "maxProperties"},
    formats=frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}),
)
CONVERSE_RULES: Final = StrictRules(
    constraints=frozenset({"format"}),
    formats=frozenset(
        {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
    ),
    recursion=False,
)

_GEMINI_KEYS: Final = frozenset(
    {"$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items",
     "prefixItems", "minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties",
     "additionalProperties", "required"}
)  # fmt: skip


class _NotStrict(Exception):
    """The schema has no strict form."""


def schema_name(name: str) -> str:
    """``name`` as providers take it: letters, digits, ``_`` and ``-``, at most 64."""
    return _NOT_IN_A_NAME.sub("_", name)[:64] or "answer"


def in_its_order(schema: Mapping[str, Any]) -> orjson.Fragment:
    """The schema written out with its keys as they stand, within a body whose keys are sorted.

    Models fill in properties in the order of the schema: a reason asked for before the verdict is thought
    of before it.
    """
    return orjson.Fragment(orjson.dumps(schema))


def strict_schema(
    schema: Mapping[str, Any], rules: StrictRules = OPENAI_RULES
) -> tuple[Mapping[str, Any], bool]:
    """The strict form of ``schema`` and ``True``; where it has none, ``schema`` itself and ``False``.

    Every answer that fits the strict form fits the original but for the constraints left out.
    """
    writer = _Strict(schema, rules)
    try:
        return writer.root(), True
    except (_NotStrict, TypeError):  # a TypeError: what stands there is no schema at all
        return schema, False


class _Strict:
    """Writes the strict form of one schema."""

    def __init__(self, schema: Mapping[str, Any], rules: StrictRules) -> None:
        defs = schema.get("$defs", {})
        self._schema = schema
        self._defs: Mapping[str, Any] = defs if isinstance(defs, dict) else {}
        self._rules = rules
        self._properties = 0

    def root(self) -> Schema:
        """The whole: an object at its top, definitions at its end."""
        top: Mapping[str, Any] = {key: value for key, value in self._schema.items() if key != "$defs"}
        if "$ref" in top:
            top = self._defs[self._name(top["$ref"])]
        written = self._node(top, 0)
        if written.get("type") != "object" or "anyOf" in written:
            raise _NotStrict
        if not self._rules.recursion and _recursive(self._defs):
            raise _NotStrict
        if self._defs:
            written["$defs"] = {name: self._node(inner, 1) for name, inner in self._defs.items()}
        return written

    def _node(self, node: Any, depth: int) -> Schema:
        if not isinstance(node, dict) or depth > self._rules.deepest:
            raise _NotStrict
        if "$ref" in node:
            return {"$ref": "#/$defs/" + self._name(node["$ref"])}
        if len(node.get("allOf") or ()) == 1:
            merged = {**node["allOf"][0], **{key: value for key, value in node.items() if key != "allOf"}}
            return self._node(merged, depth + 1)
        if set(node) - _STRUCTURE - _ONLY_NARROW - _ANNOTATIONS or "allOf" in node or "$defs" in node:
            raise _NotStrict
        written = self._shape(node, depth)
        told = self._described(node)
        if told:
            written["description"] = told
        return written

    def _shape(self, node: Schema, depth: int) -> Schema:
        choices = node.get("anyOf", node.get("oneOf"))
        if choices is not None:
            if not isinstance(choices, list) or not choices:
                raise _NotStrict
            return {"anyOf": [self._node(choice, depth + 1) for choice in choices]}
        if "const" in node or "enum" in node:
            return _listed(node)
        kind = node.get("type")
        if kind == "object":
            return self._object(node, depth)
        kept = self._kept(node)
        if kind == "array":
            return {"type": "array", "items": self._node(node.get("items"), depth + 1), **kept}
        if isinstance(kind, list) and kind and set(kind) <= _SCALARS:
            return {"type": kind, **kept}
        if kind not in _SCALARS:
            raise _NotStrict
        return {"type": kind, **kept}

    def _object(self, node: Schema, depth: int) -> Schema:
        properties = node.get("properties")
        if not isinstance(properties, dict) or node.get("additionalProperties", False) is not False:
            raise _NotStrict
        self._properties += len(properties)
        if self._properties > self._rules.most_properties:
            raise _NotStrict
        inner = {name: self._node(value, depth + 1) for name, value in properties.items()}
        return {
            "type": "object",
            "properties": inner,
            "required": list(inner),
            "additionalProperties": False,
        }

    def _kept(self, node: Schema) -> Schema:
        """The constraints the provider knows."""
        return {key: value for key, value in node.items() if self._known(key, value)}

    def _known(self, key: str, value: Any) -> bool:
        if key == "format":
            return "format" in self._rules.constraints and value in self._rules.formats
        return key in self._rules.constraints

    def _described(self, node: Schema) -> str:
        """The description, with the constraints that the provider does not know."""
        said = node.get("description")
        left = [
            (key, node[key]) for key in sorted(_ONLY_NARROW & node.keys()) if not self._known(key, node[key])
        ]
        told = ", ".join(f"{key}: {orjson.dumps(value).decode()}" for key, value in left)
        return " ".join(
            part for part in (said if isinstance(said, str) else "", f"({told})" if told else "") if part
        )

    def _name(self, reference: Any) -> str:
        name = reference.removeprefix("#/$defs/") if isinstance(reference, str) else ""
        if name not in self._defs or name == reference:
            raise _NotStrict
        return str(name)


def _listed(node: Schema) -> Schema:
    """An enumeration; a constant is one of one value."""
    values = node["enum"] if "enum" in node else [node["const"]]
    if not isinstance(values, list) or not values or not all(_is_scalar(value) for value in values):
        raise _NotStrict
    kinds = list(dict.fromkeys(_KINDS[type(value)] for value in values))
    return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": values}


_KINDS: Final[Mapping[type, str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


def _is_scalar(value: Any) -> bool:
    return type(value) in _KINDS


def _references(node: Any) -> set[str]:
    """Names of the definitions that ``node`` refers to."""
    if isinstance(node, list):
        return set().union(*map(_references, node))
    if not isinstance(node, dict):
        return set()
    own = node.get("$ref")
    found = {own.removeprefix("#/$defs/")} if isinstance(own, str) else set()
    return found.union(*map(_references, node.values()))


def _recursive(defs: Mapping[str, Any]) -> bool:
    """Whether some definition leads back to itself."""
    edges = {name: _references(inner) for name, inner in defs.items()}
    for start, onward in edges.items():
        seen: set[str] = set()
        ahead = set(onward)
        while ahead:
            name = ahead.pop()
            if name == start:
                return True
            if name not in seen:
                seen.add(name)
                ahead |= edges.get(name, set())
    return False


def gemini_schema(schema: Mapping[str, Any]) -> Schema:
    """``schema`` in the part of JSON Schema that Gemini reads; properties are asked for in their order.

    Other keywords are left out, constants become enumerations, and a reference stands alone.
    """
    written = _gemini(schema)
    return written if isinstance(written, dict) else {}


def _gemini(node: Any) -> Any:
    if not isinstance(node, Mapping):
        return node
    if "$ref" in node:
        return {key: _gemini_value(key, value) for key, value in node.items() if key in {"$ref", "$defs"}}
    if isinstance(node.get("allOf"), list) and len(node["allOf"]) == 1 and isinstance(node["allOf"][0], dict):
        rest = {key: value for key, value in node.items() if key != "allOf"}
        return _gemini({**node["allOf"][0], **rest})
    written = {key: _gemini_value(key, value) for key, value in node.items() if key in _GEMINI_KEYS}
    if "const" in node and "enum" not in node:
        written["enum"] = [node["const"]]
    if isinstance(node.get("properties"), dict) and len(node["properties"]) > 1:
        written["propertyOrdering"] = list(node["properties"])
    return written


def _gemini_value(key: str, value: Any) -> Any:
    if key in {"properties", "$defs"} and isinstance(value, Mapping):
        return {name: _gemini(inner) for name, inner in value.items()}
    if key in {"anyOf", "oneOf", "prefixItems"} and isinstance(value, list):
        return [_gemini(inner) for inner in value]
    return _gemini(value) if key in {"items", "additionalProperties"} else value
