"""What the node does when it lowers for itself, as for a trigger: nobody beside it would stop everything."""

from typing import Any

import pytest

from peak_console.control.files import run
from peak_console.control.lowering import Lower, NodeAnswer, Record, StopAll, Wish, node_steps


@pytest.mark.parametrize(("what", "stops"), [(Lower.STOP, True), (Lower.REDUCE, True), (Lower.DISARM, False)])
def test_what_cannot_be_recorded_becomes_a_stop_of_everything(what: Lower, *, stops: bool) -> None:
    """A scope or reduce that only memory holds would be lost with it; a disarm is not."""
    done: list[type] = []

    def do(action: Any) -> Any:
        done.append(type(action))
        if isinstance(action, Record):
            raise OSError(28, "No space left on device")
        return True

    answer: NodeAnswer = run(node_steps(Wish(what, "stop_1", "layer:L2"), lambda: 0), do)
    assert (StopAll in done, answer.escalated, answer.stopped) == (stops, stops, stops)
    assert not answer.recorded
