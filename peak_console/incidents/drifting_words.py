"""What a detection of drift says: as an alarm, and as the node's event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from peak_console.config.incidents import ModelDrift
from peak_console.domain.drift import Signal, Tier
from peak_console.domain.incidents import Trigger
from peak_console.domain.text import one_line
from peak_console.incidents.alarm import SUMMARY_LIMIT, Alarm
from peak_console.incidents.drifting_slot import SlotKey
from peak_console.stats.e_detector import EDetector

NAME_LIMIT = 120


@dataclass(frozen=True, slots=True)
class Detection:
    """Drift that was seen. ``acts``: whether the trigger's act happens, not only an incident."""

    signal: Signal
    slot: SlotKey
    summary: str
    seq: int
    """The event that showed it."""
    seen: str = ""
    """The name or fingerprint that was not expected."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    acts: bool = True
    new: bool = True
    """Whether it is to be recorded; a name that is on record already is only counted."""
    times: int = 1

    @property
    def model(self) -> str:
        """``PROVIDER:MODEL``."""
        return f"{self.slot[2]}:{self.slot[3]}"

    @property
    def key(self) -> tuple[SlotKey, Signal, str]:
        """What makes it the same again."""
        return self.slot, self.signal, self.seen


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Evidence that is not enough, and asks for a stronger test."""

    signal: Signal
    slot: SlotKey

    @property
    def model(self) -> str:
        """``PROVIDER:MODEL``."""
        return f"{self.slot[2]}:{self.slot[3]}"

    @property
    def params(self) -> dict[str, str]:
        """As the job is told of it."""
        layer, role, provider, model_id = self.slot
        told = {"layer": layer, "role": role, "provider": provider, "model_id": model_id}
        return {**told, "signal": self.signal.value}


def alarm_of(one: Detection) -> Alarm:
    """The alarm of a detection. A model is one cause; what only tells of it is a cause of its own."""
    cause = one.model if one.acts else f"{one.model} {one.signal}"
    return Alarm(
        Trigger.MODEL_DRIFT,
        cause,
        f"model:{one.model}",
        one.summary,
        _figures(one),
        one.times,
        acts=one.acts,
    )


def body_of(one: Detection, incident_id: str | None) -> dict[str, Any]:
    """The body of ``drift.detected``."""
    return {
        "tier": one.signal.tier.value,
        **_figures(one),
        "acts": one.acts,
        "summary": one_line(one.summary, SUMMARY_LIMIT),
        "incident_id": incident_id,
        "seq": one.seq,
    }


def evidence_of(state: EDetector, rules: ModelDrift) -> dict[str, Any]:
    """A test's evidence, threshold, rate and counts, without floats: the ledger keeps none."""
    return {
        "evidence": f"{state.shown:.2f}",
        "alarm_at": str(rules.alarm_log),
        "usual_pct": f"{state.p0 * 100:.3f}",
        "seen": state.seen,
        "hits": state.hits,
    }


def told_stream(one: SlotKey, signal: Signal, state: EDetector) -> str:
    """What a stream shows, in words."""
    rate = f"{state.hits} of {state.seen}, usual are {state.p0 * 100:.2f} per cent"
    words = {
        Signal.CRITIC_FAIL: "more of its answers fail the critic",
        Signal.FORMAT_FAIL: "more of its answers are of a wrong shape",
        Signal.REFUSAL: "it declines more often",
        Signal.FALLBACK: "more of its calls go on to a fallback",
        Signal.LATENCY: "more of its calls take longer than its locked 95th percentile",
        Signal.COST: "more of its calls cost more than its locked 95th percentile",
        Signal.CANARY: "it fails gold cases",
    }[signal]
    return f"{name_of(one)}: {words}: {rate}"


def name_of(slot: SlotKey) -> str:
    """``openai:gpt-6 in L2.primary``."""
    layer, role, provider, model_id = slot
    where = f"{layer}.{role}" if layer else "no layer"
    return f"{one_line(f'{provider}:{model_id}', NAME_LIMIT)} in {where}"


def _figures(one: Detection) -> dict[str, Any]:
    layer, role, provider, model_id = one.slot
    told = {
        "signal": one.signal.value,
        "provider": provider,
        "model_id": model_id,
        "layer": layer,
        "role": role,
    }
    if one.signal.tier is Tier.IDENTITY:
        told[one.signal.value] = one.seen
    return {**told, **one.figures}
