"""What the ledger holds of a model in a slot: counts of its newest hops, names it answered under, samples."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from peak_console.config.lock import Baseline, LockKey, StoredSample
from peak_console.domain.calls import CallReason
from peak_console.domain.clock import iso
from peak_console.domain.drift import was_out_of_use
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.verdict import Verdict
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.locking.checked import Checked, checked_in
from peak_console.operations.locking.entries import Known, is_name
from peak_console.operations.views.body_fields import listed, mapping, nano, text_of, time_of, whole
from peak_console.stats.sketch import QuantileSketch

MOST_HOPS: Final = 2000
"""At most this many hops are counted of each model in a slot, the newest. With as many the false alarms of a
detector that takes their rate as its own stay near its nominal figure."""

SAMPLES: Final = 25
"""Answers kept as samples, the newest, each to its own question: as many as a two-sample test asks again."""

FINGERPRINTS: Final = 64
"""More different fingerprints than this name no version, but single answers."""

MOST_NEW: Final = 0.01
"""A set of which more than this share of answers had a fingerprint to themselves is not all there is: by
Turing's estimate that share is the chance that the next answer brings another."""

_PAGE: Final = 500
_PAGES: Final = 200
_ENDS: Final = (EventKind.CALL_COMPLETED.value, EventKind.CALL_FAILED.value)
_LATE: Final = frozenset({CallReason.TIMEOUT.value, CallReason.DEADLINE.value})
_P95: Final = 0.95


@dataclass
class _Tally:
    counts: dict[str, int] = field(default_factory=dict)
    latency: QuantileSketch = field(default_factory=QuantileSketch)
    cost: QuantileSketch = field(default_factory=QuantileSketch)
    output: QuantileSketch = field(default_factory=QuantileSketch)
    names: set[str] = field(default_factory=set)
    fingerprints: Counter[str] = field(default_factory=Counter)
    samples: list[StoredSample] = field(default_factory=list)
    calls: set[str] = field(default_factory=set)
    first: datetime | None = None
    last: datetime | None = None

    def count(self, name: str, *, when: bool = True) -> None:
        self.counts[name] = self.counts.get(name, 0) + when


@dataclass(frozen=True, slots=True)
class Beside:
    """What other events say of calls: verdicts by call, and the hops that a fallback followed."""

    verdicts: dict[str, str]
    left: frozenset[tuple[str, str, str]]
    """Call id, provider and model id of whom a call went on from."""
    checked: Checked = field(default_factory=Checked)


def known_of(reader: LedgerReader, key: LockKey, since: datetime, beside: Beside) -> Known:
    """The newest hops of a model in a slot since a moment. Raises ``LedgerUnavailable``."""
    layer, role, provider, model_id = key
    asked = EventFilter(
        kinds=_ENDS,
        layers=(layer.value,),
        roles=(role.value,),
        providers=(provider,),
        model_ids=(model_id,),
        since=iso(since),
    )
    tally = _Tally()
    for count, event in enumerate(_events(reader, asked)):
        if count == MOST_HOPS:
            break
        _take(tally, event, beside)
    return Known(
        _baseline(tally, beside),
        tuple(sorted(tally.names - {model_id})),
        tuple(tally.samples),
        *learnt(tally.fingerprints),
        canaries=beside.checked.gold(key),
    )


def learnt(seen: Counter[str]) -> tuple[tuple[str, ...], int]:
    """The set that fingerprints of answers show, and how many answers it rests on.

    Nothing where they are too many to be versions, or so many came once that others must be expected.
    """
    answers, once = seen.total(), sum(1 for times in seen.values() if times == 1)
    if not answers or len(seen) > FINGERPRINTS or once > answers * MOST_NEW:
        return (), 0
    return tuple(sorted(seen)), answers


def beside_of(reader: LedgerReader, since: datetime) -> Beside:
    """Verdicts, fallbacks and tests of drift since a moment. Raises ``LedgerUnavailable``."""
    verdicts: dict[str, str] = {}
    left: set[tuple[str, str, str]] = set()
    kinds = (EventKind.CRITIC_JUDGED.value, EventKind.FALLBACK_TAKEN.value)
    for event in _events(reader, EventFilter(kinds=kinds, since=iso(since))):
        body = event.body or {}
        if event.kind == EventKind.FALLBACK_TAKEN:
            before = mapping(body.get("from"))
            left.add((event.call_id or "", str(before.get("provider")), str(before.get("model_id"))))
        else:
            judged, verdict = str(body.get("judged_call_id")), str(body.get("verdict"))
            verdicts[judged] = verdict if verdicts.get(judged) != Verdict.FAIL else Verdict.FAIL.value
    tests = EventFilter(kinds=(EventKind.DRIFT_CHECKED.value,), since=iso(since))
    return Beside(verdicts, frozenset(left), checked_in(_events(reader, tests)))


def _events(reader: LedgerReader, asked: EventFilter) -> Iterator[LedgerEvent]:
    """Newest first; a ledger with more pages than one command can read is read as far as that."""
    before: int | None = None
    for _ in range(_PAGES):
        page = reader.find(asked, before, _PAGE)
        yield from page.events
        before = page.next_before
        if before is None:
            return


def _take(tally: _Tally, event: LedgerEvent, beside: Beside) -> None:
    body = event.body
    if body is None or was_out_of_use(body):
        return
    at = time_of(event)
    tally.first, tally.last = at, tally.last or at
    tally.count("calls")
    tally.count("retried", when=len(listed(body.get("attempts"))) > 1)
    hop = (event.call_id or "", event.provider or "", event.model_id or "")
    tally.count("fallback_used", when=hop in beside.left)
    if event.kind == EventKind.CALL_FAILED:
        reason = body.get("reason")
        tally.count("failed")
        tally.count("timed_out", when=reason in _LATE)
        tally.count("format_failed", when=reason == CallReason.MALFORMED)
        return
    _take_answer(tally, event, body)
    if len(tally.samples) < SAMPLES and event.run_id not in beside.checked.runs:
        tally.samples += _sample(event, body)


def _take_answer(tally: _Tally, event: LedgerEvent, body: Any) -> None:
    tally.count("refused", when=body.get("refusal") is True)
    if event.call_id is not None:
        tally.calls.add(event.call_id)
    for sketch, value in (
        (tally.latency, whole(body.get("latency_us"))),
        (tally.cost, nano(body.get("cost_eur"))),
        (tally.output, whole(mapping(body.get("usage")).get("output"))),
    ):
        if value is not None and value >= 0:
            sketch.add(value)
    served = text_of(body.get("served_model"))
    if served is not None and is_name(served):
        tally.names.add(served)
    fingerprint = text_of(body.get("fingerprint"))
    if fingerprint is not None and is_name(fingerprint):
        tally.fingerprints[fingerprint] += 1


def _sample(event: LedgerEvent, body: Any) -> Iterable[StoredSample]:
    try:
        yield StoredSample(
            run_id=event.run_id or "",
            request_hash=str(body.get("request_hash")),
            answer_sha256=str(body.get("answer_text_sha256")),
        )
    except ValidationError:
        return


def _baseline(tally: _Tally, beside: Beside) -> Baseline:
    verdicts = [beside.verdicts[one] for one in tally.calls if one in beside.verdicts]
    latency, cost = tally.latency.quantile(_P95), tally.cost.quantile(_P95)
    low, high = tally.output.quantile(0.01), tally.output.quantile(0.99)
    return Baseline(
        since=tally.first,
        until=tally.last,
        **{name: count for name, count in tally.counts.items() if count},
        judged=len(verdicts),
        critic_failed=verdicts.count(Verdict.FAIL.value),
        latency_p95_ms=None if latency is None else round(latency / 1000),
        cost_p95_nano_eur=None if cost is None else round(cost),
        output_tokens_p1=None if low is None else round(low),
        output_tokens_p99=None if high is None else round(high),
    )
