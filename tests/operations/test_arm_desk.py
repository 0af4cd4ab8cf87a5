"""Arming as the screen works with it, where no node runs."""

import shutil
from pathlib import Path

import pytest

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import PeakError
from peak_console.operations.views.arm_desk import ArmAsked, WorkspaceArmDesk

ROOT = Path(__file__).resolve().parents[2]
ASKED = ArmAsked("venue:demo", "run_1", "hedge", 900, drill=True, operator="mara")


def test_without_a_node_nothing_is_asked_for_and_going_safer_still_works(tmp_path: Path) -> None:
    """Each way up raises with a remedy; a disarm is done already."""
    shutil.copytree(ROOT / "configs", tmp_path / "desk" / "configs")
    desk = WorkspaceArmDesk(Workspace(tmp_path / "desk"))
    for ask in (
        lambda: desk.request(ASKED),
        lambda: desk.approve("ev_1", "seen", "jon"),
        lambda: desk.confirm("ev_1", "00000-000000", "DRILL", "mara"),
        lambda: desk.withdraw("ev_1"),
    ):
        with pytest.raises(PeakError) as error:
            ask()
        assert error.value.remedy
    assert desk.disarm("try", "mara").effective
