"""The metrics by name: what each says, its labels, and how it is read off a :class:`Reading`. Pure.

Base units: seconds, EUR, bytes. ``run_id`` is never a label.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.money import NANO
from peak_console.domain.posture import PostureState
from peak_console.operations.metrics import BOUNDS_S, LedgerFigures, Reading, Slot

Samples = Iterator[tuple[Sequence[str], float]]

BREAKER_STATES: Final = ("closed", "half_open", "open")
MODEL: Final = ("provider", "model_id")
SLOT: Final = ("layer", "role", "provider", "model_id")

_US: Final = 1_000_000
_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. ``samples`` gives label values and figures; a counter's name here lacks its ``_total``."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Callable[[LedgerFigures], Samples]
    counter: bool = True

    def of(self, ledger: LedgerFigures) -> Metric:
        """The family as Prometheus takes it."""
        made: type[CounterMetricFamily | GaugeMetricFamily]
        made = CounterMetricFamily if self.counter else GaugeMetricFamily
        family = made(self.name, self.help, labels=self.labels)
        for labels, value in self.samples(ledger):
            family.add_metric(labels, value)
        return family


def families(reading: Reading, build: Mapping[str, str]) -> Iterator[Metric]:
    """Every family of a reading; without a ledger, those that need none."""
    yield from _posture(reading)
    yield _build(build)
    up = GaugeMetricFamily("ledger_up", UP_HELP)
    up.add_metric((), not isinstance(reading.ledger, LedgerUnavailable))
    yield up
    if not isinstance(reading.ledger, LedgerUnavailable):
        for family in LEDGER_FAMILIES:
            yield family.of(reading.ledger)
        yield _durations(reading.ledger)


def _calls(ledger: LedgerFigures) -> Samples:
    return ((_of(slot), one.calls) for slot, one in ledger.slots.items())


def _errors(ledger: LedgerFigures) -> Samples:
    return (((*_of(slot), reason), count) for (slot, reason), count in ledger.errors.items())


def _refusals(ledger: LedgerFigures) -> Samples:
    return (((*_of(slot), reason), count) for (slot, reason), count in ledger.refusals.items())


def _tokens(ledger: LedgerFigures) -> Samples:
    for slot, one in ledger.slots.items():
        for kind, count in one.tokens.items():
            yield (*_of(slot), kind), count


def _cost(ledger: LedgerFigures) -> Samples:
    return ((_of(slot), one.cost_nano_eur / NANO) for slot, one in ledger.slots.items())


def _unsettled(ledger: LedgerFigures) -> Samples:
    return ((_of(slot), one.unsettled_nano_eur / NANO) for slot, one in ledger.slots.items())


def _fallbacks(ledger: LedgerFigures) -> Samples:
    return ((_of(slot), one.fallbacks) for slot, one in ledger.slots.items())


def _verdicts(ledger: LedgerFigures) -> Samples:
    return iter(ledger.verdicts.items())


def _denials(ledger: LedgerFigures) -> Samples:
    return iter(ledger.denials.items())


def _events(ledger: LedgerFigures) -> Samples:
    yield (), ledger.events


def _in_flight(ledger: LedgerFigures) -> Samples:
    yield (), ledger.in_flight


def _breaker_states(ledger: LedgerFigures) -> Samples:
    for model, one in ledger.breakers.items():
        for state in BREAKER_STATES:
            yield (*model, state), one.state == state


def _trips(ledger: LedgerFigures) -> Samples:
    return ((model, one.trips) for model, one in ledger.breakers.items())


def _bytes(ledger: LedgerFigures) -> Samples:
    yield ("ledger",), ledger.size
    yield ("wal",), ledger.wal_size


def _cycles(ledger: LedgerFigures) -> Samples:
    return iter(ledger.shadow.cycles.items())


def _decisions(ledger: LedgerFigures) -> Samples:
    return iter(ledger.shadow.decisions.items())


def _blocks(ledger: LedgerFigures) -> Samples:
    return iter(ledger.shadow.blocks.items())


def _job_runs(ledger: LedgerFigures) -> Samples:
    return iter(ledger.shadow.runs.items())


def _job_successes(ledger: LedgerFigures) -> Samples:
    return iter(ledger.shadow.succeeded.items())


def _evidence(ledger: LedgerFigures) -> Samples:
    return iter(ledger.shadow.evidence.items())


def _quarantines(ledger: LedgerFigures) -> Samples:
    return iter(ledger.shadow.quarantined.items())


LEDGER_FAMILIES: Final = (
    Family("llm_calls", "Hops sent to a provider, answered or not.", SLOT, _calls),
    Family("llm_call_errors", "Hops that failed, by reason.", (*SLOT, "reason"), _errors),
    Family("llm_call_refusals", "Calls refused before they left, by reason.", (*SLOT, "reason"), _refusals),
    Family(
        "llm_tokens",
        "Tokens as billed; input includes cached, output includes reasoning.",
        (*SLOT, "type"),
        _tokens,
    ),
    Family("llm_cost_eur", "Cost of calls in EUR, but for what is unsettled.", SLOT, _cost),
    Family(
        "llm_cost_unsettled_eur",
        "Cost booked at its bound because nobody told the bill, while no answer and no operator has.",
        SLOT,
        _unsettled,
        counter=False,
    ),
    Family("llm_fallbacks", "Fallbacks taken, counted at the model that stood in.", SLOT, _fallbacks),
    Family("critic_verdicts", "Verdicts of critics, by the judged layer.", ("layer", "verdict"), _verdicts),
    Family("policy_denials", "Denials by the hard deny and the guards.", ("rule",), _denials),
    Family(
        "provider_breaker_state",
        "The breaker of a provider's model: 1 at its state, 0 at the others.",
        (*MODEL, "state"),
        _breaker_states,
        counter=False,
    ),
    Family("provider_breaker_trips", "How often the breaker of a provider's model opened.", MODEL, _trips),
    Family("ledger_events", "Events in the ledger: its last sequence number.", (), _events),
    Family("llm_calls_in_flight", "Calls that hold a budget reservation.", (), _in_flight, counter=False),
    Family("shadow_cycles", "Shadow cycles finished, by job and outcome.", ("job", "outcome"), _cycles),
    Family("gate_decisions", "Decisions of the risk gate, by verdict.", ("verdict",), _decisions),
    Family(
        "gate_blocks",
        "Reasons for which the risk gate blocked; one decision may have several.",
        ("reason",),
        _blocks,
    ),
    Family("job_runs", "Runs of jobs that ended or were missed, by state.", ("job", "state"), _job_runs),
    Family(
        "job_last_success_timestamp_seconds",
        "When a job last succeeded, in seconds since 1970.",
        ("job",),
        _job_successes,
        counter=False,
    ),
    Family(
        "drift_evidence",
        "Evidence that a model drifted, as the natural logarithm, by signal; the strongest over its slots.",
        (*MODEL, "signal"),
        _evidence,
        counter=False,
    ),
    Family("model_quarantined", "Whether a model is out of use: 1 or 0.", MODEL, _quarantines, counter=False),
    Family("ledger_size_bytes", "Sizes of the ledger's files.", ("file",), _bytes, counter=False),
)
"""The metrics of the ledger, but for the histogram."""

DURATION: Final = "llm_call_duration_seconds"
DURATION_HELP: Final = "Duration of answered hops, retries included; within 1 % at the bounds."
POSTURE_HELP: Final = "The posture: 1 at its state, 0 at the others."
PERMITTED_HELP: Final = "Whether calls are permitted now."
LEASE_HELP: Final = "Age of the node's lease; absent without one of this boot."
UP_HELP: Final = "Whether the ledger could be read."
BUILD_HELP: Final = "Versions, always 1."


def _durations(ledger: LedgerFigures) -> Metric:
    family = HistogramMetricFamily(DURATION, DURATION_HELP, labels=SLOT)
    bounds = [str(bound) for bound in BOUNDS_S]
    for slot, one in ledger.slots.items():
        latency = one.latency
        buckets = [*zip(bounds, latency.at_most, strict=True), ("+Inf", latency.count)]
        family.add_metric(_of(slot), buckets, latency.total_us / _US)
    return family


def _posture(reading: Reading) -> Iterator[Metric]:
    posture = reading.posture
    states = GaugeMetricFamily("control_posture", POSTURE_HELP, labels=("state",))
    for state in PostureState:
        states.add_metric((state.value,), posture.state is state)
    yield states
    permitted = GaugeMetricFamily("control_calls_permitted", PERMITTED_HELP)
    permitted.add_metric((), posture.calls)
    yield permitted
    if posture.age_ms is not None:
        age = GaugeMetricFamily("control_lease_age_seconds", LEASE_HELP)
        age.add_metric((), posture.age_ms / _MS)
        yield age


def _build(build: Mapping[str, str]) -> Metric:
    family = GaugeMetricFamily("peak_build_info", BUILD_HELP, labels=tuple(build))
    family.add_metric(tuple(build.values()), 1)
    return family


def _of(slot: Slot) -> tuple[str, str, str, str]:
    return slot.layer, slot.role, slot.provider, slot.model_id
