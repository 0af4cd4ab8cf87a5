"""A model of lowering and arming beside stops and enables: node memory, lease, ledger, in every order.

Drives the production generators (``control/lowering.py``, ``control/files.py``, ``control/enabling.py``) with
the actions of :mod:`interleaving_model`. What the node does between two waits is one step, as on its loop.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from interleaving_model import World as Files
from interleaving_model import act as act_on_files
from interleaving_model import data
from interleaving_search import Done, Process, Search

from peak_console.control import enabling, files, history, lowering
from peak_console.control.lowering import Lower, Wish

SCOPE = "layer:L2"


@dataclass(frozen=True)
class Tick:
    """The node looks, folds and writes the lease."""


@dataclass(frozen=True)
class Grant:
    """Arming puts its lease into the node's memory; one that looks again, only while nothing has changed."""

    confirmed: str
    """The enable under which it was confirmed."""
    looks_again: bool = True


@dataclass(frozen=True)
class World(Files):
    """What the files' world has, and the node's memory and lease beside it."""

    memory: frozenset[str] = frozenset()
    """What is lowered in the node's memory."""
    marks: frozenset[str] = frozenset()
    """What is lowered on the ledger."""
    shown: frozenset[str] = frozenset()
    """What the lease says is lowered."""
    armed: tuple[str, str] | None = None
    """The arm lease in the node's memory: under which enable it counts there, and was confirmed."""
    folded: str | None = None
    """The enable under which the node permitted calls at its last look."""
    shown_armed: str | None = None
    """The enable under which what the lease arms was confirmed."""
    kept: frozenset[str] = frozenset()
    """Scopes whose stopper was told that they are stopped, and nothing more than they."""
    ended: frozenset[str] = frozenset()
    """Enables that a stop has ended, by its own word."""
    forgets_nothing: bool = False
    """Mutant: the node's memory keeps its arm lease whatever is enabled."""
    leaves_the_lease: bool = False
    """Mutant: a lease that cannot be written over stays."""
    hung: bool = False
    """Whether the node's process is held (SIGSTOP): it lives, and does nothing."""
    disarmed: bool = False
    """Whether somebody was told that nothing is armed; nobody arms anew in such a scenario."""


def node_tick(world: World) -> World:
    """One look of the node: arming falls with its enable; the lease is written, or removed on a full disk."""
    if not _acts(world):
        return world
    seen = history.Observed(world.enabling, world.enabled, world.stop)
    enabled = history.permitted(world.ledger, seen)
    armed = world.armed
    if armed is not None and not world.forgets_nothing and (enabled is None or armed[0] != enabled):
        armed = None
    world = replace(world, armed=armed, folded=enabled)
    lowered, origin = world.memory | world.marks, armed[1] if armed is not None else None
    if world.full:
        same = (world.lease, world.shown, world.shown_armed) == (enabled, lowered, origin)
        if same or world.leaves_the_lease:
            return world
        return replace(world, lease=None, shown=frozenset(), shown_armed=None)
    return replace(world, lease=enabled, shown=lowered, shown_armed=origin)


def _acts(world: World) -> bool:
    return world.node_up and not world.hung


def act(world: World, process: str, action: Any) -> tuple[World, tuple[str, Any]]:  # noqa: C901, PLR0911, PLR0912 - one table
    """One atomic action; the answer is ``("ok", value)`` or ``("raise", what)``."""
    match action:
        case Tick():
            return node_tick(world), ("ok", None)
        case Grant():
            return _grant(world, action), ("ok", None)
        case lowering.Remember(wish):
            if not _acts(world):
                return world, ("raise", "no node")
            if wish.what is Lower.DISARM:
                return replace(world, armed=None), ("ok", None)
            return replace(world, memory=world.memory | {_name(wish)}), ("ok", None)
        case lowering.ShowLease():
            if not _acts(world):
                return world, ("raise", "no node")
            return node_tick(world), ("ok", "written")
        case lowering.Record(wish):
            if world.full or not _acts(world):
                return world, ("raise", "not recorded")
            if wish.what is Lower.DISARM:
                return world, ("ok", 1)
            return replace(world, marks=world.marks | {_name(wish)}), ("ok", 1)
        case lowering.ReadBack(wish):
            return world, _read_back(world, wish)
        case lowering.LooksUnattended():
            return world, ("ok", True) if world.lease is None and not world.node_up else ("raise", "it lives")
        case ("reaches",):
            return world, ("ok", None) if _acts(world) else ("raise", "no answer")
        case ("told disarmed",):
            return replace(world, disarmed=True), ("ok", None)
        case ("hold",):
            return replace(world, hung=world.node_up), ("ok", None)
        case ("time passes",) if world.hung:
            return replace(world, lease=None, shown=frozenset(), shown_armed=None), ("ok", None)
        case ("continue", feels_it):
            armed = None if feels_it else world.armed
            return replace(world, hung=False, armed=armed), ("ok", None)
        case ("told", escalated):
            kept = world.kept if escalated else world.kept | {SCOPE}
            return replace(world, kept=kept), ("ok", None)
        case ("record arming",):
            return world, ("raise", "full") if world.full or not world.node_up else ("ok", None)
        case ("held", _):
            return world, ("ok", world.folded if world.node_up else None)
        case ("stop ends",):
            return replace(world, ended=world.ended | {"e0"}), ("ok", None)
        case "node down":
            down = replace(world, node_up=False, memory=frozenset(), armed=None, folded=None)
            return down, ("ok", None)
        case _:
            after, answer = act_on_files(world, process, action)
            return after, answer  # type: ignore[return-value]  # the same class that went in


def _name(wish: Wish) -> str:
    return wish.scope or wish.what.value


def _grant(world: World, grant: Grant) -> World:
    """Put the arm lease into memory, and show it; the look before it is part of the same step."""
    looked = node_tick(world)
    if not _acts(world) or looked.folded is None:
        return looked
    if grant.looks_again and looked.folded != grant.confirmed:
        return looked
    return node_tick(replace(looked, armed=(looked.folded, grant.confirmed)))


def _read_back(world: World, wish: Wish) -> tuple[str, Any]:
    if world.lease is None and not _acts(world):
        return "ok", "lapsed"
    if wish.what is Lower.DISARM:
        return ("ok", "shown") if world.shown_armed is None else ("raise", "not shown")
    return ("ok", "shown") if _name(wish) in world.shown else ("raise", "not shown")


def calls_pass(world: World) -> bool:
    """Whether a worker's gate lets a call of any scope leave."""
    return world.enabled is not None and world.enabled == world.lease and world.stop is None


def violations(world: World) -> tuple[str, ...]:
    """What must never be: a scope that is told stopped and passes; live orders after their stop."""
    found = []
    if calls_pass(world) and world.kept - world.shown:
        found.append(f"{sorted(world.kept)} was told to be stopped, and calls of it pass")
    if calls_pass(world) and world.shown_armed in world.ended:
        found.append(
            f"live orders pass that were confirmed under {world.shown_armed}, which a stop has ended"
        )
    if calls_pass(world) and world.disarmed and world.shown_armed is not None:
        found.append("it was told that nothing is armed, and live orders pass")
    return tuple(found)


def _act_watched(world: World, process: str, action: Any) -> Done:
    after, answer = act(world, process, action)
    return Done(after, answer, calls_pass(after) and after.shown_armed is not None, violations(after))


def every_order(processes: dict[str, Process], world: World) -> Search:
    """The search through every interleaving of these over one world; not run yet."""
    return Search(processes, world, _act_watched)


# --- the processes --------------------------------------------------------------------------------------


def _nested(steps: Generator[Any, Any, Any], instead: dict[type, Any]) -> Generator[Any, Any, Any]:
    """Drive a production protocol; an action of ``instead`` is done by a generator of its own."""
    action = next(steps)
    while True:
        try:
            if type(action) in instead:
                result = yield from instead[type(action)](action)
            else:
                result = yield action
        except Exception as error:  # noqa: BLE001 - handed on as it came
            following = steps.throw, error
        else:
            following = steps.send, result
        try:
            action = following[0](following[1])
        except StopIteration as done:
            return done.value


def _stop_all(name: str) -> Any:
    def run(_: Any) -> Generator[Any, Any, Any]:
        report = yield from files.stop_steps(data("stop_id", f"{name}_all"), lambda: 0)
        return report.effective

    return run


def scope_stopper(
    name: str, client: Any = lowering.client_steps, node: Any = lowering.node_steps, *, lies: bool = False
) -> Process:
    """``peak stop --scope``: the client's steps, the node's within them; whatever fails stops everything.

    With ``lies`` the client takes any answer for a scope that is stopped.
    """
    wish = Wish(Lower.STOP, name, SCOPE)

    def ask(_: Any) -> Generator[Any, Any, Any]:
        return (yield from _nested(node(wish, lambda: 0), {lowering.StopAll: _stop_all(f"{name}_node")}))

    def run() -> Generator[Any, Any, Any]:
        instead = {lowering.AskNode: ask, lowering.StopAll: _stop_all(name)}
        report = yield from _nested(client(wish, lambda: 0), instead)
        if report.effective:
            yield ("told", report.escalated and not lies)

    return run


def disarmer(name: str, client: Any = lowering.client_steps) -> Process:
    """``peak disarm``; an answer is one only while the node acts, before what it does and after."""
    wish = Wish(Lower.DISARM, name)

    def ask(_: Any) -> Generator[Any, Any, Any]:
        yield ("reaches",)
        answer = yield from _nested(
            lowering.node_steps(wish, lambda: 0), {lowering.StopAll: _stop_all(f"{name}_node")}
        )
        yield ("reaches",)
        return answer

    def run() -> Generator[Any, Any, Any]:
        instead = {lowering.AskNode: ask, lowering.StopAll: _stop_all(name)}
        report = yield from _nested(client(wish, lambda: 0), instead)
        if report.effective:
            yield ("told disarmed",)

    return run


def holder(*, feels_it: bool) -> Process:
    """SIGSTOP and SIGCONT, the lease lapsing between. Held for long the node feels it, and ends arming."""

    def run() -> Generator[Any, Any, Any]:
        yield ("hold",)
        yield ("time passes",)
        yield ("continue", feels_it)

    return run


def armer(*, looks_again: bool = True) -> Process:
    """A grant: recorded first, then put into memory under the enable it was confirmed under."""

    def run() -> Generator[Any, Any, Any]:
        held = yield ("held", None)
        if held is None:
            return
        yield ("record arming",)
        yield Grant(held, looks_again)

    return run


def ender() -> Generator[Any, Any, Any]:
    """A global stop that knows, when it has read back, that what was enabled before it is over."""
    report = yield from files.stop_steps(data("stop_id", "S1"), lambda: 0)
    if report.effective:
        yield ("stop ends",)


def ticks(count: int) -> Process:
    """The node's looks."""

    def run() -> Generator[Any, Any, Any]:
        for _ in range(count):
            yield Tick()

    return run


def enabler(name: str) -> Process:
    """``peak enable``."""
    return lambda: enabling.enable_steps(name, data("event_id", name), lambda _: False)
