"""Lowering from outside the node: stop one scope, reduce, disarm. Never refused, always a true answer."""

import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control import lease as leases
from peak_console.control.files import StopStep, run
from peak_console.control.gate import CallGate
from peak_console.control.history import GLOBAL
from peak_console.control.living import node_lives
from peak_console.control.lowered import narrow_scope
from peak_console.control.lowering import (
    CONNECT_S,
    READ_BACK_S,
    AskNode,
    LooksUnattended,
    Lower,
    LowerReport,
    NodeAnswer,
    ReadBack,
    StopAll,
    Wish,
    client_steps,
)
from peak_console.control.sockets import find_socket
from peak_console.control.stop import StopOutcome, login, stop_now
from peak_console.control.venues import CancelVenue, VenuesStep, begin_cancel_all, only, venues_of
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.posture import Orders, Posture, PostureReason, PostureState
from peak_console.domain.stopping import PARTS, SCOPE_LIMIT, ScopeKind
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.stop import PATIENCE_S, SILENT_S, Recorded, record_stop
from peak_console.operations.stop_background import BackgroundStep, cancel_background

_POLL_S: Final = 0.005

REMEDIES: Final[Mapping[str, str]] = {
    "ask the node": "see what became of it: peak node status; a hung one: peak node stop --force",
    "lease": "check who may write the control folder: ls -ld audits/control",
    "record": "free disk space, check the ledger: peak ledger verify",
    "read back": "see what holds: peak status",
    "no node lives": "see what became of it: peak node status; a hung one: peak node stop --force",
    "stop everything": "remove it by hand as its owner: rm audits/control/ENABLED audits/control/ENABLING",
}
"""What to do about a step that failed."""


UNREAD: Final = Posture(PostureState.UNKNOWN, calls=False, orders=Orders.NONE, reasons=())
"""The posture before it was read again."""


@dataclass(frozen=True, slots=True)
class LoweredNow:
    """What a lowering did, in the words that commands and screens show."""

    what: str
    """``disarm``, ``reduce`` or ``stop``."""
    scope: str
    effective: bool
    """Whether what was asked for, or more, holds."""
    escalated: bool
    """Whether everything was stopped instead."""
    steps: tuple[StopStep, ...]
    recorded: Recorded
    stop: StopOutcome | None = None
    """The global stop that it became, where this process made it."""
    posture: Posture = UNREAD
    """As the gate of any process sees it afterwards."""
    venues: VenuesStep | None = None
    """What became of open orders, where everything or a venue was stopped."""

    @property
    def all_steps(self) -> tuple[StopStep, ...]:
        """Every step as it was done, those of a global stop among them."""
        return (*self.steps, *(self.stop.report.steps if self.stop else ()))

    @property
    def failed(self) -> tuple[tuple[StopStep, str], ...]:
        """The steps that failed, each with its remedy."""
        own = tuple((one, REMEDIES.get(one.step, "see: peak status")) for one in self.steps if not one.ok)
        return own + (self.stop.failed if self.stop else ())

    @property
    def remedy(self) -> str:
        """What an operator does next."""
        if not self.effective:
            return REMEDIES["stop everything"]
        if self.escalated:
            return 'find out why; to go on later: peak enable --reason "..." --confirm ENABLE'
        if self.what == Lower.DISARM:
            return ""
        scope = "reduce" if self.what == Lower.REDUCE else self.scope
        return f'to lift it later: peak enable --scope {scope} --reason "..." --confirm ENABLE'

    @property
    def line(self) -> str:
        """The outcome in one line, for people."""
        said = {"stop": f"{self.scope} stopped", "reduce": "reducing orders only", "disarm": "disarmed"}
        if not self.effective:
            return "NOT STOPPED: ENABLED could not be removed"
        if self.escalated and self.what == Lower.STOP and narrow_scope(self.scope) is None:
            named = self.scope or "an empty text"
            return f"everything is STOPPED: {named} names no part of it; parts are {PARTS}"
        if self.escalated:
            return (
                f"everything is STOPPED, because {_asked(self.what, self.scope)} alone could not be made sure"
            )
        return said[self.what]

    def as_dict(self) -> dict[str, Any]:
        """The outcome for programs."""
        return {
            "what": self.what,
            "scope": self.scope,
            "effective": self.effective,
            "escalated": self.escalated,
            "line": self.line,
            "posture": {
                "state": self.posture.state.value,
                "calls": self.posture.calls,
                "orders": self.posture.orders.value,
                "reasons": list(self.posture.reasons),
            },
            "steps": [asdict(one) for one in self.all_steps],
            "failed": [{"step": s.step, "detail": s.detail, "remedy": r} for s, r in self.failed],
            "recorded": self.recorded.as_dict(),
            "venues": None if self.venues is None else self.venues.as_dict(),
            "remedy": self.remedy,
        }


def disarm(ws: Workspace, *, reason: str = "", operator: str = "", clock: Clock | None = None) -> LoweredNow:
    """End arming, and requests for it. Where no lease counts nothing is armed: that is done already."""
    return _lower(ws, Lower.DISARM, "", reason=reason, operator=operator, clock=clock)


def reduce(ws: Workspace, *, reason: str = "", operator: str = "", clock: Clock | None = None) -> LoweredNow:
    """Let only risk-reducing orders pass, until an operator's enable of ``reduce``."""
    return _lower(ws, Lower.REDUCE, "", reason=reason, operator=operator, clock=clock)


def stop_scope(
    ws: Workspace, scope: str, *, reason: str = "", operator: str = "", clock: Clock | None = None
) -> LoweredNow:
    """Stop one scope (``layer:L2``, ``run:...``), until an operator's enable of it.

    A text that names no part of the workspace stops everything: nobody's stop is lost to a slip of the pen.
    """
    return _lower(ws, Lower.STOP, scope, reason=reason, operator=operator, clock=clock)


def end_background(ws: Workspace, done: LoweredNow) -> BackgroundStep | None:
    """Cancel the background work of what was stopped, all where everything was; ``None`` where nothing was.

    It takes seconds, and nothing of the lowering depends on it. Never raises.
    """
    if done.escalated:
        return cancel_background([ws])[0]
    return cancel_background([ws], scope=done.scope)[0] if done.what == Lower.STOP else None


def _lower(
    ws: Workspace, what: Lower, scope: str, *, reason: str, operator: str, clock: Clock | None
) -> LoweredNow:
    clock = clock or SystemClock()
    found = narrow_scope(scope)
    wish = Wish(
        what=what,
        stop_id=f"{what.value}_{secrets.token_hex(12)}",
        scope=found.text if found is not None else scope.strip()[: SCOPE_LIMIT + 1],
        reason=reason,
        operator=operator or login(),
    )
    doing = _Doing(ws, clock)
    report: LowerReport
    if what is Lower.STOP and found is None:
        stopped = doing.stop_all(wish)
        report = LowerReport(effective=stopped, escalated=True, steps=())
    else:
        report = run(client_steps(wish, clock.boot_us), doing)
    orders = begin_cancel_all(_to_cancel(ws, wish, everything=report.escalated))
    recorded = Recorded(report.seq, "" if report.seq is not None else "the node records it when it can")
    if doing.stopped is not None:
        recorded = record_stop(ws, doing.stopped, patience_s=PATIENCE_S if doing.answered else SILENT_S)
    return LoweredNow(
        what=what.value,
        scope=wish.scope,
        effective=report.effective,
        escalated=report.escalated,
        steps=report.steps,
        recorded=recorded,
        stop=doing.stopped,
        posture=CallGate(ws.control, clock, os.environ).posture(),
        venues=orders.result() if report.escalated or _venue(wish) else None,
    )


def _to_cancel(ws: Workspace, wish: Wish, *, everything: bool) -> tuple[CancelVenue, ...]:
    """The venues whose open orders are cancelled: all where everything was stopped, else the one stopped."""
    if not everything and not _venue(wish):
        return ()
    found = venues_of(ws.root)
    return found if everything else only(found, _venue(wish))


def _venue(wish: Wish) -> str:
    """The venue that is stopped; empty where it is something else."""
    found = narrow_scope(wish.scope) if wish.what is Lower.STOP else None
    return found.name if found is not None and found.kind is ScopeKind.VENUE else ""


class _Doing:
    """Does the steps of a lowering on a real workspace."""

    def __init__(self, ws: Workspace, clock: Clock) -> None:
        self._ws = ws
        self._clock = clock
        self._until = time.monotonic() + READ_BACK_S
        self.stopped: StopOutcome | None = None
        self.answered = False
        """Whether the node answered; one that did not takes no record now either."""

    def __call__(self, action: object) -> object:
        match action:
            case AskNode(wish):
                return self._ask(wish)
            case ReadBack(wish):
                return self._read_back(wish)
            case LooksUnattended(wish):
                return self._unattended(wish)
            case StopAll(wish):
                return self.stop_all(wish)
        raise AssertionError(action)

    def stop_all(self, wish: Wish) -> bool:
        """Stop everything instead; whether it was read back as done."""
        self.stopped = stop_now(
            self._ws.control,
            reason=wish.reason,
            operator=wish.operator,
            asked_scope=wish.scope or wish.what.value,
        )
        return self.stopped.effective

    def _ask(self, wish: Wish) -> NodeAnswer:
        path = find_socket(self._ws.control)
        with BlockingLedgerClient.connect(path, name=f"peak {wish.what}", deadline_s=CONNECT_S) as client:
            left_s = max(0.1, self._until - time.monotonic())
            reply = client.request("control.lower", deadline_s=left_s, **asdict(wish))
        self.answered = True
        return NodeAnswer(
            recorded=reply.get("recorded") is True,
            shown=reply.get("shown") is True,
            escalated=reply.get("escalated") is True,
            stopped=reply.get("stopped") is True,
            steps=_steps(reply.get("steps")),
            seq=reply["seq"] if type(reply.get("seq")) is int else None,
        )

    def _read_back(self, wish: Wish) -> str:
        gate = CallGate(self._ws.control, self._clock, os.environ)
        while True:
            seen = _seen(gate, wish, self._clock)
            if seen:
                return seen
            if time.monotonic() >= self._until:
                raise TimeoutError(f"the lease did not show it within {READ_BACK_S:.0f} s")
            time.sleep(_POLL_S)

    def _unattended(self, wish: Wish) -> bool:
        """The lock first: a lease that is written after it was seen free is of a node that began empty."""
        if node_lives(self._ws.audits):
            raise TimeoutError("a node lives and does not answer: it may wake with what its memory holds")
        self._read_back(wish)
        return True


_OVER: Final = frozenset({PostureReason.LAPSED, PostureReason.LEASE_FOREIGN_BOOT})


def _seen(gate: CallGate, wish: Wish, clock: Clock) -> str:
    """``lapsed`` where no lease counts, ``shown`` where the lease says it, else empty.

    A lease that cannot be read, or not be held against the clock, has not lapsed: another may read it.
    """
    sources = gate.sources()
    lease = sources.lease.lease
    if lease is None:
        return "lapsed" if sources.lease.problem is PostureReason.LEASE_MISSING else ""
    problem = leases.invalid(lease, now_us=clock.boot_us(), boot_id=sources.boot_id)
    if problem is not None:
        return "lapsed" if problem in _OVER and sources.boot_id else ""
    shows: dict[Lower, Callable[[], bool]] = {
        Lower.STOP: lambda: wish.scope in lease.stopped_scopes,
        Lower.REDUCE: lambda: lease.reduce,
        Lower.DISARM: lambda: lease.arm is None,
    }
    too_many = PostureReason.TOO_MANY_SCOPES.value in lease.reasons and not lease.calls
    return "shown" if shows[wish.what]() or too_many else ""


def _steps(said: object) -> tuple[StopStep, ...]:
    """The node's own steps, as far as they have the shape of steps."""
    listed = [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []
    return tuple(
        StopStep(str(one.get("step", "")), one["ok"], str(one.get("detail", "")), one["at_us"])
        for one in listed
        if type(one.get("ok")) is bool and type(one.get("at_us")) is int
    )


def _asked(what: str, scope: str) -> str:
    return f"a stop of {scope or GLOBAL}" if what == Lower.STOP else what
