"""The posture bar as of a moment, from the ledger alone.

Posture is what the recorded enables and stops left in force, while a node was there to keep it: without one,
and where nothing tells whether there was one, it is unknown. Budgets are shown where the ledger names the
config that held and a copy of it is kept. What only files told (disk, lint, the lease's age) is left out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from peak_console.budget.limits import Scope, scope_keys
from peak_console.config.workspace import Workspace
from peak_console.control.history import REMOVED, ControlHistory
from peak_console.domain.clock import from_iso
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.posture import Orders, Posture, PostureReason, PostureState
from peak_console.domain.vocabulary import Layer, Phase
from peak_console.ledger.as_of.reader import AsOfReader
from peak_console.ledger.filters import EventFilter
from peak_console.operations.incidents.reading import IncidentBook, open_lines
from peak_console.operations.latches import LatchBook, latch_lines
from peak_console.operations.provider_addresses import seen_urls
from peak_console.operations.shadow.bar_facts import shadow_bar
from peak_console.operations.shadow.drift import DriftBook, Recorded, lines_of
from peak_console.operations.shadow.job_lines import RecordedJobs
from peak_console.operations.views.background import background_lines
from peak_console.operations.views.bar import BarSnapshot, BudgetLine, LedgerHead, NodeFacts
from peak_console.operations.views.body_fields import mapping, text_of, time_of
from peak_console.operations.views.breaker_fold import breaker_lines
from peak_console.operations.views.config_facts import budget_lines
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.incidents import IncidentLine
from peak_console.operations.views.shadow_bar import ShadowBar

if TYPE_CHECKING:
    from peak_console.budget.limits import BudgetLimits

SILENT_S: Final = 5.0
"""So long after its last event a node that left no end is taken to be there; then nobody knows."""
_CONTROL: Final = (EventKind.CONTROL_ENABLED.value, EventKind.CONTROL_STOPPED.value)
_NODE: Final = (EventKind.NODE_STARTED.value, EventKind.NODE_STOPPED.value)
_CONFIG: Final = (EventKind.NODE_STARTED.value, EventKind.CONFIG_CHANGED.value)
_LOOKED: Final = 50
"""Changes of configs among which the last one that the node saw is sought: others are operators'."""
_COUNTED: Final = frozenset({"eur"})


@dataclass(frozen=True, slots=True)
class NodeThen:
    """What the ledger says of the node at a moment."""

    started: LedgerEvent | None = None
    gone: bool = True
    """It ended, or none had begun."""
    silent: bool = False
    """It left no end, and nothing tells that it was still there."""

    @property
    def running(self) -> bool:
        """Whether it surely ran."""
        return not self.gone and not self.silent


class BarAsOf:
    """Folds bars of one ledger, of any moment."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._control: tuple[int, ControlHistory] = (0, ControlHistory())
        self._limits: tuple[int, BudgetLimits | None] = (-1, None)
        self._incidents = IncidentBook()
        self._jobs, self._drift = RecordedJobs(), DriftBook()

    def bar(self, reader: AsOfReader, at: datetime, alive: str | None) -> BarSnapshot:
        """The bar at ``at``, for a reader as of that moment. Raises ``LedgerUnavailable``.

        ``alive`` is the session of the node that runs now, if one does.
        """
        seq, head = reader.head()
        last = reader.by_seq(seq)
        node = node_then(reader, at, alive)
        history = self._history(reader)
        posture = posture_then(history, node, broken=_broken(reader))
        changed = reader.last(EventKind.PHASE_CHANGED)
        phase = str((changed.body or {}).get("to", "")) if changed else Phase.BOOTSTRAP.value
        simulated = (getattr(reader.by_seq(1), "body", None) or {}).get("simulated") is True
        budgets, zone = self._budgets(reader, last, at, changed.ts if changed else "")
        drift = self._drift.read(reader)
        base = BarSnapshot(at)
        return BarSnapshot(
            taken_at=at,
            posture=posture,
            posture_freshness=Freshness(at),
            phase=phase if phase in set(Phase) else Phase.LIVE.value,
            ledger=LedgerHead(seq, head, None, from_iso(last.ts) if last else None, freshness=Freshness(at)),
            budgets=budgets,
            budget_day=next((one for one in budgets if one.scope == "day" and one.unit == "eur"), None),
            workspace=self._ws.name,
            root=str(self._ws.root),
            simulated=simulated,
            seen_urls=() if simulated else seen_urls(reader),
            background=() if posture.calls else background_lines(reader),
            node=_node_facts(node),
            ai_enabled=posture.calls,
            ai_armed=posture.state is PostureState.ARMED,
            breakers=(*latch_lines(LatchBook().read(reader).latched()), *breaker_lines(reader, at)),
            incidents=self._incidents_then(reader, at),
            timezone=zone or base.timezone,
            quarantined=tuple(sorted(f"{provider}:{model_id}" for provider, model_id in drift.out)),
            shadow=self._shadow_then(reader, at, drift),
        )

    def _shadow_then(self, reader: AsOfReader, at: datetime, drift: Recorded) -> ShadowBar:
        """Jobs and drift by the ledger alone: which run was due next then is not recorded."""
        self._jobs.read(reader)
        return shadow_bar(at, None, self._jobs, lines_of(drift, None))

    def _incidents_then(self, reader: AsOfReader, at: datetime) -> tuple[IncidentLine, ...]:
        return open_lines(self._incidents.read(reader), at)

    def _history(self, reader: AsOfReader) -> ControlHistory:
        """The fold of enables and stops; it goes on from where the last one ended."""
        upto, history = self._control
        if upto > reader.seq:
            upto, history = 0, ControlHistory()
        for event in _between(reader, _CONTROL, upto):
            history = history.after(event.kind, event.event_id, event.body or {}, event.ts)
        self._control = (reader.seq, history)
        return history

    def _budgets(
        self, reader: AsOfReader, last: LedgerEvent | None, at: datetime, phase_since: str
    ) -> tuple[tuple[BudgetLine, ...], str]:
        """The budgets, and the zone of their days; none where the limits of then are not known."""
        limits = None if last is None else self._limits_then(reader, last)
        if limits is None:
            return (), ""
        reader.timezone = limits.timezone
        keys = {
            key
            for layer in Layer
            for limit, key in scope_keys(
                limits, call_id=None, run_id=None, layer=layer.value, at=at, phase_since=phase_since
            )
            if limit.scope not in {Scope.RUN, Scope.LAYER_RUN, Scope.CALL}
        }
        counters = reader.counters(keys)
        lines = budget_lines(limits, counters.rows, at, phase_since, reader.calls_since(at))
        known = (one for one in lines if one.unit in _COUNTED or one.key not in counters.money_only)
        return tuple(known), limits.timezone

    def _limits_then(self, reader: AsOfReader, last: LedgerEvent) -> "BudgetLimits | None":
        from peak_console.operations.replaying.configs import Versions  # noqa: PLC0415 - loads the configs' shapes

        changes = _between(reader, _CONFIG, 0)
        key = changes[-1].seq if changes else 0
        if self._limits[0] != key:
            found = Versions(self._ws, changes).at(last)[0].configs if changes else None
            self._limits = (key, found.budgets.limits if found else None)
        return self._limits[1]


def node_then(reader: AsOfReader, at: datetime, alive: str | None) -> NodeThen:
    """Whether a node ran at ``at``: by its start, its end, and what it wrote after."""
    found = reader.find(EventFilter(kinds=_NODE), None, 1).events
    if not found or found[0].kind == EventKind.NODE_STOPPED:
        return NodeThen()
    started = found[0]
    after = reader.first_of(_NODE, reader.seq)
    following = None if after is None else reader.anywhere(after)
    if following is not None and following.kind == EventKind.NODE_STOPPED:
        return NodeThen(started, gone=False)
    if following is None and alive is not None and text_of((started.body or {}).get("session")) == alive:
        return NodeThen(started, gone=False)
    last = reader.anywhere(reader.timeline.head() if following is None else following.seq - 1)
    word = time_of(last) if last is not None else time_of(started)
    silent = at - word > timedelta(seconds=SILENT_S)
    return NodeThen(started, gone=False, silent=silent)


def posture_then(history: ControlHistory, node: NodeThen, *, broken: bool) -> Posture:
    """The posture that held: the strictest of the record, the node's presence and the configs. Pure."""
    since = from_iso(history.since) if history.since else None
    if history.in_force is None:
        reason = PostureReason.STOPPED_BY_OPERATOR
        if history.untouched:
            reason = PostureReason.NEW_WORKSPACE
        elif history.reason == REMOVED:
            reason = PostureReason.NOT_ENABLED
        return _forbidding(PostureState.STOPPED, (reason.value,), since)
    if not node.running:
        why = PostureReason.LEASE_MISSING.value if node.gone else "node_silent"
        return _forbidding(PostureState.UNKNOWN, (PostureReason.LAPSED.value, why))
    if broken:
        return _forbidding(PostureState.UNKNOWN, (PostureReason.MATRIX_INVALID.value,))
    return Posture(
        PostureState.DISARMED,
        calls=True,
        orders=Orders.NONE,
        reasons=(PostureReason.ENABLED.value,),
        since=since,
    )


def _forbidding(state: PostureState, reasons: tuple[str, ...], since: datetime | None = None) -> Posture:
    return Posture(state, calls=False, orders=Orders.NONE, reasons=reasons, since=since)


def _broken(reader: AsOfReader) -> bool:
    """Whether the configs were unfit: found so, and nothing was let through or found otherwise since."""
    told = reader.find(EventFilter(kinds=_CONFIG), None, _LOOKED).events
    changed = [one for one in told if one.kind == EventKind.NODE_STARTED or "file" in (one.body or {})]
    body = mapping(changed[0].body) if changed else {}
    if body.get("new") != "invalid":
        return False
    asked = reader.find(EventFilter(kinds=(EventKind.CALL_REQUESTED.value,)), None, 1).events
    return not asked or asked[0].seq < changed[0].seq


def _between(reader: AsOfReader, kinds: tuple[str, ...], after: int) -> list[LedgerEvent]:
    """All events of rare kinds after a place, ascending."""
    found: list[LedgerEvent] = []
    before: int | None = None
    while True:
        page = reader.find(EventFilter(kinds=kinds), before, 200)
        found += [event for event in page.events if event.seq > after]
        if page.next_before is None or page.next_before <= after:
            return found[::-1]
        before = page.next_before


def _node_facts(node: NodeThen) -> NodeFacts:
    if node.started is None or not node.running:
        return NodeFacts()
    body = mapping(node.started.body)
    pid = body.get("pid")
    return NodeFacts(
        running=True,
        pid=pid if isinstance(pid, int) else None,
        session=text_of(body.get("session")),
        started_at=time_of(node.started),
    )
