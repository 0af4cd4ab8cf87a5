"""The page of arming: it has every end, refusal and move that the code has, and no other."""

import random

import pytest
from arm_program import real
from arm_walk import wander
from arm_world import ArmWorld

from peak_console.control import arming
from peak_console.control.arm_reference import ENDS, diagram, render
from peak_console.control.arm_rules import WORDS, ArmRefusal
from peak_console.control.arm_state import Arming
from peak_console.control.arming import TRANSITIONS, Move
from peak_console.domain.arming import ArmEnd, ArmState


def test_every_end_and_refusal_has_its_words() -> None:
    """A new one is told on the page, with what to do."""
    assert set(ENDS) == set(ArmEnd)
    assert set(WORDS) == set(ArmRefusal)
    assert all(what and remedy for what, remedy in WORDS.values())
    page = render()
    assert all(f"`{one.value}`" in page for one in (*ArmEnd, *ArmRefusal))


def test_the_diagram_is_the_table() -> None:
    """A line for every move, between states that there are."""
    lines = [line.strip() for line in diagram().splitlines() if "-->" in line]
    assert len(lines) == len(TRANSITIONS) + 1
    assert lines[0] == "[*] --> idle"
    for before, _, after in TRANSITIONS:
        assert any(line.startswith(f"{before.value} --> {after.value}:") for line in lines)


def test_every_move_of_the_table_happens_and_no_other_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is what the machine does: walks make each of its moves, and none that it lacks."""
    seen = set[tuple[ArmState, Move, ArmState]]()
    listed = arming._listed

    def watched(before: Arming, move: Move, after: Arming) -> bool:
        if before.state is not after.state:
            seen.add((before.state, move, after.state))
        return listed(before, move, after)

    monkeypatch.setattr(arming, "_listed", watched)
    for seed in range(400):
        wander(ArmWorld(real(), random.Random(seed)), 8)  # noqa: S311 - a walk, no secret
    within = {one for one in TRANSITIONS if one[0] is one[2]}
    assert seen == set(TRANSITIONS) - within
