"""JSON Schemas of the config files, draft 2020-12: what editors complete and check them by.

They say what one file may hold by itself. What follows from several files together, only lint says.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from peak_console.config.lint.schema import CANARY_SHAPE, SCOPE_SHAPE, SHAPES
from peak_console.config.sources import CANARIES, MAIN_FILES, SCOPES

if TYPE_CHECKING:
    from peak_console.config.schema import ConfigModel

SCOPE: Final = "scope"
"""The name of the schema that all capability scopes share."""

CANARY: Final = "canary"
"""The name of the schema that all sets of gold cases share."""

FILES: Final[Mapping[str, str]] = {
    **MAIN_FILES,
    SCOPE: f"{SCOPES}/L*.toml",
    CANARY: f"{CANARIES}/*.toml",
}
"""Which file each schema is of."""

_BOUNDS: Final = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_UNSAID: Final = frozenset({"decimal_places", "max_digits", "title"})
_NAMES: Final = frozenset({"properties", "patternProperties", "$defs"})
"""Where keys are names, not words of a schema."""

_NULL: Final = {"type": "null"}


def schema_of(kind: str) -> dict[str, Any]:
    """The schema of one kind of config, of :data:`FILES`."""
    shape: type[ConfigModel] = {SCOPE: SCOPE_SHAPE, CANARY: CANARY_SHAPE}.get(kind) or SHAPES[kind]
    schema = _as_in_files(shape.model_json_schema(schema_generator=_Generator, mode="validation"))
    return {"$schema": _Generator.schema_dialect, "title": FILES[kind], **schema}


def schemas() -> dict[str, dict[str, Any]]:
    """All of them, by kind."""
    return {kind: schema_of(kind) for kind in FILES}


class _Generator(GenerateJsonSchema):
    """Schemas of what stands in a file: numbers as numbers, a lone value where a list of one may be."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:  # noqa: ARG002 - the base's
        """A number; a text is none. Its bounds come after."""
        return {"type": "number"}

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """A list; where the file may hold one value without its brackets, that as well."""
        found = super().function_before_schema(schema)
        if "items" in found and _wraps(schema["function"]["function"]):
            return {"anyOf": [found, found["items"]]}
        return found


def _wraps(function: Any) -> bool:
    """Whether a reader makes a list of one of a lone text or table."""
    return any(function(one) == (one,) for one in ("x", {"x": 1}))


def _as_in_files(schema: Any) -> Any:
    """Without what no file holds: null stands nowhere, and a default that is a table says nothing."""
    if isinstance(schema, list):
        return [_as_in_files(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NAMES:
            found[key] = {name: _as_in_files(one) for name, one in value.items()}
        elif key == "default":
            found |= _default(value, schema)
        elif key in _BOUNDS:
            found[_BOUNDS[key]] = value
        elif key not in _UNSAID:
            found[key] = value if key in {"enum", "const", "required"} else _as_in_files(value)
    choices = [one for one in found.pop("anyOf", []) if one != _NULL]
    if len(choices) == 1:
        return {**choices[0], **found}
    return {**found, **({"anyOf": choices} if choices else {})}


def _default(value: Any, schema: Mapping[str, Any]) -> dict[str, Any]:
    if value is None or isinstance(value, dict | list):
        return {}
    if schema.get("type") == "number" and isinstance(value, str):
        number = float(value)
        return {"default": int(number) if number.is_integer() else number}
    return {"default": value}
