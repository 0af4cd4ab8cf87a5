"""Every interleaving of scope stops, arming, stops, enables, a filling disk and a dying node."""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest
from interleaving_model import disk, outage
from interleaving_search import Process, Search
from lowering_model import (
    World,
    armer,
    disarmer,
    enabler,
    ender,
    every_order,
    holder,
    scope_stopper,
    ticks,
)

from peak_console.control import lowering
from peak_console.control.history import ControlHistory

_E0 = ControlHistory().after("control.enabled", "e0", {"scope": "global"}, "")
ENABLED = World(enabled="e0", ledger=_E0, recorded=frozenset({"e0"}), lease="e0", folded="e0")
ARMED = replace(ENABLED, armed=("e0", "e0"), shown_armed="e0")

SMALL: dict[str, dict[str, Process]] = {
    "scope stop, node dying": {"L1": scope_stopper("L1"), "N": ticks(2), "O": outage},
    "scope stop, disk": {"L1": scope_stopper("L1"), "N": ticks(1), "D": disk},
    "arming, stop, enable": {"A": armer(), "S1": ender, "E1": enabler("E1"), "N": ticks(1)},
}
LARGE: dict[str, dict[str, Process]] = {
    "scope stop, node dying, disk": {"L1": scope_stopper("L1"), "N": ticks(1), "O": outage, "D": disk},
    "scope stop, stop, enable": {"L1": scope_stopper("L1"), "S1": ender, "E1": enabler("E1"), "N": ticks(1)},
    "two scope stops, node dying": {
        "L1": scope_stopper("L1"),
        "L2": scope_stopper("L2"),
        "N": ticks(1),
        "O": outage,
    },
    "arming, stop, enable, node dying": {
        "A": armer(),
        "S1": ender,
        "E1": enabler("E1"),
        "N": ticks(2),
        "O": outage,
    },
}


def assert_holds(processes: dict[str, Process], least: int) -> Search:
    """Search everything; a violation shows the shortest way to it."""
    search = every_order(processes, ENABLED)
    search.run()
    assert not search.violations, "\n".join([*search.violations, *search.way])
    assert search.states > least
    return search


@pytest.mark.parametrize("scenario", SMALL)
def test_what_was_told_to_be_stopped_never_passes(scenario: str) -> None:
    """A scope that its stopper was told is stopped stays so; nothing is armed that a stop has ended."""
    assert_holds(SMALL[scenario], 100)


@pytest.mark.parametrize("scenario", LARGE)
def test_the_same_holds_with_more_at_once(scenario: str) -> None:
    """Two stoppers, a disk that fills and a node that dies, at every moment."""
    assert_holds(LARGE[scenario], 1000)


@pytest.mark.parametrize("feels_it", [True, False], ids=["held for long", "held for less"])
def test_what_was_told_to_be_disarmed_stays_so(feels_it: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Though the node is held until its lease lapses, and goes on with what its memory has."""
    held: dict[str, Process] = {"D1": disarmer("D1"), "H": holder(feels_it=feels_it), "N": ticks(2)}
    search = every_order(held, ARMED)
    search.run()
    assert not search.violations, "\n".join([*search.violations, *search.way])
    dying: dict[str, Process] = {"D1": disarmer("D1"), "N": ticks(2), "O": outage, "D": disk}
    search = every_order(dying, ARMED)
    search.run()
    assert not search.violations, "\n".join([*search.violations, *search.way])
    assert search.states > 100


def test_arming_is_possible() -> None:
    """It is not safe by never arming."""
    assert assert_holds({"A": armer(), "N": ticks(1)}, 3).opened


# --- the model bites -------------------------------------------------------------------------------------


def skipping(steps: Any, kind: type, answer: Any) -> Any:
    """A protocol with every action of one kind left out, answered with ``answer``."""

    def mutant(*args: Any) -> Generator[Any, Any, Any]:
        inner = steps(*args)
        action = next(inner)
        try:
            while True:
                if isinstance(action, kind):
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


def assert_caught(processes: dict[str, Process], world: World = ENABLED) -> None:
    """The search finds what this small change breaks."""
    search = every_order(processes, world)
    search.run()
    assert search.violations


def test_a_scope_that_is_not_recorded_is_caught() -> None:
    """It would be lost with the node."""
    node = skipping(lowering.node_steps, lowering.Record, 1)
    assert_caught({"L1": scope_stopper("L1", node=node), "N": ticks(2), "O": outage})


def test_a_record_that_fails_without_a_stop_is_caught() -> None:
    """What cannot be recorded must stop everything."""
    node = skipping(lowering.node_steps, lowering.StopAll, answer=True)
    assert_caught({"L1": scope_stopper("L1", node=node, lies=True), "N": ticks(2), "O": outage, "D": disk})


def test_a_lease_that_stays_and_is_not_read_back_is_caught() -> None:
    """Either net alone holds; without both, a full disk leaves the old lease standing."""
    client = skipping(lowering.client_steps, lowering.ReadBack, "shown")
    world = World(**{**_fields(ENABLED), "leaves_the_lease": True})
    assert_caught({"L1": scope_stopper("L1", client=client), "D": disk}, world)


def test_a_lapse_that_is_taken_for_the_end_of_a_node_is_caught() -> None:
    """It may be held, and wake armed; one that felt it ends arming by itself, the second net."""
    client = skipping(lowering.client_steps, lowering.LooksUnattended, answer=True)
    short: dict[str, Process] = {"D1": disarmer("D1", client), "H": holder(feels_it=False), "N": ticks(2)}
    assert_caught(short, ARMED)
    lapsed = replace(ARMED, lease=None, shown_armed=None, hung=True)
    wakes: dict[str, Process] = {"D1": disarmer("D1", client), "H": holder(feels_it=True), "N": ticks(2)}
    search = every_order(wakes, lapsed)
    search.run()
    assert not search.violations, "\n".join([*search.violations, *search.way])


def test_a_grant_that_does_not_look_again_is_caught() -> None:
    """A stop and an enable may lie between the confirmation and the grant."""
    assert_caught({"A": armer(looks_again=False), "S1": ender, "E1": enabler("E1"), "N": ticks(1)})


def test_arming_that_outlives_its_enable_is_caught() -> None:
    """A stop and an enable may lie between two looks of the node."""
    world = World(**{**_fields(ENABLED), "forgets_nothing": True})
    assert_caught({"A": armer(), "S1": ender, "E1": enabler("E1"), "N": ticks(1)}, world)


def _fields(world: World) -> dict[str, Any]:
    return {name: getattr(world, name) for name in World.__dataclass_fields__}
