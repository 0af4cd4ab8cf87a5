"""Model drift: who answers, how it behaves call by call, and what checks say, held against the lock.

Tier 0 compares names and fingerprints, tier 1 tests rates of live traffic, and what tiers 2 and 3 found
comes as ``drift.checked``. Pure: a fold of events in their order, each counted once by its place. Sets are
learnt in research: there a name that the lock does not know is shown, and nothing is detected by it.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from peak_console.config.incidents import ModelDrift
from peak_console.config.lock import LockEntry
from peak_console.domain.calls import CallReason
from peak_console.domain.drift import Signal, Tier
from peak_console.domain.events import EventKind
from peak_console.domain.text import one_line
from peak_console.domain.verdict import Verdict
from peak_console.incidents.critics import UNANSWERED
from peak_console.incidents.drifting_checks import Check, check_of, judged
from peak_console.incidents.drifting_slot import NAMES_LIMIT, Slot, SlotKey, observations
from peak_console.incidents.drifting_words import (
    NAME_LIMIT,
    Detection,
    Suspicion,
    evidence_of,
    name_of,
    told_stream,
)
from peak_console.ledger.headers import Header

ENDS: Final = frozenset({EventKind.CALL_COMPLETED.value, EventKind.CALL_FAILED.value})

KINDS: Final = frozenset(
    {
        *ENDS,
        EventKind.CRITIC_JUDGED.value,
        EventKind.DRIFT_CHECKED.value,
        EventKind.DRIFT_DETECTED.value,
        EventKind.MODEL_RELEASED.value,
    }
)
"""What the fold takes."""

SLOTS_LIMIT: Final = 512
CALLS_KEPT: Final = 5000
"""Answers that a critic may still judge."""


@dataclass(frozen=True, slots=True)
class Known:
    """What drift is held against: rules, and the entries of a lock that counts, in whatever phase."""

    rules: ModelDrift = field(default_factory=ModelDrift)
    lock: str = ""
    """The lock's digest; empty where none counts."""
    entries: Mapping[SlotKey, LockEntry] = field(default_factory=lambda: MappingProxyType({}))
    is_name: Callable[[str, str, str], bool] = lambda *_: False
    """Whether the registry lets a model (provider, model id) answer under a name."""


class Drift:
    """Every model in every slot that was seen."""

    def __init__(self) -> None:
        self.slots: dict[SlotKey, Slot] = {}
        self.lock = ""
        """The lock that the tests were begun against."""
        self.seq = 0
        """Up to here everything is counted."""
        self.checks: dict[tuple[SlotKey, Tier], Check] = {}
        self.asked_us: dict[str, int] = {}
        """When a stronger test was asked for, by model; microseconds since 1970."""
        self._calls: OrderedDict[str, list[Any]] = OrderedDict()
        """Slot of an answer, and whether a critic failed it; ``None`` while none judged it."""
        self._known, self._at_us = Known(), 0
        self._levels = math.inf, math.inf
        """Evidence of an alarm, and of a suspicion."""
        self._found: dict[tuple[SlotKey, Signal, str], Detection] = {}
        self._suspicions: list[Suspicion] = []

    # -- the fold

    def take(self, event: Header, body: Mapping[str, Any], at_us: int, known: Known) -> None:
        """Take an event in; one that was counted already changes nothing."""
        if event.seq <= self.seq or event.kind not in KINDS:
            return
        self.seq, self._at_us = event.seq, at_us
        self.hold_against(known)
        if event.kind in ENDS:
            self._ended(event, body)
        elif event.kind == EventKind.CRITIC_JUDGED:
            self._judged(body)
        elif event.kind == EventKind.DRIFT_CHECKED:
            self._checked(event, body)
        elif event.kind == EventKind.DRIFT_DETECTED:
            self._recorded(body)
        else:
            self._released(str(body.get("provider")), str(body.get("model_id")))

    def remember(self, event: Header) -> None:
        """Whose answer an earlier event was, for a critic that judges it later; nothing is counted."""
        if event.kind == EventKind.CALL_COMPLETED and event.call_id:
            self._remember(event.call_id, _slot_of(event))

    def hold_against(self, known: Known) -> None:
        """Begin every test anew where another lock counts; without one the tests stand as they stood."""
        if known is not self._known:
            rules, self._known = known.rules, known
            self._levels = float(rules.alarm_log), float(rules.alarm_log - rules.warn_below)
        if not known.lock or known.lock == self.lock:
            return
        self.lock = known.lock
        for key, slot in self.slots.items():
            slot.begin(known.entries.get(key))
        for key, entry in known.entries.items():
            if key not in self.slots:
                self._slot(key).begin(entry)

    def detections(self) -> list[Detection]:
        """Those since the last look, each once; what they show is told from now on."""
        found, self._found = list(self._found.values()), {}
        for one in found:
            told = self._slot(one.slot).told
            if len(told) < NAMES_LIMIT:
                told[one.signal, one.seen] = one.acts
        return found

    def suspicions(self) -> list[Suspicion]:
        """Those since the last look for which a stronger test is due."""
        found, self._suspicions = self._suspicions, []
        return found

    def to_act_on(self, quarantined: Collection[str]) -> list[Detection]:
        """What is on record as detected and took no model out of use: a node died between the two."""
        return [
            Detection(signal, key, f"{name_of(key)}: {signal} was detected before", self.seq, seen, new=False)
            for key, slot in self.slots.items()
            for (signal, seen), acts in sorted(slot.told.items())
            if acts and f"{key[2]}:{key[3]}" not in quarantined
        ]

    # -- tiers 0 and 1

    def _ended(self, event: Header, body: Mapping[str, Any]) -> None:
        if not event.provider or not event.model_id:
            return
        key = _slot_of(event)
        entry, slot = self._known.entries.get(key), self._slot(key)
        if event.kind == EventKind.CALL_COMPLETED:
            slot.last_us = max(slot.last_us, self._at_us)
            if event.call_id:
                self._remember(event.call_id, key)
            self._named(key, _text(body.get("served_model")))
            self._marked(key, _text(body.get("fingerprint")))
        elif body.get("reason") == CallReason.UNEXPECTED_ECHO:
            self._misnamed(key, _text(body.get("served_model")))
        if entry is not None:
            for signal, hit in observations(event.kind, body, entry.baseline).items():
                self._observe(key, signal, hit=hit)

    def _named(self, key: SlotKey, served: str) -> None:
        """Tier 0: the name in an answer."""
        entry, slot = self._known.entries.get(key), self._slot(key)
        if not served:
            return
        _count(slot.served, served)
        if entry is not None and not entry.answers_as(served):
            self._misnamed(key, served)

    def _marked(self, key: SlotKey, mark: str) -> None:
        """Tier 0: the fingerprint in an answer."""
        entry, slot = self._known.entries.get(key), self._slot(key)
        if not mark:
            return
        _count(slot.fingerprints, mark)
        if entry is None or not entry.fingerprints or mark in entry.fingerprints:
            return
        _count(slot.unexpected, mark)
        rests_on = entry.fingerprint_answers
        if rests_on >= self._known.rules.fingerprint_answers:
            summary = (
                f"{name_of(key)} answered under the fingerprint {mark}, which is none of the "
                f"{len(entry.fingerprints)} of {rests_on} locked answers"
            )
            self._detect(Detection(Signal.FINGERPRINT, key, summary, self.seq, mark))

    def _misnamed(self, key: SlotKey, served: str) -> None:
        """An answer under another name.

        From an empty set nothing is taken out of use: a dated name of the model, of which nobody had seen one
        when the lock was written, is told and fails its call.
        """
        layer, _, provider, model_id = key
        entry = self._known.entries.get(key)
        unseen = entry is not None and not entry.snapshots and self._known.is_name(provider, model_id, served)
        who = served or "another model"
        _count(self._slot(key).unexpected, who)
        summary = f"{provider}:{model_id} was asked in {layer or 'no layer'} and {who} answered"
        if unseen:
            summary += "; the lock knows no dated name of it"
        self._detect(Detection(Signal.SERVED_MODEL, key, summary, self.seq, served, acts=not unseen))

    def _judged(self, body: Mapping[str, Any]) -> None:
        """A call counts once, at its first verdict, and once more where a later critic fails it."""
        call = self._calls.get(str(body.get("judged_call_id")))
        if call is None or body.get("reason") == UNANSWERED:
            return
        key, failed_before = call
        fails = body.get("verdict") == Verdict.FAIL.value
        if failed_before is None or (fails and not failed_before):
            call[1] = fails
            self._observe(key, Signal.CRITIC_FAIL, hit=fails)

    def _observe(self, key: SlotKey, signal: Signal, *, hit: bool) -> None:
        """One more observation of a stream, held against both levels."""
        stream, (alarm_at, warn_at) = self._slot(key).streams.get(signal), self._levels
        if stream is None or stream.rests:
            return
        stream.take(hit=hit)
        evidence = stream.state.evidence
        if evidence >= alarm_at:
            stream.rests = True
            summary = told_stream(key, signal, stream.state)
            figures = evidence_of(stream.state, self._known.rules)
            self._detect(Detection(signal, key, summary, self.seq, figures=figures))
        elif evidence >= warn_at:
            self._suspect(signal, key)

    # -- tiers 2 and 3

    def _checked(self, event: Header, body: Mapping[str, Any]) -> None:
        check = check_of(event, body)
        if check is None:
            return
        self.checks[check.slot, check.tier] = check
        found = judged(check, self._slot(check.slot), self._known.rules)
        if found.detection is not None:
            self._detect(found.detection)
        elif found.doubt:
            self._suspect(Signal(check.tier.value), check.slot)

    # -- what is told

    def _detect(self, one: Detection) -> None:
        one = replace(
            one,
            acts=one.acts and one.signal in self._known.rules.quarantine,
            new=(one.signal, one.seen) not in self._slot(one.slot).told,
        )
        before = self._found.get(one.key)
        self._found[one.key] = one if before is None else replace(before, times=before.times + 1)

    def _suspect(self, signal: Signal, key: SlotKey) -> None:
        model = f"{key[2]}:{key[3]}"
        last, every_us = self.asked_us.get(model), self._known.rules.suspicion_every_s * 1_000_000
        if last is None or not 0 <= self._at_us - last < every_us:
            self.asked_us[model] = self._at_us
            self._suspicions.append(Suspicion(signal, key))

    def _recorded(self, body: Mapping[str, Any]) -> None:
        """A detection is on record: it is not made again of the same."""
        signal = next((one for one in Signal if one.value == body.get("signal")), None)
        if signal is None:
            return
        key = slot_named(body)
        seen = _text(body.get(signal.value)) if signal.tier is Tier.IDENTITY else ""
        slot = self._slot(key)
        slot.told[signal, seen] = body.get("acts") is True
        self._found.pop((key, signal, seen), None)
        stream = slot.canary if signal is Signal.CANARY else slot.streams.get(signal)
        if stream is not None:
            stream.rests = True

    def _released(self, provider: str, model_id: str) -> None:
        for key, slot in self.slots.items():
            if key[2:] == (provider, model_id):
                slot.released()
        self._found = {key: one for key, one in self._found.items() if key[0][2:] != (provider, model_id)}
        self.asked_us.pop(f"{provider}:{model_id}", None)

    # -- what is kept

    def _slot(self, key: SlotKey) -> Slot:
        found = self.slots.get(key)
        if found is None:
            if len(self.slots) >= SLOTS_LIMIT:
                del self.slots[min(self.slots, key=self._worth)]
            found = self.slots[key] = Slot()
        return found

    def _worth(self, key: SlotKey) -> tuple[bool, int]:
        """What is tested is worth more than what is only seen."""
        slot = self.slots[key]
        return bool(slot.streams), slot.last_us

    def _remember(self, call_id: str, key: SlotKey) -> None:
        self._calls[call_id] = [key, None]
        if len(self._calls) > CALLS_KEPT:
            self._calls.popitem(last=False)


def slot_named(body: Mapping[str, Any]) -> SlotKey:
    """The slot that an event of drift names."""
    layer, role, provider, model_id = (
        _text(body.get(name)) for name in ("layer", "role", "provider", "model_id")
    )
    return layer, role, provider, model_id


def _slot_of(event: Header) -> SlotKey:
    return event.layer or "", event.role or "", event.provider or "", event.model_id or ""


def _text(value: object) -> str:
    return one_line(value, NAME_LIMIT) if isinstance(value, str) else ""


def _count(seen: Any, name: str) -> None:
    if name in seen or len(seen) < NAMES_LIMIT:
        seen[name] += 1
