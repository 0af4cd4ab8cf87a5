"""Gold cases: short questions with one right answer, by which a model is looked at again and again.

One file a set, ``configs/ai/canaries/<set>.toml``. A case is judged by exact text, by the structure of a JSON
object, or by a pattern; never by another model.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from peak_console.config.schema import ConfigModel, Listed, Tokens
from peak_console.config.scopes import index_of
from peak_console.domain.canonical import digest
from peak_console.domain.vocabulary import Layer

LEAST: Final = 10
MOST: Final = 20
"""How many cases a slot should be asked: fewer see little, more cost more than they show."""

_ID: Final = r"^[a-z0-9][a-z0-9_-]*$"
Text = Annotated[str, Field(min_length=1, max_length=8000)]
JsonType = Literal["string", "integer", "number", "boolean", "array", "object", "null"]
JsonKey = Annotated[str, Field(min_length=1, max_length=80)]


def _compiled(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is no regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_compiled)]


class Expected(ConfigModel):
    """What a right answer is: `text`, or `pattern`, or `values` and `types` of a JSON object."""

    text: Annotated[str, Field(min_length=1, max_length=2000)] | None = Field(
        default=None, description="The whole answer, without the blanks around it."
    )
    pattern: Pattern | None = Field(
        default=None, description="A regular expression for the whole answer, without the blanks around it."
    )
    values: dict[JsonKey, bool | int | str] | None = Field(
        default=None, description="The answer is a JSON object with these values."
    )
    types: dict[JsonKey, JsonType] | None = Field(
        default=None,
        description="Keys of that object with any value of a type: string, integer, number, boolean, array, "
        "object or null. Keys that stand in neither are wrong.",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        ways = [self.text is not None, self.pattern is not None, bool(self.values or self.types)]
        if sum(ways) != 1:
            raise ValueError("needs either text, or pattern, or values and types")
        both = set(self.values or ()) & set(self.types or ())
        if both:
            raise ValueError(f"{min(both)} has both a value and a type")
        return self


class CanaryCase(ConfigModel):
    """One gold case."""

    id: Annotated[str, Field(min_length=1, max_length=60, pattern=_ID)] = Field(
        description="Its name in the set."
    )
    layer: Annotated[Layer, Field(strict=False)] | None = Field(
        default=None, description="Only slots of this layer are asked; absent: all."
    )
    system: Annotated[str, Field(max_length=8000)] = Field(
        default="", description="System message; empty: none."
    )
    prompt: Text = Field(description="The question.")
    max_output_tokens: Tokens = Field(
        default=256, description="Most output tokens, reasoning included, so that a model may think first."
    )
    expect: Expected = Field(description="What a right answer is.")

    @property
    def digest(self) -> str:
        """SHA-256 over its canonical JSON without defaults: what the lock names it by."""
        return digest(self.model_dump(mode="json", exclude_defaults=True))


class CanaryFile(ConfigModel):
    """The shape of `configs/ai/canaries/<set>.toml`."""

    case: Annotated[tuple[CanaryCase, ...], Field(min_length=1, max_length=100), Listed] = Field(
        description="The cases."
    )

    @model_validator(mode="after")
    def _names(self) -> Self:
        """An id is given once."""
        ids = [one.id for one in self.case]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"two cases have the id {twice[0]}")
        return self

    def cases_of(self, layer: Layer) -> tuple[CanaryCase, ...]:
        """The cases that a slot of a layer is asked."""
        return tuple(one for one in self.case if one.layer in {None, layer})


def prompt_name_of(name: str) -> str:
    """The prompt name under which the cases of a set are asked."""
    return f"canary-{name}"


def prompt_version_of(case: CanaryCase) -> str:
    """The prompt version under which a case is asked: the beginning of its digest."""
    return case.digest[:12]


@dataclass(frozen=True, slots=True)
class CanaryLibrary:
    """All sets of a workspace that could be understood, by name; ``digest`` covers every file."""

    sets: Mapping[str, CanaryFile]
    digest: str

    @classmethod
    def of(cls, found: Mapping[str, CanaryFile], files: Mapping[str, str]) -> "CanaryLibrary":
        """A library of the sets ``found``; ``files`` gives the SHA-256 of every file by its path."""
        return cls(MappingProxyType(dict(found)), digest(index_of(files)))

    def find(self, name: str) -> CanaryFile | None:
        """The set of a name; ``None`` where there is none that can be read."""
        return self.sets.get(name)


NO_CANARIES: Final = CanaryLibrary(MappingProxyType({}), digest({}))
"""The library of a workspace without gold cases."""
