"""Workers in words: what the node tells of them, read as what another process says."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from peak_console.operations.workers import Attendance, WorkerLine, attendance

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def row(name: str, **more: Any) -> dict[str, Any]:
    """A worker as the node tells it."""
    return {"name": name, "pid": 7, "actor": "anna", "acknowledged_ms": 12, "cancelled": 2, **more}


def test_all_acknowledged_in_one_line() -> None:
    """How many, and what they cancelled together."""
    found = attendance({"stop": {"stop_id": "s"}, "over": True, "workers": [row("a"), row("b", cancelled=1)]})
    assert (found.ok, found.detail, found.remedy) == (True, "2 acknowledged, 3 calls cancelled", "")
    assert found.workers[0] == WorkerLine("a", 7, 12, 2, actor="anna")


def test_who_is_missing_is_named_with_its_process() -> None:
    """The step has failed, and says what to do."""
    silent = row("job", acknowledged_ms=None, cancelled=0, missing=True)
    found = attendance({"stop": {"stop_id": "s"}, "over": False, "workers": [row("a"), silent]})
    assert (found.ok, found.over, found.detail) == (False, False, "no word from job (pid 7)")
    assert "kill PID" in found.remedy
    assert found.as_dict()["ok"] is False


def test_nobody_asked_is_told_so() -> None:
    """Workers that were told of no stop did not acknowledge one; without a node nobody knows of any."""
    assert attendance({"stop": None, "over": True, "workers": [row("a")]}).detail == (
        "1 connected, not told of a stop"
    )
    assert attendance({"stop": None, "over": True, "workers": []}).detail == "none connected"
    unknown = Attendance(problem="not known: no node")
    assert (unknown.ok, unknown.detail) == (True, "not known: no node")


def test_a_name_cannot_write_to_the_terminal() -> None:
    """What a worker calls itself is foreign text."""
    found = attendance({"workers": [row("a\x1b[31m\nb", missing=True)]})
    assert "\x1b" not in found.detail + found.workers[0].shown
    assert "\n" not in found.workers[0].shown


@given(st.dictionaries(st.sampled_from(["stop", "over", "workers", "x"]), _JSON), st.lists(_JSON, max_size=3))
def test_whatever_is_said_never_raises(told: dict[str, Any], rows: list[Any]) -> None:
    """Another version's words, or nonsense: what is no worker is passed over."""
    for said in (told, {**told, "workers": rows}, {"workers": [{"name": one, "pid": one} for one in rows]}):
        found = attendance(said)
        assert isinstance(found.detail, str)
        assert all(isinstance(one.shown, str) for one in found.workers)
