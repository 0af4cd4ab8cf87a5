"""Which matrices may be in force in live: the fold of approvals, saves and what the node saw. Pure.

In live a matrix needs two operators: one who approves its digest and another who saves it, or approves it as
well. What is in force when live begins needs them too: one who promotes, and another who approved that very
digest and did not save it. A live that began otherwise (a recovery) begins without a matrix that holds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.vocabulary import Phase, PhaseLevel

KINDS: Final = (
    EventKind.NODE_STARTED.value,
    EventKind.CONFIG_CHANGED.value,
    EventKind.PHASE_CHANGED.value,
    EventKind.MATRIX_APPROVED.value,
    EventKind.MATRIX_CHANGED.value,
    EventKind.MATRIX_ROLLED_BACK.value,
    EventKind.OPERATOR_REMOVED.value,
)
"""The kinds that are folded."""

_SAVES: Final = frozenset({EventKind.MATRIX_CHANGED.value, EventKind.MATRIX_ROLLED_BACK.value})
_MATRIX: Final = "matrix"
_NODE: Final = "node"


@dataclass(frozen=True, slots=True)
class Approval:
    """An operator's word for a digest. Times are ledger times, which sort as text."""

    operator: str
    at: str
    until: str
    reason: str = ""


@dataclass(slots=True)
class Approvals:
    """What :func:`fold` knows; events are taken in the ledger's order."""

    live: bool = False
    seen: str = ""
    """The digest of the matrix that the node saw last."""
    accepted: str = ""
    """The digest that was seen and may be in force; empty until any was."""
    saved: str = ""
    """The digest of the last save in live for which two operators stood."""
    saver: str = ""
    """Who saved last."""
    savers: dict[str, str] = field(default_factory=dict)
    """By digest: who saved it last."""
    approvals: dict[str, dict[str, Approval]] = field(default_factory=dict)
    """By digest, then by operator: the last word of each."""

    def take(self, kind: str, ts: str, actor: str, body: Mapping[str, Any]) -> None:
        """One event of :data:`KINDS`. Who it is from is the proof's word (``actor``), never the body's."""
        operator = operator_of(actor)
        if kind == EventKind.PHASE_CHANGED:
            self._phase(operator, ts, body)
        elif kind == EventKind.OPERATOR_REMOVED:
            for given in self.approvals.values():
                given.pop(_text(body, "operator"), None)
        elif kind == EventKind.MATRIX_APPROVED:
            one = Approval(operator, ts, _text(body, "valid_until"), _text(body, "reason"))
            self.approvals.setdefault(_text(body, "digest"), {})[one.operator] = one
        elif kind in _SAVES:
            digest = _text(body, "new")
            self.saved = digest if self.live and self.may_save(digest, operator, ts) else ""
            self.saver = self.savers[digest] = operator
        elif actor == _NODE:
            self.seen = _seen(kind, body) or self.seen
        if self.seen and self.may_hold(self.seen, ts):
            self.accepted = self.seen

    def may_save(self, digest: str, operator: str, ts: str) -> bool:
        """Whether ``operator`` may save this matrix at a time: another one approved it, or nobody must."""
        return not self.live or bool(self.approving(digest, ts, besides=operator))

    def may_hold(self, digest: str, ts: str) -> bool:
        """Whether this matrix may be in force at a time: it is, or two operators stand for it."""
        if not self.live or (digest and digest in {self.accepted, self.saved}):
            return True
        return len(self.approving(digest, ts)) > 1

    def may_begin(self, digest: str, operator: str, ts: str) -> bool:
        """Whether ``operator`` may promote into live with this matrix in force.

        Somebody else approved it, who did not save it last either; where nobody saved it through the
        workbench, who did not save the one before it.
        """
        saver = self.savers.get(digest, self.saver)
        return bool(operator) and bool(self.approving(digest, ts, operator, saver))

    def approving(self, digest: str, ts: str, besides: str = "", saver: str = "") -> tuple[Approval, ...]:
        """The approvals of a digest that hold at a time, the newest first; those of the named left out."""
        found = [
            one
            for one in self.approvals.get(digest, {}).values()
            if one.operator and one.at <= ts <= one.until and one.operator not in {besides, saver}
        ]
        return tuple(sorted(found, key=lambda one: one.at, reverse=True))

    def _phase(self, operator: str, ts: str, body: Mapping[str, Any]) -> None:
        """Live holds what was approved for its beginning, or nothing; outside live nothing is kept."""
        was, self.live = self.live, _is_live(body.get("to"))
        if self.live and not was:
            digest = matrix_judged(body)
            self.accepted = digest if self.may_begin(digest, operator, ts) else ""
            self.saved = ""


def fold(events: Iterable[LedgerEvent]) -> Approvals:
    """What holds after ``events``, ascending."""
    known = Approvals()
    for event in events:
        known.take(event.kind, event.ts, event.actor, event.body or {})
    return known


def operator_of(actor: str) -> str:
    """The operator who proved an event, by its actor; empty where nobody did."""
    return actor.partition("/operator:")[2]


def matrix_judged(body: Mapping[str, Any]) -> str:
    """The matrix that stood when a promotion was judged, by the promotion; empty where it does not say."""
    told = body.get("readiness")
    digests = told.get("configs") if isinstance(told, Mapping) else None
    return _text(digests, _MATRIX) if isinstance(digests, Mapping) else ""


def _seen(kind: str, body: Mapping[str, Any]) -> str:
    """The matrix's digest that the node tells of; empty in an operator's event and in one of another file."""
    if kind == EventKind.NODE_STARTED:
        digests = body.get("digests")
        return _text(digests, _MATRIX) if isinstance(digests, Mapping) else ""
    if kind == EventKind.CONFIG_CHANGED and body.get("file") == _MATRIX:
        return _text(body, "new")
    return ""


def _is_live(name: object) -> bool:
    """A phase that cannot be read is the strictest."""
    try:
        return Phase(str(name)).level is PhaseLevel.LIVE
    except ValueError:
        return True


def _text(body: Mapping[str, Any], name: str) -> str:
    found = body.get(name)
    return found if isinstance(found, str) else ""
