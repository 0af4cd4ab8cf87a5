"""What all config models share: frozen, strict, and every key described for the reference page."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from peak_console.domain.vocabulary import OnExhausted, PhaseLevel, SodRule


class ConfigModel(BaseModel):
    """Base of all config models: frozen, no unknown keys, no conversion between types.

    Validators are built at first use: the outer model's has the inner ones in it, which then need none. Two
    threads may be the first together from pydantic 2.14 on, which `pyproject.toml` asks for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


_PRINTABLE = r"^[\x21-\x7e]+$"

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=_PRINTABLE)]
"""A provider's or model's identifier as the provider writes it: printable ASCII without blanks."""

FreeText = Annotated[str, Field(max_length=2000)]

Tokens = Annotated[int, Field(ge=1, le=100_000_000)]

Seconds = Annotated[int, Field(ge=1, le=86_400)]


def _exact(value: object) -> object:
    """A whole number may be written without its point: ``5`` is ``5.0``."""
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


Number = Annotated[Decimal, BeforeValidator(_exact)]
"""An exact decimal number; never a binary float."""

Usd = Annotated[Number, Field(ge=0, le=1_000_000, max_digits=20, decimal_places=9)]

Percent = Annotated[Number, Field(ge=0, le=100, max_digits=9, decimal_places=6)]
"""A share in percent: 5.0 is five percent (decision 19)."""

SodChoice = Annotated[SodRule, Field(strict=False)]
ExhaustedChoice = Annotated[OnExhausted, Field(strict=False)]
PhaseChoice = Annotated[PhaseLevel, Field(strict=False)]


def _tuple_of(value: object) -> object:
    """TOML and YAML have lists; a frozen model holds tuples."""
    return tuple(value) if isinstance(value, list) else value


TupleOfNames = Annotated[tuple[Name, ...], BeforeValidator(_tuple_of)]

Listed = BeforeValidator(_tuple_of)
"""Reads a list of the file as a tuple."""

PROMPT_REFERENCE = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*)@([0-9][0-9A-Za-z.]*)")
"""``<name>@<version>``, the two being folder and file of ``prompts/<name>/<version>.md``."""

PromptReference = Annotated[str, Field(pattern=rf"^{PROMPT_REFERENCE.pattern}$", max_length=120)]
