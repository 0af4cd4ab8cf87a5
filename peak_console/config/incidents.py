"""What opens an incident, from where on, what happens by itself, and whom it is told beyond the console."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from peak_console.config.schema import ConfigModel, Listed, Number, Percent
from peak_console.domain.drift import Signal
from peak_console.domain.incidents import Auto, Trigger

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[int, Field(ge=1, le=7 * 86_400)]
Factor = Annotated[Number, Field(gt=0, le=1000, max_digits=9, decimal_places=4)]
Eur = Annotated[Number, Field(ge=0, le=1_000_000, max_digits=15, decimal_places=9)]

Chance = Annotated[Number, Field(gt=0, lt=1, max_digits=9, decimal_places=8)]

QUARANTINING: Final = (
    Signal.SERVED_MODEL,
    Signal.FINGERPRINT,
    Signal.CRITIC_FAIL,
    Signal.FORMAT_FAIL,
    Signal.REFUSAL,
    Signal.CANARY,
    Signal.TWO_SAMPLE,
)
"""Signals of a changed model. A slower, dearer or less available one is the same model."""

WATCHED: Final = tuple(one for one in Trigger if one not in {Trigger.OPERATOR, Trigger.TEST})
"""Triggers that the node watches; the others are people's."""


class TriggerRules(ConfigModel):
    """What every trigger has."""

    enabled: bool = Field(
        default=True,
        description="Whether it is watched. One that is off is named by lint, "
        "status, doctor and the pre-live checklist.",
    )
    auto: Annotated[Auto, Field(strict=False)] = Field(
        default=Auto.NONE,
        description="What happens by itself: none, disarm, stop_scope, stop, or quarantine (model_drift "
        "only). It only ever makes it safer.",
    )
    quiet_s: Seconds = Field(
        default=900,
        description="Seconds after a close in which the same cause opens no new incident, unless something "
        "is to happen by itself again.",
    )


class PolicyViolation(TriggerRules):
    """A forbidden provider or model was asked for or answered, a scope was left, an output was forbidden."""

    auto: Annotated[Auto, Field(strict=False)] = Field(
        default=Auto.STOP_SCOPE, description="See above; by default the layer is stopped."
    )
    count: Count = Field(default=1, description="Violations of one layer within `window_s` that open it.")
    window_s: Seconds = Field(default=300, description="The window they are counted in.")


class BurnWindow(ConfigModel):
    """A pair of windows: both must burn at `factor` times the even rate of a daily budget."""

    factor: Factor = Field(description="Times the rate that would just use the budget up in a day.")
    long_s: Seconds = Field(description="The long window.")
    short_s: Seconds = Field(description="The short one: it still burns now.")


_BURN: Final = (
    BurnWindow(factor=Decimal(12), long_s=900, short_s=180),
    BurnWindow(factor=Decimal(6), long_s=3600, short_s=300),
    BurnWindow(factor=Decimal(3), long_s=14_400, short_s=1200),
)


class BudgetRunaway(TriggerRules):
    """Money goes much faster than the day's budget allows."""

    auto: Annotated[Auto, Field(strict=False)] = Field(
        default=Auto.STOP_SCOPE, description="See above; by default the layer that spends, else everything."
    )
    windows: Annotated[tuple[BurnWindow, ...], Field(min_length=1), Listed] = Field(
        default=_BURN, description="Pairs of windows, any of which opens it."
    )
    least_calls: Count = Field(default=10, description="Calls that the short window must hold.")
    least_eur: Eur = Field(default=Decimal("0.05"), description="EUR that the short window must hold.")


class LatencySpike(TriggerRules):
    """Whole calls of a model take much longer than they did."""

    baseline_calls: Count = Field(default=500, description="Calls that teach what is usual, per model.")
    alarm_log: Factor = Field(
        default=Decimal("10.6"),
        description="Evidence (natural log) from which it opens; 10.6 is 1 in 40,000.",
    )


class CriticFailRate(TriggerRules):
    """A critic fails much more than it did, by a sequential test over its verdicts."""

    baseline_pct: Percent = Field(
        default=Decimal(10), description="The share of FAIL that is usual; evidence counts from above it."
    )
    alarm_log: Factor = Field(
        default=Decimal("10.6"), description="Evidence (natural log) from which it opens."
    )


class ModelDrift(TriggerRules):
    """A provider answers with another model than the lock knows, or its behaviour has changed."""

    auto: Annotated[Auto, Field(strict=False)] = Field(
        default=Auto.QUARANTINE, description="See above; by default the model is taken out of use."
    )
    quarantine: Annotated[tuple[Annotated[Signal, Field(strict=False)], ...], Listed] = Field(
        default=QUARANTINING,
        description="Signals upon which `auto` happens; upon the others an incident is opened and no more.",
    )
    alarm_log: Factor = Field(
        default=Decimal("10.597"),
        description="Evidence (natural log) from which a stream or the canaries detect; 10.597 is a false "
        "alarm in 40,000 observations of a stream at most.",
    )
    warn_below: Factor = Field(
        default=Decimal(3),
        description="So far below `alarm_log` suspicion begins; it asks for a stronger test.",
    )
    fingerprint_answers: Count = Field(
        default=100, description="Answers that a learnt set of fingerprints must rest on to be held to."
    )
    canary_fail_pct: Annotated[Percent, Field(gt=0, lt=100)] = Field(
        default=Decimal(2), description="Share of gold cases that a sound model may fail."
    )
    canary_alpha: Chance = Field(
        default=Decimal("0.0001"),
        description="One round of canaries that is as bad as this by chance only detects at once.",
    )
    suspicion_every_s: Annotated[int, Field(ge=60, le=30 * 86_400)] = Field(
        default=86_400, description="A suspicion of one model asks for a two-sample test this often at most."
    )


class LedgerBroken(TriggerRules):
    """The ledger does not verify, cannot be written, or is not the one that was signed."""

    auto: Annotated[Auto, Field(strict=False)] = Field(default=Auto.STOP, description="See above.")


class Lapse(TriggerRules):
    """The node was gone, or its lease lapsed, without a stop."""

    least_s: Seconds = Field(default=10, description="Seconds without a lease from which it is told.")


class WorkerLost(TriggerRules):
    """A caller with calls in flight went away, or did not acknowledge a stop."""

    ack_s: Seconds = Field(default=5, description="Seconds that a worker has to acknowledge a stop.")


class HookKind(StrEnum):
    """How a hook is told."""

    WEBHOOK = "webhook"
    COMMAND = "command"


class Hook(ConfigModel):
    """Whom incidents are told outside the console. A hook never holds up a stop and decides nothing."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")] = Field(
        description="Its name, for the ledger and `peak incident test-alert`."
    )
    kind: Annotated[HookKind, Field(strict=False)] = Field(description="webhook or command.")
    url: Annotated[str, Field(max_length=2000)] = Field(
        default="", description="For a webhook: https, or http on loopback. Signed (Standard Webhooks, v1a)."
    )
    command: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=1000)], ...], Listed] = Field(
        default=(), description="For a command: program and arguments; the incident comes as JSON on stdin."
    )
    triggers: Annotated[tuple[Annotated[Trigger, Field(strict=False)], ...], Listed] = Field(
        default=(), description="Which triggers it is told of; none named: all."
    )
    timeout_s: Annotated[int, Field(ge=1, le=60)] = Field(default=5, description="Seconds for one try.")
    tries: Annotated[int, Field(ge=1, le=20)] = Field(
        default=6, description="Tries, further and further apart, before it is given up and said so."
    )


class IncidentsConfig(ConfigModel):
    """The shape of `configs/incidents.toml`. A trigger that is absent holds with its defaults."""

    policy_violation: PolicyViolation = Field(default=PolicyViolation(), description="Policy.")
    budget_runaway: BudgetRunaway = Field(default=BudgetRunaway(), description="Money.")
    model_drift: ModelDrift = Field(default=ModelDrift(), description="Drift.")
    latency_spike: LatencySpike = Field(default=LatencySpike(), description="Latency.")
    ledger_broken: LedgerBroken = Field(default=LedgerBroken(), description="The ledger.")
    lapse: Lapse = Field(default=Lapse(), description="The node.")
    critic_fail_rate: CriticFailRate = Field(default=CriticFailRate(), description="Critics.")
    posture_conflict: TriggerRules = Field(
        default=TriggerRules(), description="Sources of the posture contradict each other."
    )
    worker_lost: WorkerLost = Field(default=WorkerLost(), description="Callers.")
    arm_lockout: TriggerRules = Field(
        default=TriggerRules(), description="Arming was locked by wrong tokens or phrases."
    )
    hooks: Annotated[tuple[Hook, ...], Listed] = Field(default=(), description="Whom incidents are told.")

    @property
    def off(self) -> tuple[str, ...]:
        """Triggers that are switched off: nothing of theirs is seen, and nothing happens by itself."""
        return tuple(one.value for one in WATCHED if not self.rules(one).enabled)

    def rules(self, trigger: Trigger) -> TriggerRules:
        """The rules of a watched trigger; raises ``KeyError`` for a person's."""
        if trigger not in WATCHED:
            raise KeyError(trigger)
        found: TriggerRules = getattr(self, trigger.value)
        return found
