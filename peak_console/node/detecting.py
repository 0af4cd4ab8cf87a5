"""The node's triggers: the writer's projection feeds the rules, a tick evaluates them, alarms open incidents.

Events are taken in when they are committed, on the next tick; what only time decides is looked at each
second. After a restart the rules begin from the ledger's own figures and newest events, within bounds, and
what they find there is told only where no incident tells it yet.
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from peak_console.config.incidents import IncidentsConfig
from peak_console.control.breakers import KINDS as BREAKER_KINDS
from peak_console.control.breakers import Latches
from peak_console.domain.clock import from_iso, unix_us
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Refusal
from peak_console.incidents import burning, critics, drifting, latency, opening, violations
from peak_console.incidents.alarm import Alarm
from peak_console.incidents.burning import Spending
from peak_console.incidents.critics import Verdicts
from peak_console.incidents.lapses import LastNode, after_restart, held_up
from peak_console.incidents.latency import Latencies
from peak_console.incidents.opening import Openings
from peak_console.incidents.standing import LedgerHealth, LostWorkers, PostureConflicts
from peak_console.incidents.violations import Violations
from peak_console.ledger.headers import Header
from peak_console.ledger.projections import Body
from peak_console.node.acting import refused_reset
from peak_console.node.drifting import Drifting
from peak_console.node.rebuilding import folded_rows, last_node, minutes, newest, sketches, with_lease
from peak_console.node.state import NodeState
from peak_console.node.triggers import Opening

if TYPE_CHECKING:
    from peak_console.budget.limits import Limit

FOLDED: Final = frozenset({*opening.KINDS, *BREAKER_KINDS})
"""Events of incidents and latches."""

KINDS: Final = frozenset({*burning.KINDS, *violations.KINDS, *drifting.KINDS, *latency.KINDS, *critics.KINDS})
"""Events that any rule looks at."""

WAITING: Final = 100_000
"""Events that may wait for the rules; a batch is at most 512."""

logger = logging.getLogger(__name__)


class Detecting:
    """The rules and what feeds them; on the node's loop only. It writes nothing to the ledger's tables."""

    def __init__(self, state: NodeState) -> None:
        self._state = state
        self._config = IncidentsConfig()
        self._limits: tuple[Limit, ...] = ()
        self._openings = Openings()
        self._opening: Opening | None = None
        self._begun = False
        self._scheduled = False
        self._pending: deque[tuple[Header, Body]] = deque(maxlen=WAITING)
        self._at = ("", 0)
        self._second_us = 0
        self._last: LastNode | None = None
        self.spending = Spending()
        self.violations = Violations()
        self.drift = Drifting(state)
        self.latencies = Latencies()
        self.verdicts = Verdicts()
        self._conflicts = PostureConflicts()
        self._ledger = LedgerHealth()
        self._workers = LostWorkers()
        self.conflicts: Callable[[], Sequence[str]] = tuple
        """The posture's contradictions now."""
        self.missing_workers: Callable[[], Sequence[Mapping[str, Any]]] = tuple
        """Workers that are missing now."""
        self.longest_us = 0
        """The longest that one look took, for the node's own figures."""

    def serve(self, opening: Opening) -> None:
        """Open incidents from now on, and tell what happened before this node."""
        opening.known = self._openings
        self._opening = opening
        self._look_at_configs()
        self._second_us = self._state.clock.boot_us()
        lapsed = after_restart(
            self._last,
            enabled=self._enabled(),
            now_us=unix_us(self._state.clock.now()),
            boot_us=self._state.clock.boot_us(),
            rules=self._config.lapse,
        )
        self._tell([] if lapsed is None else [lapsed])
        self.take()

    @property
    def config(self) -> IncidentsConfig:
        """What the triggers' config said when it could be read last."""
        return self._config

    @property
    def openings(self) -> Openings:
        """The incidents that the ledger knows, by their causes."""
        return self._openings

    def take(self) -> None:
        """Take in what was appended, and tell what it shows."""
        self._scheduled = False
        if self._opening is None:
            self._pending.clear()
            return
        while self._pending:
            event, body = self._pending.popleft()
            self._feed(event, body)
        self._tell(
            [
                *self.violations.alarms(self._config.policy_violation, self._now_us()),
                *self.latencies.alarms(),
                *self.verdicts.alarms(),
            ]
        )
        self.drift.tell(self._opening)

    def second(self) -> None:
        """What time decides: budgets, what stands, and whether this node stood still."""
        if self._opening is None:
            return
        begun_us = self._state.clock.boot_us()
        gap_us, self._second_us = begun_us - self._second_us, begun_us
        self._look_at_configs()
        rules, state = self._config, self._state
        found = self.spending.alarms(rules.budget_runaway, self._limits, self._now_us() // 1_000_000)
        found += self._conflicts.alarms(self.conflicts(), begun_us)
        found += self._ledger.alarms(state.verified.broken, state.fault, begun_us)
        found += self._workers.alarms(self.missing_workers(), begun_us)
        stood = held_up(gap_us, enabled=self._enabled(), session=state.session, rules=rules.lapse)
        self._tell([*found, stood] if stood is not None else found)
        self._opening.tick()
        self.longest_us = max(self.longest_us, state.clock.boot_us() - begun_us)

    # -- the projection

    def open(self, db: sqlite3.Connection) -> None:
        """Fold incidents and latches; and, at the beginning, what figures and newest events tell."""
        for seq, kind, ts, body in folded_rows(db):
            self._fold(kind, body, ts, seq)
        if self._begun:
            return
        self._begun = True
        now_us = self._now_us()
        self._last = with_lease(last_node(db), self._state.ws.control, self._state.boot_id)
        self.spending.restore(minutes(db, now_us // 1_000_000 - self.spending.reach_s))
        self.latencies.restore(sketches(db, now_us // 1_000_000))
        for event, body in newest(db):
            self._feed(event, body, again=True)
        for rule in (self.violations, self.latencies, self.verdicts):
            rule.known()

    def admit(self, draft: EventDraft, now: datetime) -> Refusal | None:  # noqa: ARG002 - the protocol's
        """Nothing to say about calls; a stopped scope is the guard's."""
        return None

    def apply(self, event: Header, body: Body) -> Sequence[EventDraft]:
        """Keep an event for the rules; they look at it once this transaction is over."""
        if event.kind in FOLDED:
            self._fold(event.kind, body, event.ts, event.seq)
        elif event.kind in KINDS:
            self._pending.append((event, body))
            if not self._scheduled:
                self._schedule()
        return ()

    def flush(self, db: sqlite3.Connection) -> None:
        """Nothing is stored."""

    def reset(self) -> None:
        """Begin the folds again; :meth:`open` follows. What the rules saw they keep: it happened."""
        self._state.latches = Latches()

    def out_of_place(self, draft: EventDraft) -> PeakError | None:
        """A condition of the writer: what is reset is latched."""
        return refused_reset(draft, self._state.latches)

    # -- within

    def _schedule(self) -> None:
        with suppress(RuntimeError):  # outside a loop nobody listens
            asyncio.get_running_loop().call_soon(self.take)
            self._scheduled = True

    def _fold(self, kind: str, body: Body, ts: str, seq: int) -> None:
        if kind in opening.KINDS:
            self._openings.take(kind, body, unix_us(from_iso(ts)))
        else:
            self._state.latches = self._state.latches.after(kind, body, ts, seq)

    def _feed(self, event: Header, body: Body, *, again: bool = False) -> None:
        if event.ts != self._at[0]:
            self._at = (event.ts, unix_us(from_iso(event.ts)))
        at_us = self._at[1]
        if not again:  # at a start, figures tell it
            self.spending.take(event, body, at_us // 1_000_000)
            self.latencies.take(event, body, self._config.latency_spike)
            self.drift.take(event, body, at_us)
        self.violations.take(event, body, at_us)
        self.verdicts.take(event, body, self._config.critic_fail_rate)

    def _tell(self, alarms: Sequence[Alarm]) -> None:
        if self._opening is None:
            return
        for one in alarms:
            self._opening.open(one.trigger, one.cause, one.scope, one.summary, one.figures, seen=one.seen)

    def _look_at_configs(self) -> None:
        """Broken configs leave the triggers as they were: nothing less is watched for that."""
        with suppress(PeakError):
            configs = self._state.configs.current(self._state.facts.phase.level)
            self._config, self._limits = configs.incidents, configs.budgets.limits.limits
            self.drift.look(configs)
            self.spending.reach(max(one.long_s for one in self._config.budget_runaway.windows))

    def _enabled(self) -> bool:
        history, seen = self._state.facts.history, self._state.seen
        return history.in_force is not None and seen.enabled == history.in_force and seen.stop is None

    def _now_us(self) -> int:
        return unix_us(self._state.clock.now())
