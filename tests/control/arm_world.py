"""A model of the node around the arming machine, and of what people and clocks do to it.

Beside the machine stands an oracle that knows the truth: which token was given out and typed, what changed
since, what the clocks did, what is on the ledger. :meth:`ArmWorld.check` holds the one against the other.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from arm_program import Program

from peak_console.node.arm_record import locked_until

SECOND = 1_000_000
DAY = 86_400 * SECOND
KEYS = {"anna": "ssh-ed25519 AAAA", "ben": "ssh-ed25519 AAAB", "anna2": "ssh-ed25519 AAAA"}
"""Operators and their keys; anna is enrolled twice."""

RUNS = ("run-1", "run-2")


class Flaw(AssertionError):
    """The machine does what it must not."""


@dataclass
class Issue:
    """A request as the oracle knows it."""

    request_id: str
    operator: str
    wanted: Any
    token: str
    phrase: str
    mark: int
    boot: int
    awake: int
    wall: int
    two_person: bool
    valid_from: int
    breakers: frozenset[str]
    approved: bool = False
    over: bool = False


@dataclass
class Right:
    """A lease that may be, by what the oracle saw."""

    issue: Issue
    lease: Any
    mark: int
    boot: int
    awake: int
    wall: int
    seen: dict[str, Any]
    recorded: bool = False
    voided: set[str] = field(default_factory=set)


@dataclass
class ArmWorld:
    """One node and its surroundings; every method is something that happens."""

    program: Program
    chance: random.Random
    boot: int = 10**9
    awake: int = 10**9
    wall: int = 1_700_000_000 * SECOND
    boots: int = 0
    sessions: int = 0
    binding: str = "d0"
    phase: str = "live"
    calls: bool = True
    latched: frozenset[str] = frozenset()
    open_breakers: frozenset[str] = frozenset()
    ended_runs: frozenset[str] = frozenset()
    stopped: frozenset[str] = frozenset()
    two_person: bool = False
    checklist_green: bool = True
    ledger_up: bool = True
    epoch: int = 0
    marks: int = 0
    ledger: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    waiting: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    issues: dict[str, Issue] = field(default_factory=dict)
    rights: dict[str, Right] = field(default_factory=dict)
    pending: Any = None
    """A grant between the machine's word and its record."""
    wrong: int = 0
    wrong_at: int = 0
    locked_until: int = 0
    lockout: dict[str, Any] | None = None
    made: int = 0
    armed_seen: int = 0
    lowered: str = ""

    def __post_init__(self) -> None:
        self.machine = self.program.Arming()

    # -- the moment

    def moment(self) -> Any:
        """As the node reads it."""
        return self.program.Moment(
            boot_us=self.boot,
            awake_us=self.awake,
            wall_us=self.wall,
            boot_id=f"b{self.boots}",
            session=f"s{self.sessions}",
            binding=self.binding,
            phase=self.phase,
            calls=self.calls,
            epoch=self.epoch,
            latched=self.latched,
            open_breakers=self.open_breakers,
            ended_runs=self.ended_runs,
            stopped=self.stopped,
            two_person=self.two_person,
            operators=2,
        )

    def step(self, event: Any) -> list[Any]:
        """Let the machine take an event; its effects are carried out, but a grant's record waits."""
        self._remember()
        self.machine, effects = self.program.step(self.machine, event, self.moment())
        for effect in effects:
            kind = type(effect).__name__
            if kind == "Note":
                self._note(effect)
            elif kind == "Grant":
                self.pending = effect
            elif kind == "Alarm" and self.locked_until <= self.boot:
                raise Flaw("an alarm without a lockout")
        return [effect for effect in effects if type(effect).__name__ == "Deny"]

    def _remember(self) -> None:
        """What the machine sees at this step: a breaker that closed counts anew, a void grant stays void."""
        for issue in self.issues.values():
            issue.breakers &= self.open_breakers
        for right in self.rights.values():
            right.seen["open_breakers"] &= self.open_breakers
            if not right.recorded:
                right.voided |= self._causes(right)

    def _note(self, note: Any) -> None:
        body = note.body
        lease_id = body.get("lease_id")
        if note.kind.value in {"control.arm.ended", "control.arm.expired"} and lease_id in self.rights:
            self._judge_end(self.rights[lease_id], body["why"])
        if note.kind.value == "control.arm.refused" and "locked_until_us" in body:
            self.lockout = body
        self.waiting.append((note.kind.value, body))
        self._flush()

    def _flush(self) -> None:
        if self.ledger_up:
            self.ledger += self.waiting
            self.waiting = []

    def _judge_end(self, right: Right, why: str) -> None:
        causes = self._causes(right)
        if why not in causes:
            raise Flaw(f"ended by {why}, but what happened is {sorted(causes)}")

    def _causes(self, right: Right) -> set[str]:
        """Why a lease is over, by the oracle; empty while it holds."""
        found = self._changes(right)
        if not found and self.marks != right.mark:
            found.add("posture_fell")  # it changed, and changed back
        elapsed, ttl = self.boot - right.boot, right.issue.wanted.ttl_s * SECOND
        by_clock = {
            "ttl": elapsed >= ttl,
            "wall_ttl": self.wall - right.wall >= ttl,
            "clock_step": abs(self.wall - right.wall - elapsed) > 2 * SECOND,
            "suspend": elapsed - (self.awake - right.awake) > SECOND // 2,
            self.lowered: bool(self.lowered),
        }
        return found | right.voided | {why for why, holds in by_clock.items() if holds}

    def _changes(self, right: Right) -> set[str]:
        lease, seen = right.lease, right.seen
        barred = {lease.scope, f"run:{lease.run_id}"} & self.stopped
        holds = {
            "phase_changed": self.phase != seen["phase"],
            "digest_changed": self.binding != seen["binding"],
            "breaker": self.latched or self.open_breakers - seen["open_breakers"],
            "run_ended": lease.run_id in self.ended_runs,
            "posture_fell": not self.calls or barred,
        }
        return {why for why, is_so in holds.items() if is_so}

    def check(self) -> None:
        """No state is armed without a live, valid lease; what ended is on record; a lockout locks."""
        self.step(self.program.Tick())
        self._check_lease()
        self._check_lock()
        if self.ledger_up:
            self._check_record()

    def _check_lease(self) -> None:
        lease = self.machine.lease
        if lease is None:
            return
        right = self.rights.get(lease.lease_id)
        if right is None or not right.recorded:
            raise Flaw("armed by a confirmation that was not right, or is not on the ledger")
        if causes := self._causes(right):
            raise Flaw(f"armed, though {sorted(causes)}")
        if lease != right.lease or not 0 < lease.expires_us - lease.granted_us <= 3600 * SECOND:
            raise Flaw("the lease is not the one that was granted")
        if lease.expires_us - lease.granted_us != right.issue.wanted.ttl_s * SECOND:
            raise Flaw("the lease is longer than was asked for")
        wanted = right.issue.wanted
        if not wanted.drill and (right.seen["phase"] != "live" or wanted.checklist or not wanted.run_id):
            raise Flaw("live without phase, checklist or run")
        self.armed_seen += 1

    def _check_lock(self) -> None:
        locked = self.boot < self.locked_until
        if locked and (self.machine.lease or self.machine.asked or self.machine.state.value != "locked"):
            raise Flaw("something stands while arming is locked")
        if not locked and self.machine.state.value == "locked":
            raise Flaw("locked for too long, or for no reason")

    def _check_record(self) -> None:
        held = self.machine.lease.lease_id if self.machine.lease else None
        granted = [body["lease_id"] for kind, body in self.ledger if kind == "control.arm.granted"]
        ends = [body.get("lease_id") for kind, body in self.ledger if kind != "control.arm.granted"]
        for lease_id in granted:
            count = ends.count(lease_id)
            if count != (0 if lease_id == held else 1):
                raise Flaw(f"{lease_id} has {count} ends on record")

    # -- people

    def ask(self, *, operator: str = "anna", ttl_s: int = 60, drill: bool = True, run: str = "run-1") -> str:
        """An operator asks; gives the request's id, empty when it was refused."""
        self.made += 1
        request_id, program, now = f"r{self.made}", self.program, self.moment()
        token = program.new_token(self.chance.randbytes)
        red = None if self.checklist_green else program.ArmRefusal.CHECKLIST
        wanted = program.Wanted("venue:paper", run, ttl_s, drill, None, red)
        kept = program.token_digest(token, program.bound_to(request_id, now))
        event = program.Ask(request_id, wanted, "test", operator, KEYS[operator], kept)
        if self.step(event):
            return ""
        for issue in self.issues.values():
            issue.over = True  # whatever stood is replaced
        clocks = (self.boot, self.awake, self.wall)
        self.issues[request_id] = Issue(
            request_id, operator, wanted, token, program.phrase_of(wanted), self.marks, *clocks,
            self.two_person, self.boot, self.open_breakers,
        )  # fmt: skip
        if not self._may_ask(wanted):
            raise Flaw("something was asked for that may not be")
        return request_id

    def _may_ask(self, wanted: Any) -> bool:
        barred = {wanted.scope, f"run:{wanted.run_id}"} & self.stopped or wanted.run_id in self.ended_runs
        live = wanted.drill or (self.phase == "live" and self.checklist_green and bool(wanted.run_id))
        return bool(self.calls and not self.latched and not barred and live and 0 < wanted.ttl_s <= 3600)

    def approve(self, request_id: str, operator: str) -> None:
        """Somebody approves."""
        issue = self.issues.get(request_id)
        denied = self.step(self.program.Approve(request_id, operator, KEYS[operator]))
        if denied or issue is None:
            return
        if KEYS[operator] == KEYS[issue.operator]:
            issue.over = True  # whatever comes of it is not right
        elif self._stands(issue, 600):
            issue.approved, issue.valid_from = True, self.boot

    def confirm(
        self, request_id: str, *, operator: str = "anna", token: str | None = None, phrase: str | None = None
    ) -> bool:
        """Somebody types; gives whether the machine wants the grant recorded."""
        issue = self.issues.get(request_id)
        self.made += 1
        typed = token if token is not None else issue.token if issue else "00000-000000"
        said = phrase if phrase is not None else issue.phrase if issue else ""
        right = issue is not None and self._is_right(issue, operator, typed, said)
        counts = issue is not None and self._may_type(issue, operator)
        self.program_lease = f"l{self.made}"
        if not right and counts:
            self._typed_wrong()
        before = self.pending
        self.step(self.program.Confirm(request_id, operator, typed, said, self.program_lease))
        granted = self.pending is not before
        if granted and right and issue is not None:
            self._may_be(issue)
        if right and not granted and before is None:
            raise Flaw("the right token, typed in time, was refused")
        return granted

    def _may_be(self, issue: Issue) -> None:
        issue.over, self.wrong = True, 0
        seen = {"phase": self.phase, "binding": self.binding, "open_breakers": self.open_breakers}
        self.rights[self.program_lease] = Right(
            issue, self.pending.lease, self.marks, self.boot, self.awake, self.wall, seen
        )

    def _stands(self, issue: Issue, valid_s: int) -> bool:
        """Whether a request still stands, by the oracle."""
        elapsed = self.boot - issue.boot
        calm = abs(self.wall - issue.wall - elapsed) <= 2 * SECOND
        woke = elapsed - (self.awake - issue.awake) <= SECOND // 2
        in_time = self.boot - issue.valid_from < valid_s * SECOND
        free = self.boot >= self.locked_until and issue.wanted.run_id not in self.ended_runs
        barred = {issue.wanted.scope, f"run:{issue.wanted.run_id}"} & self.stopped
        clear = not (self.latched or self.open_breakers - issue.breakers) and self.calls and not barred
        return not issue.over and issue.mark == self.marks and calm and woke and in_time and free and clear

    def _may_type(self, issue: Issue, operator: str) -> bool:
        approved = issue.approved or not issue.two_person
        return self._stands(issue, 120) and approved and operator == issue.operator

    def _is_right(self, issue: Issue, operator: str, token: str, phrase: str) -> bool:
        return self._may_type(issue, operator) and token == issue.token and phrase == issue.phrase

    def _typed_wrong(self) -> None:
        if self.wrong and self.boot - self.wrong_at >= 600 * SECOND:
            self.wrong = 0
        self.wrong, self.wrong_at = self.wrong + 1, self.boot
        if self.wrong == 5:
            self.wrong, self.locked_until = 0, self.boot + 600 * SECOND
            for issue in self.issues.values():
                issue.over = True

    def disarm(self) -> None:
        """Somebody ends it all."""
        self.lowered = "disarmed"
        self._over()
        for right in self.rights.values():
            right.voided.add("disarmed")
        self.step(self.program.Lower(self.program.ArmEnd.DISARMED, "ben"))
        if self.pending is None:
            self.lowered = ""

    def withdraw(self, request_id: str) -> None:
        """Somebody takes a request back."""
        if request_id in self.issues:
            self.issues[request_id].over = True
        right = None if self.pending is None else self.rights.get(self.pending.lease.lease_id)
        if right is not None and right.issue.request_id == request_id:
            self.lowered = "withdrawn"
        self.step(self.program.Withdraw(request_id, "ben"))

    def _over(self) -> None:
        for issue in self.issues.values():
            issue.over = True

    # -- the record

    def record(self, *, ok: bool | None = None) -> None:
        """The grant that waits is written, or cannot be; then the machine is told."""
        if self.pending is None:
            return
        grant, ok = self.pending, self.ledger_up if ok is None else ok and self.ledger_up
        self.pending = None
        lease_id = grant.lease.lease_id
        if ok:
            self.ledger.append(("control.arm.granted", grant.body))
            if lease_id in self.rights:
                self.rights[lease_id].recorded = True
        self.step(self.program.Recorded(lease_id, ok))
        self.lowered = ""

    def crash(self, *, reboot: bool = False, wrote: bool = False) -> None:
        """The node dies, perhaps between the record of a grant and the privilege; another begins."""
        if wrote and self.pending is not None and self.ledger_up:
            self.ledger.append(("control.arm.granted", self.pending.body))
        self.pending, self.waiting, self.lowered = None, [], ""
        self._over()
        self.marks += 1
        self.epoch = 0
        self.sessions += 1
        self.ended_runs = self.ended_runs  # the ledger has them
        if reboot:
            self.boots += 1
            self.boot = self.awake = 5 * SECOND
        self.wrong = 0
        ended = {body.get("lease_id") for kind, body in self.ledger if kind != "control.arm.granted"}
        for kind, body in list(self.ledger):
            if kind == "control.arm.granted" and body["lease_id"] not in ended:
                self.waiting.append(
                    ("control.arm.ended", {"lease_id": body["lease_id"], "why": "node_restart"})
                )
        self._flush()
        written = [body for _, body in self.ledger if "locked_until_us" in body]
        self._take_over(written[-1] if written else None, reboot=reboot)

    def _take_over(self, lockout: dict[str, Any] | None, *, reboot: bool) -> None:
        until = locked_until(lockout, self.moment())
        self.machine = self.program.Arming(locked_until_us=until)
        if lockout is None:
            self.locked_until = 0
        elif reboot or lockout["boot_id"] != f"b{self.boots}":
            self.locked_until = until or 0
        elif (until or 0) != (lockout["locked_until_us"] if lockout["locked_until_us"] > self.boot else 0):
            raise Flaw("a restart changed the lockout")

    # -- the world

    def advance(self, seconds: float) -> None:
        """Time passes."""
        us = round(seconds * SECOND)
        self.boot += us
        self.awake += us
        self.wall += us

    def sleep(self, seconds: float) -> None:
        """The machine sleeps."""
        self.advance(seconds)
        self.awake -= round(seconds * SECOND)

    def set_wall(self, seconds: float) -> None:
        """The wall clock is set, or slewed."""
        self.wall += round(seconds * SECOND)

    def change(self, **what: Any) -> None:
        """Config, phase or posture change; the node's epoch moves."""
        for name, value in what.items():
            setattr(self, name, value)
        self.epoch += 1
        self.marks += 1

    def blink(self) -> None:
        """A stop and an enable between two looks."""
        self.epoch += 1
        self.marks += 1

    def arm(self, *, operator: str = "anna", ttl_s: int = 60, drill: bool = False) -> str:
        """The whole way, from wherever it stands; gives the request's id."""
        request_id = self.ask(operator=operator, ttl_s=ttl_s, drill=drill)
        if request_id and self.two_person:
            self.approve(request_id, "ben" if operator != "ben" else "anna")
        if request_id:
            self.confirm(request_id, operator=operator)
            self.record(ok=True)
        return request_id

    def heal(self) -> None:
        """Everything is as it must be to arm."""
        self.change(calls=True, phase="live", latched=frozenset(), stopped=frozenset())
        self.open_breakers = self.ended_runs = frozenset()
        self.checklist_green = self.ledger_up = True
        self._flush()
