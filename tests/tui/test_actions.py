"""The action registry: it feeds keys, help, palette, command line, read-only mode and the reference."""

from pathlib import Path

import pytest
from console_scenes import bar

from peak_console.tui.action import SCREENS, ActionState, Danger
from peak_console.tui.actions import ACTIONS, BY_COMMAND, actions_on, bindings_for, key_bar_actions
from peak_console.tui.app import PeakApp
from peak_console.tui.command_line import CommandUnknown, complete_command, complete_filter, read_command
from peak_console.tui.reference import keys_page
from peak_console.tui.screens.arm import ArmScreen
from peak_console.tui.screens.arm_approve import ArmApprove
from peak_console.tui.screens.arm_confirm import ArmConfirm
from peak_console.tui.screens.arm_request import ArmRequest
from peak_console.tui.screens.arm_token import ArmToken
from peak_console.tui.screens.call import CallScreen
from peak_console.tui.screens.calls import CallsScreen
from peak_console.tui.screens.enable import EnableDialog
from peak_console.tui.screens.event import EventScreen
from peak_console.tui.screens.evidence import EvidenceScreen
from peak_console.tui.screens.help import HelpPanel
from peak_console.tui.screens.history import HistoryScreen
from peak_console.tui.screens.incident import IncidentPanel
from peak_console.tui.screens.incident_form import IncidentForm
from peak_console.tui.screens.incidents import IncidentsScreen
from peak_console.tui.screens.lift import LiftDialog
from peak_console.tui.screens.live import LiveScreen
from peak_console.tui.screens.lock import LockScreen
from peak_console.tui.screens.log import LogScreen, RecordScreen
from peak_console.tui.screens.matrix import MatrixScreen
from peak_console.tui.screens.merge import MergeScreen
from peak_console.tui.screens.model import ModelScreen
from peak_console.tui.screens.pack import PackScreen
from peak_console.tui.screens.packed import PackedScreen
from peak_console.tui.screens.picker import Picker
from peak_console.tui.screens.run import RunScreen
from peak_console.tui.screens.runs import RunsScreen
from peak_console.tui.screens.save import SaveDialog
from peak_console.tui.screens.shadow import ShadowScreen
from peak_console.tui.screens.shadow_cycle import ShadowCycleScreen
from peak_console.tui.screens.shadow_forms import ReleaseForm
from peak_console.tui.screens.shadow_job import ShadowJobScreen
from peak_console.tui.screens.shadow_model import ShadowModelScreen
from peak_console.tui.screens.shadow_ready import ShadowReadyScreen
from peak_console.tui.screens.version import VersionScreen
from peak_console.tui.widgets.key_bar import fitting

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "keys.md"
CLASSES = {
    one.NAME: one
    for one in (
        LiveScreen,
        CallsScreen,
        RunsScreen,
        RunScreen,
        EventScreen,
        EvidenceScreen,
        PackScreen,
        PackedScreen,
        LogScreen,
        CallScreen,
        RecordScreen,
        HelpPanel,
        IncidentPanel,
        IncidentsScreen,
        IncidentForm,
        EnableDialog,
        LiftDialog,
        MatrixScreen,
        HistoryScreen,
        LockScreen,
        VersionScreen,
        MergeScreen,
        ModelScreen,
        SaveDialog,
        ArmScreen,
        ArmRequest,
        ArmToken,
        ArmConfirm,
        ArmApprove,
        Picker,
        ShadowScreen,
        ShadowJobScreen,
        ShadowCycleScreen,
        ShadowModelScreen,
        ShadowReadyScreen,
        ReleaseForm,
    )
}


def test_ids_and_commands_are_unique() -> None:
    """An id names one action, a command one action."""
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    assert len(BY_COMMAND) == len([action for action in ACTIONS if action.command])


@pytest.mark.parametrize("screen", SCREENS)
def test_no_key_means_two_things_on_a_screen(screen: str) -> None:
    """A key is bound once."""
    keys = [key for binding in bindings_for(screen) for key in binding.key.split(",")]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("screen", SCREENS)
def test_every_action_is_carried_out_by_somebody(screen: str) -> None:
    """The screen or the app has the method that the registry names."""
    for action in actions_on(screen):
        assert hasattr(CLASSES[screen], action.handler) or hasattr(PeakApp, action.handler), action.id


def test_readonly_disables_change_and_never_incident() -> None:
    """What goes safer works whatever the console was opened as."""
    for screen in SCREENS:
        state = ActionState(screen, bar("alarming"), readonly=True)
        for action in actions_on(screen):
            if action.danger is Danger.CHANGE:
                assert "--readonly" in action.why_disabled(state)
            if action.danger is Danger.INCIDENT:
                assert action.why_disabled(state) == ""


def test_every_change_and_incident_names_its_command_line() -> None:
    """What changes something can be done without the console."""
    assert all(action.cli for action in ACTIONS if action.danger is not Danger.VIEW)


def test_enable_says_why_it_cannot() -> None:
    """Calls that are permitted need no enable; configs with errors must be mended first."""
    enable = BY_COMMAND["enable"]
    assert "already" in enable.why_disabled(ActionState("live", bar("normal")))
    assert "errors" in enable.why_disabled(ActionState("live", bar("broken")))
    assert enable.why_disabled(ActionState("live", bar("alarming"))) == ""
    assert "no workspace" in enable.why_disabled(ActionState("live", bar("alarming"), has_workspace=False))


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize("screen", SCREENS)
def test_the_key_bar_fits_eighty_columns(screen: str, *, replay: bool) -> None:
    """Stop, incident and help are never among what gives way."""
    every = key_bar_actions(ActionState(screen, bar("normal"), replay=replay))
    shown = fitting(every, 78)
    assert sum(len(f"{one.shown} {one.title}") + 2 for one in shown) - 2 <= 78
    must = {"incident.open", "incident.stop", "help"} & {action.id for action in every}
    assert must <= {action.id for action in shown}


def test_a_command_is_read_by_its_word_or_a_unique_beginning() -> None:
    """Arguments follow; what is unknown is answered with what is near."""
    action, argument = read_command("calls layer:L2 outcome:failed")
    assert (action.id, argument) == ("go.calls", "layer:L2 outcome:failed")
    assert read_command(" wi 24h ")[0].id == "window.set"
    for wrong in ("", "fly", "l"):
        with pytest.raises(CommandUnknown) as error:
            read_command(wrong)
        assert "try:" in str(error.value)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("ca", "calls"),
        ("calls lay", "calls layer:"),
        ("calls layer:L2 outcome:fa", "calls layer:L2 outcome:failed"),
        ("calls layer:L1,L", "calls layer:L1,L0"),
        ("calls lat", "calls latency>"),
        ("calls -is:f", "calls -is:fallback"),
        ("log lev", "log level:"),
        ("window 2", "window 24h"),
        ("zz", None),
        ("quit now", None),
        ("calls ", None),
    ],
)
def test_what_is_typed_is_completed(typed: str, completed: str | None) -> None:
    """Commands, filter keys, and values that are one of few."""
    assert complete_command(typed) == completed


def test_a_filter_is_completed_word_by_word() -> None:
    """Nothing is offered after a blank."""
    assert complete_filter("outcome:ok mod", ("model", "outcome")) == "outcome:ok model:"
    assert complete_filter("outcome:ok ", ("model",)) is None


def test_the_reference_page_is_current() -> None:
    """It is what the registry says; renew it with python -m peak_console.tui.reference."""
    assert REFERENCE.read_text(encoding="utf-8") == keys_page()
