from typing import Annotated, Any, Literal

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from peak_console.llm.providers.schemas import (
    CONVERSE_RULES,
    gemini_schema,
    in_its_order,
    schema_name,
    strict_schema,
)


class Leg(BaseModel):
    """One side of a trade."""

    side: Literal["buy", "sell"]
    size: Annotated[float, Field(gt=0, le=10)] = 1.0


class Cat(BaseModel):
    """A variant."""

    kind: Literal["cat"] = "cat"


class Dog(BaseModel):
    """Another variant."""

    kind: Literal["dog"] = "dog"
    name: str = Field(default="", max_length=5, description="Its name.")


class Verdict(BaseModel):
    """A structured answer with most of what pydantic writes."""

    why: str = Field(min_length=3, description="The reason.")
    fit: bool
    legs: list[Leg] = Field(default_factory=list, max_length=4)
    main: Leg | None = None
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] = Cat()
    grade: Literal[1, 2, 3] = 1
    note: str | None = None


class Node(BaseModel):
    """A model within itself."""

    value: int
    next: "Node | None" = None


class Loose(BaseModel):
    """Keys that nobody knows beforehand."""

    anything: dict[str, int]


class Pair(BaseModel):
    """A tuple."""

    both: tuple[int, str]


class Whatever(BaseModel):
    """Anything."""

    it: Any


def nodes(schema: Any) -> list[dict[str, Any]]:
    """Every object within a schema."""
    if isinstance(schema, list):
        return [node for one in schema for node in nodes(one)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(node for one in schema.values() for node in nodes(one))]


@pytest.mark.parametrize("model", [Verdict, Leg, Node, Dog])
def test_a_pydantic_model_becomes_strict(model: type[BaseModel]) -> None:
    """Every object is closed and requires all its properties; nothing stands there that the API refuses."""
    written, strict = strict_schema(model.model_json_schema())
    assert strict
    assert written["type"] == "object"
    for node in nodes(written):
        if node.get("type") == "object":
            assert node["additionalProperties"] is False
            assert node["required"] == list(node["properties"])
        if isinstance(node.get("$ref"), str):
            assert set(node) == {"$ref"}
            assert node["$ref"].removeprefix("#/$defs/") in written["$defs"]
        refused = {"default", "oneOf", "allOf", "discriminator", "minLength", "maxLength", "const"}
        assert not (refused & set(node)) or "properties" not in node


def test_the_strict_form_keeps_what_it_can() -> None:
    """Ranges stay, unknown constraints are told in words, variants are alternatives, the order stays."""
    written, _ = strict_schema(Verdict.model_json_schema())
    properties = written["properties"]
    assert list(properties) == ["why", "fit", "legs", "main", "pet", "grade", "note"]
    assert properties["why"] == {"type": "string", "description": "The reason. (minLength: 3)"}
    assert properties["legs"] == {"type": "array", "items": {"$ref": "#/$defs/Leg"}, "maxItems": 4}
    assert properties["pet"] == {"anyOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}
    assert properties["grade"] == {"type": "integer", "enum": [1, 2, 3]}
    assert properties["note"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    leg = written["$defs"]["Leg"]
    assert leg["properties"]["size"] == {"type": "number", "exclusiveMinimum": 0, "maximum": 10}
    assert leg["description"] == "One side of a trade."


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "string"},
        {"type": "object", "properties": {"x": {}}},
        {"type": "object", "properties": {"x": True}},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"x": {"$ref": "https://example.org/x.json"}}},
        {"type": "object", "properties": {"x": {"$ref": "#/$defs/Missing"}}},
        {"type": "object", "properties": {"x": {"not": {"type": "string"}}}},
        {"type": "object", "properties": {"x": {"type": {}}}},
        {"type": "object", "properties": {"x": {"type": [[]]}}},
        {"type": "object", "properties": {"x": {"allOf": 5}}},
        {"type": "object", "properties": {"x": {"allOf": [5]}}},
        {"type": "object", "properties": {"x": {"enum": []}}},
        {"anyOf": [{"type": "object", "properties": {}}]},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"$ref": 5, "$defs": []},
        Loose.model_json_schema(),
        Pair.model_json_schema(),
        Whatever.model_json_schema(),
    ],
)
def test_what_has_no_strict_form_goes_out_as_it_is(schema: dict[str, Any]) -> None:
    """Free-form objects, tuples, foreign references and nonsense: unchanged, and marked as not strict."""
    assert strict_schema(schema) == (schema, False)


def test_depth_is_bounded() -> None:
    """What nests deeper than the decoder goes has no strict form."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(12):
        schema = {"type": "object", "properties": {"x": schema}}
    assert strict_schema(schema) == (schema, False)
    assert strict_schema(schema["properties"]["x"]["properties"]["x"])[1]


def test_converse_takes_less() -> None:
    """No ranges, which are told in words, and no recursion."""
    written, strict = strict_schema(Leg.model_json_schema(), CONVERSE_RULES)
    assert strict
    assert written["properties"]["size"] == {
        "type": "number",
        "description": "(exclusiveMinimum: 0, maximum: 10)",
    }
    assert not strict_schema(Node.model_json_schema(), CONVERSE_RULES)[1]


_FULL = st.fixed_dictionaries(
    {
        "why": st.text(min_size=3, max_size=8),
        "fit": st.booleans(),
        "legs": st.lists(
            st.fixed_dictionaries({"side": st.sampled_from(["buy", "sell"]), "size": st.floats(0.1, 10)}),
            max_size=4,
        ),
        "main": st.none(),
        "pet": st.sampled_from([{"kind": "cat"}, {"kind": "dog", "name": "Rex"}]),
        "grade": st.integers(1, 3),
        "note": st.one_of(st.none(), st.text(max_size=5)),
    }
)


def fits(value: Any, schema: Any, defs: dict[str, Any]) -> bool:
    """Whether ``value`` fits a strict schema; only the keywords that one holds."""
    if "$ref" in schema:
        return fits(value, defs[schema["$ref"].removeprefix("#/$defs/")], defs)
    if "anyOf" in schema:
        return any(fits(value, one, defs) for one in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    if schema["type"] == "object":
        names = schema["properties"]
        return (
            isinstance(value, dict)
            and set(value) == set(names)
            and all(fits(value[name], names[name], defs) for name in names)
        )
    if schema["type"] == "array":
        return isinstance(value, list) and all(fits(one, schema["items"], defs) for one in value)
    kinds = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}
    return isinstance(value, kinds[schema["type"]])


@settings(deadline=None)  # the machine of a test run is shared
@given(_FULL)
def test_complete_answers_fit_both_forms(value: dict[str, Any]) -> None:
    """A full answer of the model fits its strict form: nothing that was possible is lost."""
    written, _ = strict_schema(Verdict.model_json_schema())
    Verdict.model_validate(value)
    assert fits(value, written, written["$defs"])


@settings(deadline=None)  # the machine of a test run is shared
@given(_FULL, st.sampled_from(["why", "fit", "legs", "pet"]), st.sampled_from([7.5, [], "maybe?", None]))
def test_what_the_model_refuses_the_strict_form_refuses(value: dict[str, Any], name: str, wrong: Any) -> None:
    """But for the constraints left out, the strict form accepts nothing that the model does not."""
    broken = value | {name: wrong}
    written, _ = strict_schema(Verdict.model_json_schema())
    try:
        Verdict.model_validate(broken, strict=True)
    except ValidationError:
        assert not fits(broken, written, written["$defs"])


def test_gemini_reads_a_part_of_json_schema() -> None:
    """Unknown words are left out, references stand alone, constants are enumerations, order is asked for."""
    written = gemini_schema(Verdict.model_json_schema())
    assert written["propertyOrdering"] == ["why", "fit", "legs", "main", "pet", "grade", "note"]
    assert written["properties"]["why"] == {
        "title": "Why", "type": "string", "description": "The reason."
    }  # fmt: skip
    assert written["$defs"]["Cat"]["properties"]["kind"]["enum"] == ["cat"]
    for node in nodes(written):
        if isinstance(node.get("$ref"), str):
            assert set(node) == {"$ref"}
    assert gemini_schema({"allOf": [{"type": "object"}], "title": "x"}) == {"type": "object", "title": "x"}
    assert gemini_schema({"properties": 5, "items": 5}) == {"properties": 5, "items": 5}


def test_properties_keep_their_order_in_a_sorted_body() -> None:
    """Models write properties in the schema's order, so it is not sorted away with the body's keys."""
    body = orjson.dumps({"z": in_its_order({"b": 1, "a": 2}), "a": 1}, option=orjson.OPT_SORT_KEYS)
    assert body == b'{"a":1,"z":{"b":1,"a":2}}'


@pytest.mark.parametrize(
    ("name", "sent"),
    [("verdict", "verdict"), ("My verdict!", "My_verdict_"), ("", "answer"), ("x" * 99, "x" * 64)],
)
def test_a_schema_has_a_plain_name(name: str, sent: str) -> None:
    """Letters, digits, underscore and hyphen, at most 64."""
    assert schema_name(name) == sent
