"""Walks through the model of arming: macro steps that lead to armed, and single ones away from it."""

from collections.abc import Callable
from typing import Any

from arm_world import KEYS, RUNS, SECOND, ArmWorld, Flaw

RUN_OUT = (-1.9, -0.5, 0.0, 0.5, 1.9)
"""Seconds by which the wall clock is slewed while a lease runs out: less than a step."""


def wander(world: ArmWorld, steps: int) -> None:
    """A random walk that is armed half of the time: macro steps lead there, single ones away from it."""
    chance = world.chance
    world.two_person = chance.random() < 0.3
    for _ in range(steps):
        chance.choice(ACTIONS)(world)
        world.check()


def _arm(world: ArmWorld) -> None:
    world.heal()
    world.disarm()
    world.record()
    ready = world.boot >= world.locked_until
    lease_of = world.arm(ttl_s=world.chance.choice([1, 30, 60, 900, 3600]), drill=world.chance.random() < 0.5)
    if ready and (not lease_of or world.machine.lease is None):
        raise Flaw("everything was right, and nothing is armed")


def _run_out(world: ArmWorld) -> None:
    """Armed, slewed, then to the edge of its time and over it."""
    _arm(world)
    lease = world.machine.lease
    if lease is None:
        return
    slew = world.chance.choice(RUN_OUT)
    world.set_wall(slew)
    world.check()
    left = (lease.expires_us - world.boot) / SECOND
    for seconds in (left - 1.2, 0.7, 0.5, 0.6, 1.5):
        if seconds > 0:
            world.advance(seconds)
        world.check()


def _wrong_tokens(world: ArmWorld) -> None:
    world.heal()
    world.disarm()
    world.record()
    for _ in range(world.chance.randint(1, 6)):
        request_id = world.ask() if world.chance.random() < 0.4 else next(reversed(world.issues), "")
        token = world.program.new_token(world.chance.randbytes)
        kind = world.chance.randrange(4)
        if kind == 0:
            world.confirm(request_id, phrase="DRILL everything")
        elif kind == 1:
            world.confirm(request_id, operator="ben")
        else:
            world.confirm(request_id, token=world.chance.choice([token, "", "nothing", token[:-1]]))
        world.record()
        world.check()
    if world.chance.random() < 0.3 or world.boot < world.locked_until:
        world.advance(world.chance.choice([100, 599, 601]))


def _replay(world: ArmWorld) -> None:
    """A token that was used, was another request's, or is too late."""
    world.heal()
    world.disarm()
    world.record()
    first = world.arm(ttl_s=1)
    world.advance(1)
    world.check()
    second = world.ask()
    if not second or not first:
        return
    if world.chance.random() < 0.5:
        world.withdraw(second)
        world.confirm(first)
    elif world.chance.random() < 0.5:
        world.confirm(second, token=world.issues[first].token)
    else:
        world.advance(world.chance.choice([119.9, 120, 121, 4000]))
        world.confirm(second)
    world.record()


def _two_persons(world: ArmWorld) -> None:
    world.heal()
    world.disarm()
    world.record()
    world.change(two_person=True)
    request_id = world.ask(ttl_s=30)
    if world.chance.random() < 0.7:
        world.advance(world.chance.choice([0, 1, 130, 599, 601]))
        world.approve(request_id, world.chance.choice(list(KEYS)))
    world.advance(world.chance.choice([0, 1, 119, 121]))
    world.confirm(request_id)
    world.record()
    world.check()
    world.change(two_person=False)


def _shared_key(world: ArmWorld) -> None:
    """Somebody enrolled under a second name approves with the same key."""
    world.heal()
    world.disarm()
    world.record()
    world.change(two_person=True)
    request_id = world.ask(ttl_s=30, operator=world.chance.choice(["anna", "anna2"]))
    world.approve(request_id, world.chance.choice(["anna", "anna2"]))
    world.confirm(request_id)
    world.record()
    world.check()
    world.change(two_person=False)


def _between(world: ArmWorld) -> None:
    """Something happens between the right token and the record."""
    world.heal()
    world.disarm()
    world.record()
    request_id = world.ask(ttl_s=30)
    if world.two_person and request_id:
        world.approve(request_id, "ben")
    world.confirm(request_id)
    kind = world.chance.randrange(7)
    if kind == 0:
        _change(world)
    elif kind == 1:
        world.disarm()
    elif kind == 2:
        world.crash(wrote=world.chance.random() < 0.5, reboot=world.chance.random() < 0.5)
    elif kind == 3:
        world.withdraw(request_id)
    elif kind == 4:
        world.ledger_up = False
    elif kind == 5:
        world.sleep(40)
    world.check()
    world.record(ok=world.chance.random() < 0.7)


def _again(world: ArmWorld) -> None:
    """A breaker that was open when it was armed closes, and opens again."""
    world.heal()
    world.disarm()
    world.record()
    world.open_breakers = frozenset({"p:m", "q:m"})
    world.arm(ttl_s=60)
    world.check()
    world.open_breakers = frozenset({"q:m"})
    world.check()
    if world.chance.random() < 0.5:
        world.open_breakers = frozenset({"p:m", "q:m"})


def _disarmed(world: ArmWorld) -> None:
    _arm(world)
    world.check()
    world.disarm()


def _early_record(world: ArmWorld) -> None:
    """Confirmed, and looked at before the record."""
    world.heal()
    world.disarm()
    world.record()
    request_id = world.ask(ttl_s=30)
    if world.two_person and request_id:
        world.approve(request_id, "ben")
    world.confirm(request_id)
    world.check()


def _change(world: ArmWorld) -> None:
    chance = world.chance
    what: dict[str, Any] = chance.choice(
        [
            {"binding": f"d{chance.randrange(4)}"},
            {"phase": chance.choice(["live", "testnet"])},
            {"calls": chance.random() < 0.5},
            {"latched": frozenset({"burn"})},
        ]
    )
    world.change(**what)
    if chance.random() < 0.3:
        world.blink()


def _breakers(world: ArmWorld) -> None:
    """What ends a lease and moves no epoch: a breaker of a provider, a stop of its scope, its run."""
    kind = world.chance.randrange(4)
    if kind == 0:
        world.open_breakers = world.chance.choice([frozenset(), frozenset({"p:m"}), frozenset({"q:m"})])
    elif kind == 1:
        world.ended_runs |= {world.chance.choice(RUNS)}
    elif kind == 2:
        world.stopped |= {world.chance.choice(["venue:paper", "run:run-1", "layer:L2"])}
    else:
        world.blink()


def _clocks(world: ArmWorld) -> None:
    chance = world.chance
    kind = chance.randrange(4)
    if kind == 0:
        world.set_wall(chance.choice([-400 * 86_400, 400 * 86_400, -3, 3, -1.5, 1.5, -0.1]))
    elif kind == 1:
        world.sleep(chance.choice([0.1, 0.4, 1, 20, 86_400]))
    else:
        world.advance(chance.choice([0.1, 1, 10, 60, 121, 601, 3601]))


def _restart(world: ArmWorld) -> None:
    world.crash(reboot=world.chance.random() < 0.4)
    if world.chance.random() < 0.3:
        world.ledger_up = not world.ledger_up


def _single(world: ArmWorld) -> None:
    chance = world.chance
    known = list(world.issues) or [""]
    request_id, operator = chance.choice(known[-3:]), chance.choice(list(KEYS))
    kind = chance.randrange(7)
    if kind == 0:
        world.ask(operator=operator, ttl_s=chance.choice([0, 1, 60, 3601]), drill=chance.random() < 0.5)
    elif kind == 1:
        world.approve(request_id, operator)
    elif kind == 2:
        world.confirm(request_id, operator=operator)
    elif kind == 3:
        world.withdraw(request_id)
    elif kind == 4:
        world.disarm()
    else:
        world.record()


def _refused_ask(world: ArmWorld) -> None:
    """A live request that lacks something, confirmed all the same."""
    world.heal()
    world.disarm()
    world.record()
    world.two_person = False
    kind, run, ttl_s = world.chance.randrange(5), "run-1", 60
    if kind == 0:
        world.checklist_green = False
    elif kind == 4:
        world.change(calls=False)
    elif kind == 1:
        world.change(phase="testnet")
    elif kind == 2:
        run = ""
    else:
        ttl_s = 3601
    request_id = world.ask(drill=False, run=run, ttl_s=ttl_s) or f"r{world.made}"
    world.confirm(request_id)
    world.record()


Action = Callable[[ArmWorld], None]

ACTIONS: tuple[Action, ...] = (
    *(_arm, _arm, _run_out, _run_out, _wrong_tokens, _replay, _two_persons, _shared_key, _between),
    *(_early_record, _again, _disarmed, _refused_ask, _change, _change, _clocks, _clocks, _restart),
    *(_single, _single, _breakers),
)
"""What may happen, as often as it shall."""
