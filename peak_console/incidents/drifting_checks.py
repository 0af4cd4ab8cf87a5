"""What a round of canaries, or a two-sample test, shows: tiers 2 and 3, as their jobs recorded them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from peak_console.config.incidents import ModelDrift
from peak_console.domain.drift import Signal, Tier, not_answered
from peak_console.domain.text import one_line
from peak_console.incidents.drifting_slot import Slot, SlotKey
from peak_console.incidents.drifting_words import Detection, evidence_of, name_of, told_stream
from peak_console.ledger.headers import Header
from peak_console.stats.binomial import at_least

DOUBT: Final = 0.05
"""A round as bad as this by chance asks for a stronger test."""

ALPHA: Final = 0.01
"""Where a two-sample test names no alpha of its own."""

_MOST_CASES: Final = 100_000
_TIERS: Final = {Tier.CANARY.value: Tier.CANARY, Tier.TWO_SAMPLE.value: Tier.TWO_SAMPLE}


@dataclass(frozen=True, slots=True)
class Check:
    """One round or test. ``p_value`` is text as the job wrote it; empty where there is none."""

    slot: SlotKey
    tier: Tier
    seq: int
    ts: str
    ok: bool
    cases: int = 0
    passed: int = 0
    p_value: str = ""
    alpha: str = ""
    """Below which p-value its job holds the two for different."""
    failed: tuple[str, ...] = ()
    """Cases that failed, by their names."""
    unanswered: int = 0
    """Gold cases that count and were not answered: they are evidence of nothing."""

    @property
    def incomplete(self) -> bool:
        """Whether nothing failed, and not every case was answered."""
        return bool(self.unanswered) and self.passed == self.cases

    @property
    def detail(self) -> str:
        """In words."""
        if self.tier is Tier.CANARY:
            names = f": {', '.join(self.failed[:3])}" if self.failed else ""
            gone = f", {self.unanswered} not answered" if self.unanswered else ""
            return f"{self.passed} of {self.cases} gold cases passed{gone}{names}"
        return f"p = {self.p_value}" if self.p_value else "no p-value"


@dataclass(frozen=True, slots=True)
class Judged:
    """What it shows: drift, doubt, or neither."""

    detection: Detection | None = None
    doubt: bool = False


def check_of(event: Header, body: Mapping[str, Any]) -> Check | None:
    """The check that ``drift.checked`` tells; ``None`` of a body that does not say enough."""
    tier = _TIERS.get(str(body.get("tier")))
    names = [body.get(name) for name in ("layer", "role", "provider", "model_id")]
    if tier is None or not all(isinstance(one, str) for one in names):
        return None
    layer, role, provider, model_id = (one_line(str(one), 200) for one in names)
    if not provider or not model_id:
        return None
    cases, passed = _count(body.get("cases")), _count(body.get("passed"))
    if tier is Tier.CANARY and not 0 <= passed <= cases != 0:
        return None
    return Check(
        (layer, role, provider, model_id),
        tier,
        event.seq,
        event.ts,
        body.get("ok") is True and not (tier is Tier.CANARY and not_answered(body)),
        max(cases, 0),
        max(passed, 0),
        _short(body.get("p_value")),
        _short(body.get("alpha")),
        tuple(_failed(body.get("failures"))),
        not_answered(body) if tier is Tier.CANARY else 0,
    )


def judged(check: Check, slot: Slot, rules: ModelDrift) -> Judged:
    """What a check shows of its slot, whose canaries it counts in."""
    return _round(check, slot, rules) if check.tier is Tier.CANARY else _two_samples(check, slot)


def _round(check: Check, slot: Slot, rules: ModelDrift) -> Judged:
    """Gold cases: one round that chance does not explain, or evidence over rounds."""
    stream, failed = slot.rounds(rules), check.cases - check.passed
    if stream.rests:
        return Judged()
    stream.state = stream.state.after_round(failed, check.cases)
    chance = at_least(failed, check.cases, stream.state.p0)
    if chance <= float(rules.canary_alpha) or stream.state.evidence >= float(rules.alarm_log):
        stream.rests = True
        figures = {
            **evidence_of(stream.state, rules),
            "cases": check.cases,
            "failed": failed,
            "p_value": f"{chance:.2g}",
            "failures": list(check.failed[:20]),
        }
        summary = (
            f"{name_of(check.slot)} failed {failed} of {check.cases} gold cases"
            if chance <= float(rules.canary_alpha)
            else told_stream(check.slot, Signal.CANARY, stream.state)
        )
        return Judged(Detection(Signal.CANARY, check.slot, summary, check.seq, figures=figures))
    return Judged(doubt=chance <= DOUBT or stream.state.evidence >= float(rules.alarm_log - rules.warn_below))


def _two_samples(check: Check, slot: Slot) -> Judged:
    chance, alpha = _number(check.p_value), _number(check.alpha) or ALPHA
    if (Signal.TWO_SAMPLE, "") in slot.told or chance is None or chance >= alpha:
        return Judged()
    figures = {"p_value": check.p_value, "alpha": check.alpha or str(ALPHA), "cases": check.cases}
    summary = (
        f"{name_of(check.slot)} answers otherwise than in its locked samples: p = {check.p_value}, "
        f"below {figures['alpha']}"
    )
    return Judged(Detection(Signal.TWO_SAMPLE, check.slot, summary, check.seq, figures=figures))


def _failed(failures: object) -> list[str]:
    listed = failures if isinstance(failures, list | tuple) else ()
    return [one_line(str(one.get("id", "")), 60) for one in listed[:50] if isinstance(one, Mapping)]


def _short(value: object) -> str:
    return one_line(value, 40) if isinstance(value, str) else ""


def _number(text: str) -> float | None:
    """A chance as text; ``None`` for what is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def _count(value: object) -> int:
    """A count; -1 of what is none."""
    return value if type(value) is int and 0 <= value <= _MOST_CASES else -1
