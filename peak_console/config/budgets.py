"""Budgets and currency: what may be spent, and at which rate USD prices become EUR."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field

from peak_console.budget.limits import BudgetLimits, Limit, Scope
from peak_console.config.schema import ConfigModel, FreeText, Number
from peak_console.config.timezones import Zone
from peak_console.domain.money import nano_from_decimal

STALE_RATE_DAYS: Final = 30
"""A currency rate older than this is reported (decision 12)."""

LAYER_SCOPES: Final = (Scope.LAYER_RUN, Scope.LAYER_DAY)

Count = Annotated[int, Field(ge=0, le=10**12)]
Eur = Annotated[Number, Field(ge=0, le=1_000_000, max_digits=16, decimal_places=9)]


class LimitEntry(ConfigModel):
    """The limits of one scope. A limit of zero denies; an absent key sets no limit of that kind."""

    max_tokens: Count | None = Field(default=None, description="Most tokens, input and output together.")
    max_cost_eur: Eur | None = Field(default=None, description="Most EUR.")
    max_calls: Count | None = Field(default=None, description="Most hops sent.")
    max_calls_per_min: Count | None = Field(default=None, description="Most hops sent in a minute.")

    def limit(self, scope: Scope, layer: str | None) -> Limit:
        """The limit as the budget's arithmetic takes it."""
        return Limit(
            scope=scope,
            layer=layer,
            max_tokens=self.max_tokens,
            max_cost=None if self.max_cost_eur is None else nano_from_decimal(self.max_cost_eur),
            max_calls=self.max_calls,
            max_calls_per_min=self.max_calls_per_min,
        )


class LayerLimits(ConfigModel):
    """Limits by layer."""

    L0: LimitEntry | None = Field(default=None, description="Ops and docs.")
    L1: LimitEntry | None = Field(default=None, description="Deep research.")
    L2: LimitEntry | None = Field(default=None, description="Market outlook.")
    L3: LimitEntry | None = Field(default=None, description="Trade plan advisory.")
    L4: LimitEntry | None = Field(default=None, description="Policy critic service.")


class Currency(ConfigModel):
    """The rate at which prices in USD become costs in EUR."""

    eur_per_usd: Annotated[Number, Field(gt=0, le=100, max_digits=12, decimal_places=9)] = Field(
        description="EUR for one USD."
    )
    as_of: date = Field(description="The day of the rate. Older than 30 days is reported.")
    source: FreeText = Field(default="", description="Where the rate was read.")


class BudgetsFile(ConfigModel):
    """The shape of `configs/ai/budgets.toml`."""

    timezone: Zone = Field(
        default="Europe/Berlin",
        description="Days and months of the limits are those of this tz database zone.",
    )
    warn_pct: Annotated[Number, Field(ge=0, le=1000, max_digits=9, decimal_places=6)] = Field(
        default=Decimal(80), description="Share of a limit from which a warning is recorded, below 100."
    )
    currency: Currency | None = Field(
        default=None, description="The dated rate. Absent: every call is refused."
    )
    call: LimitEntry | None = Field(default=None, description="One call, all its hops.")
    run: LimitEntry | None = Field(default=None, description="One run. Required.")
    layer_run: LayerLimits = Field(default=LayerLimits(), description="One layer within one run.")
    layer_day: LayerLimits = Field(default=LayerLimits(), description="One layer within one day.")
    day: LimitEntry | None = Field(default=None, description="One day, all layers. Required.")
    month: LimitEntry | None = Field(default=None, description="One calendar month.")
    phase: LimitEntry | None = Field(default=None, description="The current phase, from its start on.")

    def entries(self) -> Iterator[tuple[Scope, str | None, LimitEntry]]:
        """Every limit of the file with its scope and layer, in the order of the scopes."""
        for scope in Scope:
            value = getattr(self, scope.value)
            if isinstance(value, LimitEntry):
                yield scope, None, value
            elif isinstance(value, LayerLimits):
                for layer in LayerLimits.model_fields:
                    if (entry := getattr(value, layer)) is not None:
                        yield scope, layer, entry


@dataclass(frozen=True, slots=True)
class Budgets:
    """Budgets that were found fit for use."""

    limits: BudgetLimits
    eur_per_usd: Decimal | None
    rate_as_of: date | None
    rate_source: str
    digest: str

    @classmethod
    def of(cls, file: BudgetsFile, digest: str) -> "Budgets":
        """The budgets a file describes."""
        currency = file.currency
        return cls(
            limits=BudgetLimits(
                limits=tuple(entry.limit(scope, layer) for scope, layer, entry in file.entries()),
                warn_pct=file.warn_pct,
                timezone=file.timezone,
                digest=digest,
            ),
            eur_per_usd=currency.eur_per_usd if currency else None,
            rate_as_of=currency.as_of if currency else None,
            rate_source=currency.source if currency else "",
            digest=digest,
        )
