"""What stands on the screen Arm, without a terminal: every state fits, says its word, and ends by itself."""

from dataclasses import replace
from datetime import timedelta

import pytest
from arm_scenes import ARM_SCENES, FACTS, checklist, facts
from console_scenes import NOW
from rich.cells import cell_len

from peak_console.domain.arming import ArmEnd
from peak_console.operations.views.arming import ArmPast
from peak_console.operations.views.bar import BarSnapshot, NodeFacts
from peak_console.tui.action import ActionState
from peak_console.tui.actions import BY_ID
from peak_console.tui.big_digits import big_text
from peak_console.tui.ink import Line, Tone
from peak_console.tui.screens.arm_drawing import (
    ArmShown,
    checklist_words,
    head_lines,
    item_lines,
    live_refusals,
    past_lines,
)


def text_of(lines: list[Line]) -> str:
    """The lines' text."""
    return "\n".join("".join(span.text for span in line) for line in lines)


@pytest.mark.parametrize("name", [*ARM_SCENES, "hostile"])
@pytest.mark.parametrize("width", [80, 120])
def test_every_state_fits_its_place(name: str, width: int) -> None:
    """Head, item and past: no line is wider than the screen, no state needs more lines than it has."""
    listed = checklist(name)
    huge = width > 80
    head = head_lines(ArmShown(facts(name), NOW, checklist=listed), width, huge=huge)
    assert len(head) <= (8 if huge else 6)
    lines = [*head, *item_lines(listed.items[2], width, 3), *past_lines(facts(name).past, NOW, width, 5)]
    assert all(cell_len("".join(span.text for span in line)) <= width for line in lines)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("armed", (" ▲ ARMED ", "live orders may be sent", "disarms now")),
        ("drill", (" DRILL ", "no gate accepts it", "ends within a minute")),
        ("asked", ("not armed yet", "types the token", "4 tries left", "takes it back")),
        ("waiting", ("not armed yet", "another operator approves it")),
        ("alarming", ("LOCKED", "stop and disarm never are", "14:14:51Z")),
        ("empty", ("NOT ARMED", "phase is bootstrap", "may be asked for")),
        ("stale", ("NOT KNOWN", "the node was not heard")),
    ],
)
def test_each_state_says_its_word_and_the_next_key(name: str, words: tuple[str, ...]) -> None:
    """Colour is never alone; what is no arming does not look like one."""
    head = head_lines(ArmShown(facts(name), NOW), 80, huge=False)
    for word in words:
        assert word in text_of(head)
    looks_armed = any(span.tone is Tone.CHIP_ARMED for line in head for span in line)
    assert looks_armed == (name == "armed")


def test_the_countdown_goes_on_and_ends_by_itself() -> None:
    """From one snapshot: less each second, and nothing armed once it is over, whatever nobody read again."""
    armed = facts("armed")
    for passed, digits in ((0, "14:32"), (60, "13:32"), (871, "0:01")):
        lines = head_lines(ArmShown(armed, NOW + timedelta(seconds=passed)), 80, huge=False)
        big = big_text(digits)
        assert big[0] in text_of(lines)
    over = text_of(head_lines(ArmShown(armed, NOW + timedelta(seconds=873)), 80, huge=False))
    assert "ARMED " not in over.replace("NOT ARMED", "")


def test_big_digits_are_three_or_five_lines_of_one_width() -> None:
    """Each figure is told apart from every other."""
    for huge, height in ((False, 3), (True, 5)):
        lines = big_text("0123456789:", huge=huge)
        assert len(lines) == height
        assert len({cell_len(one) for one in lines}) == 1
        assert len({tuple(big_text(digit, huge=huge)) for digit in "0123456789"}) == 10


def test_live_needs_a_green_checklist_and_a_drill_does_not() -> None:
    """One reason is said once, whether the node or the screen judged it."""
    assert live_refusals(FACTS, checklist("armed")) == ()
    (why,) = live_refusals(FACTS, checklist("alarming"))
    assert "3 of 9 items" in why
    told = replace(FACTS, refusals=("the pre-live checklist is red",))
    assert live_refusals(told, checklist("alarming")) == told.refusals
    text = text_of(head_lines(ArmShown(FACTS, NOW, checklist=checklist("alarming")), 80, huge=False))
    assert "live  ✗ the pre-live checklist is not green" in text
    assert "drill ✓ may be asked for" in text
    assert "✗ 2 red" in "".join(span.text for span in checklist_words(checklist("alarming")))


def test_every_end_has_its_words() -> None:
    """Nobody reads a code at night."""
    for end in set(ArmEnd) - {ArmEnd.UNKNOWN}:
        past = (ArmPast(NOW, "ended", end.value, "node", 7),)
        assert "_" not in text_of(past_lines(past, NOW, 120, 3))


def test_actions_say_why_they_cannot() -> None:
    """What is armed, asked for or locked stands in the way of asking again; withdraw and disarm never do."""
    bar = BarSnapshot(NOW, node=NodeFacts(running=True))

    def why(action: str, name: str) -> str:
        return BY_ID[action].why_disabled(ActionState("arm", bar, arm=facts(name)))

    assert why("arm.ask", "normal") == ""
    assert "armed already" in why("arm.ask", "armed")
    assert "a request stands" in why("arm.ask", "asked")
    assert "locked" in why("arm.ask", "alarming")
    assert why("arm.ask", "empty") == ""  # a drill may be
    assert why("arm.token", "asked") == ""
    assert "another operator" in why("arm.token", "waiting")
    assert why("arm.approve", "waiting") == ""
    assert "one operator is enough" in why("arm.approve", "asked")
    assert all(why(one, name) == "" for one in ("arm.disarm", "arm.withdraw") for name in ARM_SCENES)
