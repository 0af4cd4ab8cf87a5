"""Whose a draft is: the rule that parts drafts, and when an editor counts as living."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.operations.workbench.draft_editors import (
    Machine,
    begin_editor,
    end_editor,
    lives,
    lives_on,
    part,
)
from peak_console.operations.workbench.shapes import Draft, Editor

NOW = datetime(2026, 11, 22, 3, 12, tzinfo=UTC)
HERE = Machine("desk", "pid:[1]", "boot-2", 10, {10: "500", 11: "700", 12: ""}.get)


def editor(pid: int = 11, started: str = "700", **other: str) -> Editor:
    """An editor on this machine, unless something else is said."""
    words = {"host": "desk", "space": "pid:[1]", "boot": "boot-2", **other}
    return Editor(f"{pid}-0a", words["host"], words["space"], words["boot"], pid, started, NOW)


@pytest.mark.parametrize(
    ("one", "living"),
    [
        (editor(), True),
        (editor(started="699"), False),  # the number is another process's by now
        (editor(pid=12, started="3"), True),  # the kernel does not tell
        (editor(pid=99), False),
        (editor(boot="boot-1"), False),
        (editor(pid=99, host="elsewhere"), True),  # cannot be known
        (editor(pid=99, space="pid:[2]"), True),  # a container's
        (editor(pid=10, started="500"), False),  # this process, and closed
    ],
)
def test_an_editor_lives_as_long_as_its_process(one: Editor, living: bool) -> None:  # noqa: FBT001 - a case
    """What cannot be known counts as living; a number that another process has by now does not."""
    assert lives_on(one, HERE, ()) is living


def test_an_editor_of_this_process_lives_until_it_is_closed() -> None:
    """By the real kernel: open, then closed."""
    one = begin_editor(NOW)
    assert lives(one)
    assert lives(replace(one, boot="another")) is False
    end_editor(one)
    assert not lives(one)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), max_size=8))
def test_no_draft_is_left_out_and_only_those_of_the_living_are_kept_back(kept: list[tuple[int, int]]) -> None:
    """Each draft stands in one part; parts have the newest first; nobody's are offered."""
    editors = {0: None, 1: editor(pid=1), 2: editor(pid=2), 3: editor(pid=3)}
    drafts = [
        Draft("m", str(at), None, "", NOW + timedelta(seconds=at), "", "x", editors[who]) for who, at in kept
    ]
    drafts = list({one.id: one for one in drafts}.values())
    found = part(drafts, "1-0a", lambda one: one.pid == 2)
    everything = [*([found.mine] if found.mine else []), *found.offered, *found.elsewhere]
    assert sorted(one.id for one in everything) == sorted(one.id for one in drafts)
    assert found.mine is None or found.mine.id == "1-0a"
    assert {one.id for one in found.elsewhere} <= {"2-0a"}
    assert not any(one.id in {"1-0a", "2-0a"} for one in found.offered)
    assert [one.at for one in found.offered] == sorted((one.at for one in found.offered), reverse=True)
