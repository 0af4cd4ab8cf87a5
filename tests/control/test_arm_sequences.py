"""Arming under everything that can happen to it; and the same with planted flaws, which must be seen."""

import random

import pytest
from arm_program import Program, flawed, real
from arm_walk import ACTIONS, Action, wander
from arm_world import KEYS, ArmWorld, Flaw
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

REAL = real()
WALKS = 150
STEPS = 12


def walk(program: Program, seeds: range) -> int:
    """Walk as often as there are seeds; gives how often something was armed when it was looked at."""
    armed = 0
    for seed in seeds:
        world = ArmWorld(program, random.Random(seed))  # noqa: S311 - a walk, no secret
        wander(world, STEPS)
        armed += world.armed_seen
    return armed


def test_no_walk_is_armed_without_a_live_valid_lease() -> None:
    """Jumps of 400 days, sleep, restarts, crash points, edits, breakers, ends of runs; it is armed often."""
    assert walk(REAL, range(WALKS)) > WALKS


PLANTED = {
    "armed before the record": (
        "arm_state",
        "return self.held.lease if self.held is not None and self.state is ArmState.ARMED else None",
        "return self.held.lease if self.held is not None else None",
    ),
    "a failed record arms": ("arming", "if not event.ok:", "if False:"),
    "what ended while it was recorded arms": ("arming", "if held.void is not None:", "if False:"),
    "time on the boot clock is forgotten": (
        "arm_rules",
        "if not lease.granted_us <= now.boot_us < lease.expires_us:",
        "if False:",
    ),
    "time on the wall clock is forgotten": (
        "arm_rules",
        "if now.wall_us >= lease.expires_wall_us else None",
        "if False else None",
    ),
    "a lease is twice as long": (
        "arm_records",
        "span_us = asked.wanted.ttl_s * SECOND_US",
        "span_us = asked.wanted.ttl_s * SECOND_US * 2",
    ),
    "a step of the clock is overlooked": (
        "arm_rules",
        "if abs(now.wall_us - now.boot_us - basis.offset_us) > CLOCK_STEP_US:",
        "if False:",
    ),
    "a step back is overlooked": (
        "arm_rules",
        "if abs(now.wall_us - now.boot_us - basis.offset_us) > CLOCK_STEP_US:",
        "if now.wall_us - now.boot_us - basis.offset_us > CLOCK_STEP_US:",
    ),
    "a sleep is overlooked": (
        "arm_rules",
        "if now.boot_us - now.awake_us - basis.slept_us > SLEPT_US:",
        "if False:",
    ),
    "a config may change": ("arm_rules", "if now.binding != basis.binding:", "if False:"),
    "the phase may change": ("arm_rules", "if now.phase != basis.phase:", "if False:"),
    "a change and back is overlooked": (
        "arm_rules",
        "return ArmEnd.POSTURE_FELL if now.epoch != basis.epoch else None",
        "return None",
    ),
    "a provider's breaker may open": (
        "arm_rules",
        "if now.latched or now.open_breakers - basis.breakers:",
        "if now.latched:",
    ),
    "a breaker that opens again is an old one": (
        "arming",
        "return replace(basis, breakers=basis.breakers & now.open_breakers)",
        "return basis",
    ),
    "the run may end": ("arm_rules", "if run_id and run_id in now.ended_runs:", "if False:"),
    "the scope may be stopped": (
        "arm_rules",
        'if not now.calls or now.lowered or {scope, f"run:{run_id}"} & now.stopped:',
        "if not now.calls or now.lowered:",
    ),
    "calls need not be permitted": (
        "arm_rules",
        "ArmRefusal.POSTURE: not now.calls,",
        "ArmRefusal.POSTURE: False,",
    ),
    "live in any phase": (
        "arm_rules",
        "ArmRefusal.PHASE: not drill and now.phase != Phase.LIVE,",
        "ArmRefusal.PHASE: False,",
    ),
    "live without a run": ("arm_rules", "if live and not wanted.run_id:", "if False:"),
    "live without the checklist": (
        "arm_rules",
        "if live and wanted.checklist is not None:",
        "if False:",
    ),
    "any time may be asked for": (
        "arm_rules",
        "if not 0 < wanted.ttl_s <= now.max_ttl_s:",
        "if not 0 < wanted.ttl_s:",
    ),
    "any token does": ("tokens", "return same and formed", "return formed"),
    "a token may be used again": (
        "arming",
        "return replace(state, asked=None, held=held, wrong=0), (grant,)",
        "return replace(state, held=held, wrong=0), (grant,)",
    ),
    "a token never expires": (
        "arming",
        "if over is None and now.boot_us >= asked.until_us:",
        "if False:",
    ),
    "any phrase does": ("arming", "if event.phrase != phrase_of(asked.wanted):", "if False:"),
    "anybody confirms": ("arming", "if event.operator != asked.operator:", "if False:"),
    "wrong tokens are not counted": ("arming", "wrong=state.wrong + 1,", "wrong=state.wrong,"),
    "asking again gives new tries": (
        "arming",
        "return replace(state, asked=asked), replaced",
        "return replace(state, asked=asked, wrong=0), replaced",
    ),
    "a lockout can be asked away": (
        "arming",
        "if state.state is ArmState.LOCKED:\n        return ArmRefusal",
        "if False:\n        return ArmRefusal",
    ),
    "a lockout is short": (
        "arming",
        "after = replace(state, asked=None, locked_until_us=now.boot_us + LOCKOUT_S * SECOND_US)",
        "after = replace(state, asked=None, locked_until_us=now.boot_us + SECOND_US)",
    ),
    "nobody need approve": (
        "arm_state",
        "waits = self.asked.needs_approval and not self.asked.approved_by",
        "waits = False",
    ),
    "the same key approves": (
        "arming",
        "if event.operator == asked.operator or bare_key(event.key) == bare_key(asked.key):",
        "if event.operator == asked.operator:",
    ),
    "an approval is for ever": (
        "arming",
        "span_s = APPROVAL_S if now.two_person else TOKEN_VALID_S",
        "span_s = 10**6 if now.two_person else TOKEN_VALID_S",
    ),
    "disarm leaves the lease": (
        "arming",
        "elif held is not None and held.recorded and only is None:",
        "elif False and held is not None:",
    ),
    "an end is not recorded": (
        "arming",
        "return None, (end_note(held, over, now), *drill_notes(held, over, now))",
        "return None, drill_notes(held, over, now)",
    ),
    "withdrawing a request while it is granted does nothing": (
        "arming",
        "held = replace(held, void=held.void or why)\n    elif",
        "pass\n    elif",
    ),
}
"""Flaws of the pure machine and of tokens: where, what stands there, what would stand there instead."""


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_flaw_is_seen(name: str) -> None:
    """The walks that the machine passes are not passed by one that is wrong in one place."""
    program = flawed(*PLANTED[name])
    with pytest.raises(Flaw):
        walk(program, range(4_000))


KINDS = st.sampled_from(ACTIONS)


class AnyOrder(RuleBasedStateMachine):
    """Hypothesis looks for an order of events that arms what must not be, and shortens what it finds."""

    def __init__(self) -> None:
        super().__init__()
        self.world = ArmWorld(REAL, random.Random(0))  # noqa: S311 - a walk, no secret

    @initialize(seed=st.integers(0, 2**32), two=st.booleans())
    def begin(self, seed: int, two: bool) -> None:  # noqa: FBT001 - hypothesis names its arguments
        """A world with its own chance."""
        self.world = ArmWorld(REAL, random.Random(seed), two_person=two)  # noqa: S311 - a walk, no secret

    @rule(ttl_s=st.integers(1, 3600), drill=st.booleans(), operator=st.sampled_from(sorted(KEYS)))
    def armed(self, ttl_s: int, drill: bool, operator: str) -> None:  # noqa: FBT001 - as above
        """The whole way."""
        self.world.arm(operator=operator, ttl_s=ttl_s, drill=drill)

    @rule(action=KINDS)
    def anything(self, action: Action) -> None:
        """A macro step or a single one."""
        action(self.world)

    @rule(operator=st.sampled_from(sorted(KEYS)), back=st.integers(1, 3))
    def typed(self, operator: str, back: int) -> None:
        """A console of any operator types the token of any of the last requests."""
        known = list(self.world.issues)
        if len(known) >= back:
            self.world.confirm(known[-back], operator=operator)

    @rule(ok=st.booleans())
    def recorded(self, ok: bool) -> None:  # noqa: FBT001 - as above
        """The grant that waits is written, or not."""
        self.world.record(ok=ok)

    @rule(wrote=st.booleans(), reboot=st.booleans())
    def died(self, wrote: bool, reboot: bool) -> None:  # noqa: FBT001 - as above
        """The node dies, perhaps between record and privilege."""
        self.world.crash(wrote=wrote, reboot=reboot)

    @rule(days=st.floats(-400, 400))
    def jumped(self, days: float) -> None:
        """The wall clock is set."""
        self.world.set_wall(days * 86_400)

    @rule(seconds=st.floats(0, 4000), asleep=st.booleans())
    def passed(self, seconds: float, asleep: bool) -> None:  # noqa: FBT001 - as above
        """Time passes, in sleep or awake."""
        (self.world.sleep if asleep else self.world.advance)(seconds)

    @rule()
    def healed(self) -> None:
        """Everything is as it must be."""
        self.world.heal()

    @invariant()
    def holds(self) -> None:
        """No reachable state is armed without a live, valid lease."""
        self.world.check()


TestAnyOrder = AnyOrder.TestCase
"""The search in CI; benchmarks/arming.py walks further."""
TestAnyOrder.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
