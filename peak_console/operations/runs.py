"""A run in one line, folded from its events one by one: lists, the index and screens use the same fold. Pure.

A body that was pruned or is not as it should be changes nothing but what can be read of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any, ClassVar, Final

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.text import one_line
from peak_console.domain.trading import GateVerdict
from peak_console.domain.verdict import Verdict
from peak_console.ledger.folds.bound_spend import LOST, WORST_CASE
from peak_console.operations.views.body_fields import (
    EPOCH,
    Body,
    listed,
    mapping,
    nano,
    text_of,
    time_of,
    whole,
)

OPEN: Final = "open"
"""A run that was begun and has not said that it ended."""
LOST_CALLER: Final = "lost"
"""A run that never said that it ended, and whose caller's connection ended in mid-call."""
LOOSE: Final = "loose"
"""Calls under a run id that nobody began as a run."""
ENDED: Final = ("ok", "failed", "aborted")
"""How a run ended, as ``run.finished`` says."""
OUTCOMES: Final = (*ENDED, OPEN, LOST_CALLER, LOOSE)
"""How a run stands: as ``run.finished`` says, or why it does not."""

ORDER_INTENDED: Final = "order.intended"
"""The kind of an order's first event (the same contract)."""

_WIDTH: Final = 80


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as lists show it. ``cost`` in nano-EUR; ``finished`` is ``None`` while nobody said so.

    ``calls`` counts logical calls that were asked, critics' own among them; ``failed`` hops that failed,
    ``refused`` calls and hops that were refused, ``fallbacks`` hops that went to a stand-in.
    """

    run_id: str
    seq: int
    """Place of the run's first event: what lists go on from."""
    last_seq: int
    started: datetime
    finished: datetime | None
    last: datetime
    """When its last event was written."""
    phase: str = ""
    layers: tuple[str, ...] = ()
    """Layers that were asked, in order of their names; the run's own is ``layer``."""
    layer: str = ""
    purpose: str = ""
    actor: str = ""
    outcome: str = OPEN
    """One of :data:`OUTCOMES`."""
    calls: int = 0
    hops: int = 0
    in_flight: int = 0
    """Hops that were requested and have not ended."""
    failed: int = 0
    refused: int = 0
    fallbacks: int = 0
    verdict: str = ""
    """The strictest word of its critics; empty where none judged."""
    gate: str = ""
    """The strictest decision of the risk gate; empty where it was not asked."""
    orders: int = 0
    cost: int = 0
    at_bound: int = 0
    """What of the cost stands at its bound, for nobody told the bill."""
    tokens_in: int = 0
    tokens_out: int = 0
    artefacts: int = 0
    simulated: bool = False
    evidence: str = ""
    """Where its sealed pack lies; empty where none was made."""
    pruned: int = 0
    """Events whose body was dropped by retention: their part of the figures is not known."""


@dataclass(frozen=True, slots=True)
class _Booked:
    """What a hop adds to the figures."""

    cost: int = 0
    at_bound: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    open: int = 0
    failed: int = 0


_NOTHING: Final = _Booked()
_OPEN_HOP: Final = _Booked(open=1)


class RunFold:
    """The fold of one run's events, in the ledger's order: :meth:`take` each, :attr:`line` at any time.

    Taking an event twice changes nothing: places at or below the last one are passed over. Only hops whose
    figures may still change are kept, so a long run costs no more than a short one.
    """

    def __init__(self, run_id: str) -> None:
        begun = RunLine(run_id, 0, 0, EPOCH, None, EPOCH)
        self._line = SimpleNamespace(**{one.name: getattr(begun, one.name) for one in fields(begun)})
        self._begun = self._caller_lost = False
        self._calls: set[str] = set()
        self._hops: dict[tuple[str, int], _Booked] = {}

    @property
    def line(self) -> RunLine:
        """The run as its events so far tell it."""
        return RunLine(**vars(self._line))

    def take(self, event: LedgerEvent) -> RunLine:
        """The line after one more event; one of another run, or taken before, changes nothing."""
        self.add(event)
        return self.line

    def add(self, event: LedgerEvent) -> None:
        """:meth:`take` for whoever wants the line later only."""
        line = self._line
        if event.run_id != line.run_id or event.seq <= line.last_seq:
            return
        at, body = time_of(event), event.body or {}
        if not line.seq:
            self._set(seq=event.seq, started=at, actor=one_line(event.actor, _WIDTH))
        self._set(
            last_seq=event.seq,
            last=at,
            pruned=line.pruned + (event.body is None),
            simulated=line.simulated or body.get("simulated") is True,
        )
        rule = self._rules.get(event.kind)
        if rule is not None:
            rule(self, event, body)
        self._set(outcome=self._outcome())

    # -- within

    def _set(self, **told: Any) -> None:
        vars(self._line).update(told)

    def _outcome(self) -> str:
        if self._line.finished is not None:
            return str(self._line.outcome)
        if not self._begun:
            return LOOSE
        return LOST_CALLER if self._caller_lost else OPEN

    def _book(self, event: LedgerEvent, body: Body, booked: _Booked, *, final: bool) -> None:
        """``booked`` in the place of what stands for the hop; forgotten where nothing can change it."""
        key = (event.call_id or "", whole(body.get("hop")) or -event.seq)
        before, line = self._hops.pop(key, None), self._line
        if not final:
            self._hops[key] = booked
        new, old = before is None, before or _NOTHING
        self._set(
            hops=line.hops + new,
            in_flight=line.in_flight + booked.open - old.open,
            failed=line.failed + booked.failed - old.failed,
            cost=line.cost + booked.cost - old.cost,
            at_bound=line.at_bound + booked.at_bound - old.at_bound,
            tokens_in=line.tokens_in + booked.tokens_in - old.tokens_in,
            tokens_out=line.tokens_out + booked.tokens_out - old.tokens_out,
        )

    def _began(self, event: LedgerEvent, body: Body) -> None:
        self._begun = True
        self._set(layer=self._line.layer or event.layer or "")
        self._say(body)

    def _say(self, body: Body) -> None:
        """Purpose and phase, as whoever says them first does."""
        told = {name: one_line(str(body.get(name) or ""), _WIDTH) for name in ("purpose", "phase")}
        self._set(**{name: getattr(self._line, name) or one for name, one in told.items()})

    def _ended(self, event: LedgerEvent, body: Body) -> None:
        self._set(
            finished=time_of(event),
            outcome=one_line(str(body.get("outcome") or "?"), 20),
            artefacts=self._line.artefacts + len(listed(body.get("artefacts"))),
        )

    def _asked(self, event: LedgerEvent, body: Body) -> None:
        self._calls.add(event.call_id or "")
        layers = {*self._line.layers, event.layer} if event.layer else self._line.layers
        self._set(calls=len(self._calls), layers=tuple(sorted(layers)))
        self._say(body)

    def _requested(self, event: LedgerEvent, body: Body) -> None:
        self._asked(event, body)
        if whole(body.get("hop")) is not None:
            self._book(event, body, _OPEN_HOP, final=False)

    def _refused(self, event: LedgerEvent, body: Body) -> None:
        self._asked(event, body)
        self._set(refused=self._line.refused + 1)

    def _closed(self, event: LedgerEvent, body: Body) -> None:
        cost, usage = nano(body.get("cost_eur")) or 0, mapping(body.get("usage"))
        at_bound = body.get("cost_basis") == WORST_CASE
        lost = str(body.get("reason")) in LOST
        booked = _Booked(
            cost,
            at_bound=cost if at_bound else 0,
            tokens_in=whole(usage.get("input")) or 0,
            tokens_out=whole(usage.get("output")) or 0,
            failed=event.kind == EventKind.CALL_FAILED,
        )
        self._caller_lost = self._caller_lost or lost
        self._book(event, body, booked, final=not (at_bound or lost))

    def _settled(self, event: LedgerEvent, body: Body) -> None:
        before = self._hops.get((event.call_id or "", whole(body.get("hop")) or -event.seq))
        cost = nano(body.get("cost_eur"))
        if before is not None and cost is not None:
            self._book(event, body, replace(before, cost=cost, at_bound=0), final=False)

    def _fallback(self, _: LedgerEvent, __: Body) -> None:
        self._set(fallbacks=self._line.fallbacks + 1)

    def _judged(self, _: LedgerEvent, body: Body) -> None:
        said = [one for one in Verdict if one.value in {str(body.get("verdict")), self._line.verdict}]
        if said:
            self._set(verdict=max(said, key=lambda one: one.rank).value)

    def _decided(self, _: LedgerEvent, body: Body) -> None:
        said = body.get("verdict")
        if self._line.gate in {"", GateVerdict.ALLOW.value}:  # what cannot be read allows nothing
            self._set(gate=GateVerdict.ALLOW.value if said == GateVerdict.ALLOW else GateVerdict.BLOCK.value)

    def _ordered(self, _: LedgerEvent, __: Body) -> None:
        self._set(orders=self._line.orders + 1)

    def _sealed(self, _: LedgerEvent, body: Body) -> None:
        told = text_of(body.get("path")) or text_of(body.get("folder"))
        self._set(evidence=one_line(told or f"audits/{self._line.run_id}/evidence", 200))

    _rules: ClassVar = {
        EventKind.RUN_STARTED.value: _began,
        EventKind.RUN_FINISHED.value: _ended,
        EventKind.CALL_REQUESTED.value: _requested,
        EventKind.CALL_REFUSED.value: _refused,
        EventKind.CALL_COMPLETED.value: _closed,
        EventKind.CALL_FAILED.value: _closed,
        EventKind.BUDGET_SETTLED.value: _settled,
        EventKind.FALLBACK_TAKEN.value: _fallback,
        EventKind.CRITIC_JUDGED.value: _judged,
        EventKind.GATE_DECIDED.value: _decided,
        ORDER_INTENDED: _ordered,
        EventKind.EVIDENCE_SEALED.value: _sealed,
    }
    kinds = frozenset(_rules)
    """The kinds of events that change more than a run's age."""


def run_line(run_id: str, events: Iterable[LedgerEvent]) -> RunLine:
    """The line of a run from its events, ascending."""
    fold = RunFold(run_id)
    for event in events:
        fold.take(event)
    return fold.line
