"""Arming in the states that a person can tell apart, and a desk that answers from what it was given.

``arm_app(name)`` gives the console on that scene: ``empty``, ``normal``, ``alarming`` (red items and a lockout),
``armed``, ``drill``, ``asked``, ``waiting`` (for another operator), ``stale``.
"""

# ruff: noqa: E501 - tables of made-up figures read better in one line

import threading
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from console_driving import make_app
from console_scenes import HOSTILE, NOW, scene

from peak_console.control.files import StopStep
from peak_console.domain.arming import ArmState
from peak_console.domain.errors import ControlRefused, PeakError
from peak_console.domain.posture import Orders, Posture, PostureState
from peak_console.operations.arming import Requested
from peak_console.operations.lowering import LoweredNow
from peak_console.operations.stop import Recorded
from peak_console.operations.views.arm_desk import ArmAsked
from peak_console.operations.views.arming import ArmFacts, ArmLine, ArmPast, ArmRequestLine
from peak_console.operations.views.bar import Armed
from peak_console.operations.views.checklists import Checklist, ChecklistItem, ItemState
from peak_console.operations.views.fake import FakeSource
from peak_console.operations.views.freshness import Freshness
from peak_console.tui.app import PeakApp

TOKEN = "7K2QD-X8M4PT"
PHRASE = "ARM LIVE venue:kraken-eur 20261122_140000_k3s9qm 15 MIN"
ARM_SCENES = ("empty", "normal", "alarming", "armed", "drill", "asked", "waiting", "stale")

REQUEST = ArmRequestLine(
    request_id="arq_20261122_140412",
    scope="venue:kraken-eur",
    run_id="20261122_140000_k3s9qm",
    purpose="rebalance after the ECB decision",
    requester="mara",
    ttl_s=900,
    drill=False,
    requested_at=NOW - timedelta(seconds=17),
    token_until=NOW + timedelta(seconds=103),
    tries_left=4,
    phrase=PHRASE,
)
LEASE = ArmLine(
    lease_id="arm_20261122_135941",
    scope="venue:kraken-eur",
    run_id="20261122_140000_k3s9qm",
    actor="mara",
    drill=False,
    granted_at=NOW - timedelta(seconds=28),
    expires_at=NOW + timedelta(seconds=872),
    left_s=872.0,
)


def _past() -> tuple[ArmPast, ...]:
    rows = (
        (1, "granted", "rebalance after the ECB decision", "mara", 184_219),
        (2, "requested", "rebalance after the ECB decision", "mara", 184_211),
        (94, "ended", "posture_fell", "node", 183_870),
        (97, "granted", "hedge the fix", "jon", 183_801),
        (1500, "refused", "token_wrong", "jon", 170_110),
        (1520, "expired", "ttl", "node", 170_020),
        (1535, "granted", "drill before the rehearsal", "mara", 170_001),
    )
    return tuple(
        ArmPast(NOW - timedelta(minutes=minutes), what, why, actor, seq)
        for minutes, what, why, actor, seq in rows
    )


FACTS = ArmFacts(NOW, past=_past(), freshness=Freshness(NOW))
_NOT_GREEN = "the pre-live checklist is not green: 3 of 9 items"


def facts(name: str) -> ArmFacts:  # noqa: PLR0911 - one a scene
    """What the node says in a scene."""
    match name:
        case "empty":
            why = ("the phase is bootstrap; live orders are of phase live alone", _NOT_GREEN)
            return replace(FACTS, past=(), refusals=why)
        case "alarming":
            until = NOW + timedelta(seconds=582)
            return replace(
                FACTS, state=ArmState.LOCKED, locked_until=until, refusals=("arming is locked", _NOT_GREEN)
            )
        case "armed":
            return replace(FACTS, state=ArmState.ARMED, lease=LEASE)
        case "drill":
            lease = replace(LEASE, drill=True, scope="drill:desk", run_id="", left_s=41.0)
            return replace(FACTS, state=ArmState.ARMED, lease=lease)
        case "asked":
            return replace(FACTS, state=ArmState.CONFIRMABLE, request=REQUEST)
        case "waiting":
            asked = replace(REQUEST, needs_approval=True, tries_left=5)
            return replace(FACTS, state=ArmState.REQUESTED, request=asked, two_person=True)
        case "stale":
            why = Freshness(None, "the node does not answer on its socket", "look: peak node status")
            return replace(FACTS, freshness=why, refusals=(why.why,), drill_refusals=(why.why,))
        case "hostile":
            asked = replace(REQUEST, scope=HOSTILE, purpose=HOSTILE, requester=HOSTILE, phrase=HOSTILE)
            past = tuple(replace(one, why=HOSTILE, actor=HOSTILE) for one in FACTS.past)
            return replace(FACTS, state=ArmState.CONFIRMABLE, request=asked, past=past)
    return FACTS


def checklist(name: str) -> Checklist:
    """The pre-live checklist of a scene."""
    day, green = timedelta(days=1), ItemState.GREEN
    items = (
        ChecklistItem("lock", "a verified lock stands, and the matrix is what it verified", green, "lock 9f31c07a of 2 days ago covers 10 of 10 slots", NOW - 2 * day),
        ChecklistItem("deny", "deny by default was tried, at rest and before a call", green, "48 forbidden edits refused, 12 calls refused", NOW - timedelta(minutes=2)),
        ChecklistItem("stop", "the stop was drilled: a worker of another process stopped", green, "drill 4 days ago: 8.4 ms, read back", NOW - 4 * day),
        ChecklistItem("arm", "arming TTL and confirm token tested", green, "drill 1 day ago: granted, ended by its TTL", NOW - day),
        ChecklistItem("limits", "limits of L5 are set for this venue, none of them zero", green, "17 limits, digest 41aa90", NOW - timedelta(hours=3)),
        ChecklistItem("dashboards", "figures and alerts are on screen", green, "/metrics answered with 142 series", NOW - timedelta(seconds=40)),
        ChecklistItem("oncall", "somebody is on call and can be reached", green, "mara, test alert received", NOW - timedelta(hours=20)),
        ChecklistItem("shadow", "shadow days without a gate that should have blocked", green, "14 of 14 days, 12,204 cycles", NOW - timedelta(minutes=6)),
        ChecklistItem("rollback", "rollback of matrix and lock was rehearsed", ItemState.AMBER if name == "normal" else green, "rehearsed 36 days ago; 30 are allowed", NOW - 36 * day, 'peak matrix rollback previous --rehearse --reason "..."'),
    )  # fmt: skip
    if name == "empty":
        unknown = tuple(
            replace(
                one,
                state=ItemState.UNKNOWN,
                evidence="nothing is on record",
                at=None,
                remedy="peak checklist pre-live",
            )
            for one in items
        )
        return Checklist("pre-live", NOW, unknown)
    if name == "alarming":
        red = replace(
            items[2],
            state=ItemState.RED,
            evidence="drill 4 days ago failed: worker traffic (pid 7120) did not acknowledge within 1 s",
            remedy="find out why it hung, then drill again: peak incident drill stop",
        )
        late = replace(
            items[6],
            state=ItemState.UNKNOWN,
            evidence="nobody answered a test alert yet",
            at=None,
            remedy="peak incident test-alert",
        )
        dead = replace(
            items[5],
            state=ItemState.RED,
            evidence="/metrics does not answer",
            remedy="start the node: peak node start",
        )
        return Checklist("pre-live", NOW, (*items[:2], red, *items[3:5], dead, late, *items[7:]))
    if name == "hostile":
        return Checklist(
            "pre-live",
            NOW,
            tuple(
                replace(one, state=ItemState.RED, title=HOSTILE, evidence=HOSTILE, remedy=HOSTILE)
                for one in items
            ),
        )
    return Checklist("pre-live", NOW, items)


@dataclass(slots=True)
class MadeUpArmDesk:
    """Answers what it was told; remembers what it was asked, but for tokens, of which it keeps whether they fit."""

    listed: Checklist
    source: FakeSource
    refusal: PeakError | None = None
    needs_approval: bool = False
    asked: list[ArmAsked] = field(default_factory=list)
    done: list[tuple[str, ...]] = field(default_factory=list)
    hold: threading.Event | None = None

    def checklist(self) -> Checklist:
        """The one it was given."""
        return self.listed

    def request(self, asked: ArmAsked) -> Requested:
        """A request that stands, and its token."""
        self.asked.append(asked)
        if self.hold is not None:
            self.hold.wait(60)
        if self.refusal is not None:
            raise self.refusal
        line = replace(
            REQUEST,
            drill=asked.drill,
            scope=asked.scope,
            run_id=asked.run_id,
            tries_left=5,
            ttl_s=asked.ttl_s or 900,
        )
        state = ArmState.REQUESTED if self.needs_approval else ArmState.CONFIRMABLE
        self.source.arm_facts = replace(
            FACTS, state=state, request=replace(line, needs_approval=self.needs_approval)
        )
        return Requested(REQUEST.request_id, TOKEN, PHRASE, 120, self.needs_approval)

    def approve(self, request_id: str, reason: str, operator: str) -> ArmRequestLine:
        """Approved."""
        self.done.append(("approve", request_id, reason, operator))
        return replace(REQUEST, needs_approval=True, approved_by=operator)

    def confirm(self, request_id: str, token: str, phrase: str, operator: str) -> ArmLine:
        """Armed with the token; refused with another."""
        self.done.append(("confirm", request_id, phrase, operator, "fits" if token == TOKEN else "differs"))
        if token != TOKEN:
            known = self.source.arm_facts
            if known is not None and known.request is not None:
                fewer = replace(known.request, tries_left=known.request.tries_left - 1)
                self.source.arm_facts = replace(known, request=fewer)
            raise ControlRefused("that is not the token", code="token_wrong", remedy="type it again")
        self.source.arm_facts = facts("armed")
        return LEASE

    def withdraw(self, request_id: str) -> bool:
        """Taken back."""
        self.done.append(("withdraw", request_id))
        self.source.arm_facts = FACTS
        return True

    def disarm(self, reason: str, operator: str) -> LoweredNow:
        """Disarmed."""
        self.done.append(("disarm", reason, operator))
        self.source.arm_facts = FACTS
        step = StopStep("lease", ok=True, detail="arming is not in it", at_us=1)
        return LoweredNow(
            "disarm", "", effective=True, escalated=False, steps=(step,), recorded=Recorded(184_230)
        )


def arm_scene(name: str) -> FakeSource:
    """The source of a scene."""
    source = scene({"empty": "empty", "stale": "stale", "hostile": "hostile"}.get(name, "normal"))
    bar = replace(source.bar_snapshot, simulated=False, phase="bootstrap" if name == "empty" else "live")
    if name in {"armed", "drill"}:
        lease = facts(name).lease
        assert lease is not None
        ends = NOW + timedelta(seconds=lease.left_s)
        armed = Armed(lease.scope, lease.run_id, ends, lease.drill, lease.lease_id, "mara")
        state = PostureState.DISARMED if lease.drill else PostureState.ARMED
        orders = Orders.NONE if lease.drill else Orders.ALL
        posture = Posture(state, calls=True, orders=orders, reasons=("armed",), since=NOW, age_ms=300)
        bar = replace(bar, armed=armed, posture=posture)
    source.bar_snapshot = bar
    source.arm_facts = facts(name)
    return source


def arm_app(name: str, *, readonly: bool = False) -> tuple[PeakApp, MadeUpArmDesk]:
    """The console over a scene, and its desk."""
    source = arm_scene(name)
    desk = MadeUpArmDesk(checklist(name), source, needs_approval=name == "waiting")
    app = make_app(source, root=Path("eurusd-desk"), readonly=readonly)
    app.opening = replace(app.opening, arm_desk=desk)
    return app, desk
