"""Settings of the control system: how going more dangerous is slowed down, and when a model is left alone.

Going safer has no settings. What a change of a config needs stands here too.
"""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from peak_console.config.schema import ConfigModel, Listed, Number, Percent
from peak_console.policy.breaker import SECOND_US, BreakerRules


class RampStep(ConfigModel):
    """From a time after an enable on, limits stand at a share of their value."""

    after_s: Annotated[int, Field(ge=0, le=7 * 86_400)] = Field(description="Seconds since the enable.")
    limit_pct: Percent = Field(description="Share of `max_calls_per_min` and of position limits.")


_RAMP = (
    RampStep(after_s=0, limit_pct=Decimal(50)),
    RampStep(after_s=3600, limit_pct=Decimal(75)),
    RampStep(after_s=7200, limit_pct=Decimal(100)),
)


class EnableRules(ConfigModel):
    """What an enable after a stop needs. A new workspace has no cooldown and no ramp."""

    cooldown_s: Annotated[int, Field(ge=0, le=86_400)] = Field(
        default=300, description="Seconds that must lie between a stop and the enable after it."
    )
    ramp: Annotated[tuple[RampStep, ...], Field(min_length=1), Listed] = Field(
        default=_RAMP, description="How limits come back after it."
    )


class ArmRules(ConfigModel):
    """Bounds of an arm lease."""

    default_ttl_s: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=900, description="Seconds an arm lease lasts unless the request names another time."
    )
    max_ttl_s: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=3600, description="The longest a request may name."
    )
    two_person: bool = Field(default=False, description="Whether another operator must approve.")


class ProviderBreaker(ConfigModel):
    """When a provider's model is left alone. The longest opening is never shorter than the first."""

    failures: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=5,
        description="Failures within the window that open the breaker, in a row or as `failure_pct` of the "
        "attempts.",
    )
    window_s: Annotated[int, Field(ge=1, le=86_400)] = Field(
        default=60, description="Seconds after which an attempt no longer counts."
    )
    failure_pct: Percent = Field(
        default=Decimal(50),
        description="Share of the attempts within the window from which failures open it that are not in a "
        "row.",
    )
    open_s: Annotated[int, Field(ge=1, le=86_400)] = Field(
        default=60,
        description="Seconds for which nothing is sent; at least as long as the provider asks to wait.",
    )
    longest_open_s: Annotated[int, Field(ge=1, le=86_400)] = Field(
        default=900, description="Each failed probe doubles the seconds, up to this many."
    )

    def rules(self) -> BreakerRules:
        """The rules as the breaker's arithmetic takes them."""
        return BreakerRules(
            failures=self.failures,
            window_us=self.window_s * SECOND_US,
            failure_pct=self.failure_pct,
            open_us=self.open_s * SECOND_US,
            longest_open_us=max(self.longest_open_s, self.open_s) * SECOND_US,
        )


class ChangeRules(ConfigModel):
    """What a change of a config needs before it is saved."""

    cost_rise_pct: Annotated[Number, Field(ge=0, le=10_000, max_digits=9, decimal_places=4)] = Field(
        default=Decimal(20),
        description="A change that raises the worst-case cost by more than this is confirmed twice.",
    )
    approval_valid_s: Annotated[int, Field(ge=60, le=86_400)] = Field(
        default=3600,
        description="Seconds for which another operator's approval of a matrix holds; asked for in live.",
    )
    known_good_after_s: Annotated[int, Field(ge=60, le=30 * 86_400)] = Field(
        default=86_400,
        description="Seconds in force without a break, an incident or a stop: then a version is known good.",
    )


class ControlConfig(ConfigModel):
    """The shape of `configs/control.toml`."""

    enable: EnableRules = Field(default=EnableRules(), description="Enable after a stop.")
    arm: ArmRules = Field(default=ArmRules(), description="Arming.")
    provider_breaker: ProviderBreaker = Field(
        default=ProviderBreaker(), description="The breaker of each provider's model."
    )
    changes: ChangeRules = Field(default=ChangeRules(), description="Changes of configs.")
