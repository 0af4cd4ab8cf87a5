"""Every interleaving of stops, enables, a filling disk and a dying node, on the code that runs."""

from collections.abc import Callable, Generator
from typing import Any

import pytest
from interleaving_model import World, disk, enabler, every_order, hand, node_ticks, outage, stopper
from interleaving_search import Process, Search

from peak_console.control import enabling, files
from peak_console.control.history import ControlHistory

_E0 = ControlHistory().after("control.enabled", "e0", {"scope": "global"}, "")
_STOPPED = _E0.after("control.stopped", "ev_s0", {"scope": "global", "stop_id": "s0"}, "")

WORLDS = {
    "new": World(),
    "enabled": World(enabled="e0", ledger=_E0, recorded=frozenset({"e0"}), lease="e0"),
    "stopped": World(stop="s0", ledger=_STOPPED, recorded=frozenset({"e0", "ev_s0"})),
}

SMALL: dict[str, dict[str, Process]] = {
    "stop, enable, node": {"S1": stopper("S1"), "E1": enabler("E1"), "N": node_ticks(1)},
    "two stops, enable": {"S1": stopper("S1"), "S2": stopper("S2"), "E1": enabler("E1")},
    "stop, enable, disk": {"S1": stopper("S1"), "E1": enabler("E1"), "D": disk},
}

LARGE: dict[str, dict[str, Process]] = {
    "stop, two enables": {"S1": stopper("S1"), "E1": enabler("E1"), "E2": enabler("E2", steals=True)},
    "stop, two enables, disk": {
        "S1": stopper("S1"),
        "E1": enabler("E1"),
        "E2": enabler("E2"),
        "D": disk,
    },
    "two stops, enable, disk": {
        "S1": stopper("S1"),
        "S2": stopper("S2"),
        "E1": enabler("E1"),
        "D": disk,
    },
    "stop, enable, node dying": {
        "S1": stopper("S1"),
        "E1": enabler("E1"),
        "N": node_ticks(2),
        "O": outage,
    },
}


def assert_holds(processes: dict[str, Process], world: World) -> Search:
    """Search everything; a violation shows the shortest way to it."""
    search = every_order(processes, world).run()
    assert not search.violations, "\n".join([*search.violations, *search.way])
    return search


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("scenario", SMALL)
def test_no_path_leads_from_stop_to_enabled_without_a_later_enable(scenario: str, world: str) -> None:
    """Whatever the order, an enable that began before a stop is never in force after it."""
    assert assert_holds(SMALL[scenario], WORLDS[world]).states > 500


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("scenario", LARGE)
def test_the_same_holds_with_more_operators_a_full_disk_and_a_dying_node(scenario: str, world: str) -> None:
    """Two of each, the disk filling and emptying at any moment, the node dying and coming back anywhere."""
    assert assert_holds(LARGE[scenario], WORLDS[world]).states > 50_000


def test_an_enable_alone_opens_the_gate() -> None:
    """The protocol is not safe by never enabling: undisturbed, it opens the gate from every world."""
    for world in WORLDS.values():
        assert assert_holds({"E1": enabler("E1"), "N": node_ticks(1)}, world).opened


def test_a_removal_by_hand_is_recorded_and_never_undone() -> None:
    """After ``rm ENABLED`` the enable it named is never in force again, whatever the node does."""
    search = every_order({"H": hand, "N": node_ticks(3), "O": outage}, WORLDS["enabled"])
    search.run()
    assert not search.violations
    for world in search.worlds():
        if world.enabled is None and "ev_removed_e0" in world.recorded:
            assert world.ledger.in_force is None


# --- the model bites: each of these small changes to the protocol is found ------------------------------

Steps = Callable[..., Generator[Any, Any, Any]]


def skipping(steps: Steps, wanted: Callable[[Any, int], bool], answer: Any = None) -> Steps:
    """The protocol with some of its actions left out, answered with ``answer`` instead."""

    def mutant(*args: Any) -> Generator[Any, Any, Any]:
        inner = steps(*args)
        seen: dict[Any, int] = {}
        try:
            action = next(inner)
            while True:
                seen[action] = seen.get(action, 0) + 1
                if wanted(action, seen[action]):
                    action = inner.send(answer)
                    continue
                try:
                    result = yield action
                except Exception as error:  # noqa: BLE001 - handed on as it came
                    action = inner.throw(error)
                else:
                    action = inner.send(result)
        except StopIteration as done:
            return done.value

    return mutant


def stop_unlinks_once() -> Process:
    """A stop without its second pair of unlinks."""
    return stopper("S1", skipping(files.stop_steps, lambda a, n: isinstance(a, files.Unlink) and n == 2))


def stop_unlinks_in_the_wrong_order() -> Process:
    """A stop that forgets ``ENABLING`` the second time."""
    return stopper(
        "S1", skipping(files.stop_steps, lambda a, n: a == files.Unlink(files.ENABLING) and n == 2)
    )


def enable_that_checks(_: Any) -> Steps:
    """An enable whose second look is replaced by what it saw first."""

    def mutant(event_id: str, data: bytes, stale: Any) -> Generator[Any, Any, Any]:
        inner = enabling.enable_steps(event_id, data, stale)
        seen: dict[str, Any] = {}
        created = False
        try:
            action = next(inner)
            while True:
                if isinstance(action, files.Read) and created and action.name in seen:
                    action = inner.send(seen[action.name])
                    continue
                if isinstance(action, enabling.RecordEnable):
                    created = False
                try:
                    result = yield action
                except Exception as error:  # noqa: BLE001 - handed on as it came
                    action = inner.throw(error)
                    continue
                if isinstance(action, files.Read):
                    seen[action.name] = result
                created = created or isinstance(action, files.Create)
                action = inner.send(result)
        except StopIteration as done:
            return done.value

    return mutant


def test_a_stop_that_unlinks_only_once_is_caught() -> None:
    """Without the second unlinks an enable that had checked before ``STOP`` was written survives the stop."""
    processes = {"S1": stop_unlinks_once(), "E1": enabler("E1"), "D": disk}
    assert every_order(processes, WORLDS["new"]).run().violations


def test_a_stop_that_forgets_enabling_the_second_time_is_caught() -> None:
    """``ENABLING`` must go before ``ENABLED`` goes for the last time."""
    processes = {"S1": stop_unlinks_in_the_wrong_order(), "E1": enabler("E1"), "D": disk}
    assert every_order(processes, WORLDS["new"]).run().violations


def test_an_enable_that_does_not_look_again_is_caught() -> None:
    """The second look, with ``ENABLING`` taken, is what a stop after the first look is seen by."""
    processes = {"S1": stopper("S1"), "E1": enabler("E1", enable_that_checks(None)), "D": disk}
    assert every_order(processes, WORLDS["enabled"]).run().violations


def test_an_enable_without_its_record_is_caught() -> None:
    """An enable that renames before it is on record would be in force for nobody: it never opens the gate."""
    unrecorded = skipping(enabling.enable_steps, lambda a, _: isinstance(a, enabling.RecordEnable))
    search = every_order({"E1": enabler("E1", unrecorded), "N": node_ticks(2)}, WORLDS["new"]).run()
    assert not search.opened
