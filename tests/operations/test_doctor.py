"""The doctor: what it calls bad, what unknown, and that it falls over nothing."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from support.begun import begin_here

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock
from peak_console.domain.posture import Orders, Posture, PostureState
from peak_console.operations.doctor import Diagnosis, Health, examine
from peak_console.operations.doctor.program import machine, program, switches, terminal
from peak_console.operations.doctor.running import ledger, running
from peak_console.operations.views.bar import BarSnapshot, LedgerHead, SignedHead
from peak_console.operations.views.freshness import Freshness

NOW = ManualClock().now()


@pytest.fixture
def ws(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A new workspace with operator anna, whose user holds the keys."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return begin_here(begun, tmp_path, monkeypatch)


def of(found: list[Diagnosis] | tuple[Diagnosis, ...], title: str) -> Diagnosis:
    """The one finding of that title."""
    (one,) = [each for each in found if each.title == title]
    return one


def test_a_new_workspace_is_well(ws: Workspace) -> None:
    """Nothing is bad; what is missing is a note or a warning with what mends it."""
    found = examine(ws, environ={"PEAK_KEYS_DIR": str(ws.root.parent / "keys")})
    assert found.well, [one for one in found.diagnoses if one.health is Health.BAD]
    assert of(found.diagnoses, "key of anna").health is Health.OK
    assert of(found.diagnoses, "node").remedy == "peak node start"
    assert all(one.remedy for one in found.diagnoses if one.health in {Health.WARN, Health.BAD})


def test_without_a_workspace_the_program_is_still_looked_at() -> None:
    """A new user has nothing yet."""
    found = examine(None, problem="no workspace here", environ={})
    assert of(found.diagnoses, "Python").health is Health.OK
    assert of(found.diagnoses, "workspace").found == "no workspace here"


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 14, 0), (2, 7, 18)])
def test_an_interpreter_outside_the_supported_ones_is_bad(version: tuple[int, int, int]) -> None:
    """3.11 to 3.13."""
    assert of(list(program(version)), "Python").health is Health.BAD


def test_windows_is_told_to_use_wsl() -> None:
    """Decision 24."""
    assert "WSL" in of(list(program(on="win32")), "platform").remedy


def test_a_boot_id_that_nobody_tells_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it no lease is believed: nothing will ever be permitted here."""

    def silent() -> str:
        raise FileNotFoundError(2, "No such file")

    monkeypatch.setattr("peak_console.operations.doctor.program.boot_id", silent)
    assert of(list(machine(ManualClock())), "boot id").health is Health.BAD


@pytest.mark.parametrize(
    ("environ", "size", "health"),
    [
        ({"TERM": "xterm-256color"}, (120, 40), Health.OK),
        ({"TERM": "xterm-256color"}, (79, 40), Health.WARN),
        ({"TERM": "dumb"}, (120, 40), Health.BAD),
        ({}, (120, 40), Health.BAD),
        ({}, None, Health.NOTE),
    ],
)
def test_the_terminal(environ: dict[str, str], size: tuple[int, int] | None, health: Health) -> None:
    """Too small is a warning, one that cannot draw is bad, none is no fault."""
    assert of(list(terminal(environ, size)), "terminal").health is health


@pytest.mark.parametrize(
    ("value", "health"),
    [("true", Health.NOTE), (" ON ", Health.NOTE), ("false", Health.WARN), ("maybe", Health.WARN)],
)
def test_a_switch_in_the_shell_is_told(value: str, health: Health) -> None:
    """True permits nothing, everything else forbids here: both surprise."""
    assert of(list(switches({"AI_ARMED": value})), "AI_ARMED").health is health


def test_a_control_folder_open_to_everybody_is_bad(ws: Workspace) -> None:
    """Whoever can write there can forge there."""
    ws.control.mkdir(parents=True, exist_ok=True)
    ws.control.chmod(0o777)
    found = of(examine(ws, environ={}).diagnoses, "control folder")
    assert (found.health, found.remedy) == (Health.BAD, f"chmod o-rwx {ws.control}")


def test_a_config_that_does_not_parse_is_bad(ws: Workspace) -> None:
    """And everything else is still looked at."""
    ws.budgets.write_text("[run\n", encoding="utf-8")
    found = examine(ws, environ={})
    assert not found.well
    assert of(found.diagnoses, "lint").health is Health.BAD
    assert of(found.diagnoses, "node").health is Health.WARN


def test_a_workspace_of_rubble_is_told_not_raised(ws: Workspace) -> None:
    """No keys, no configs, a ledger that is none: findings, each with its reason."""
    shutil.rmtree(ws.root / "configs")
    ws.ledger.write_bytes(b"no database" * 1000)
    found = examine(ws, environ={})
    assert not found.well
    assert of(found.diagnoses, "ledger").health is Health.BAD


@pytest.mark.parametrize(
    ("head", "title", "health"),
    [
        (LedgerHead(9, "a", verified=False, freshness=Freshness(NOW)), "chain", Health.BAD),
        (LedgerHead(9, "a", verified=None, freshness=Freshness(NOW)), "chain", Health.UNKNOWN),
        (LedgerHead(9, "a", verified=True, freshness=Freshness(NOW)), "chain", Health.OK),
        (
            LedgerHead(9, "a", True, freshness=Freshness(NOW), signed=SignedHead(9, problem="rolled back")),  # noqa: FBT003 - its third field
            "signed head",
            Health.BAD,
        ),
        (
            LedgerHead(9, "a", last_event_at=NOW + timedelta(hours=1), freshness=Freshness(NOW)),
            "time",
            Health.WARN,
        ),
    ],
)
def test_the_ledger(head: LedgerHead, title: str, health: Health) -> None:
    """Never well without a verification."""
    assert of(list(ledger(BarSnapshot(NOW, ledger=head), NOW)), title).health is health


@pytest.mark.parametrize(
    ("phase", "simulated", "health"),
    [
        (None, False, Health.NOTE),
        ("research", False, Health.BAD),
        ("matrix", False, Health.NOTE),
        ("shadow", False, Health.BAD),
        ("live", False, Health.BAD),
        ("shadow", True, Health.NOTE),
    ],
)
def test_from_shadow_on_a_missing_service_is_bad(
    ws: Workspace, phase: str | None, *, simulated: bool, health: Health
) -> None:
    """A phase that nobody knows counts as the strictest; a simulated workspace needs none."""
    bar = BarSnapshot(NOW, phase=phase, simulated=simulated)
    assert of(list(running(ws, bar, {"HOME": str(ws.root / "home")})), "service").health is health


def test_sources_that_contradict_each_other_are_bad(ws: Workspace) -> None:
    """The strictest holds; somebody must look."""
    posture = Posture(
        PostureState.STOPPED, calls=False, orders=Orders.NONE, reasons=("stop_present",), conflicts=("both",)
    )
    bar = BarSnapshot(NOW, posture=posture)
    found = of(list(running(ws, bar, {"HOME": str(ws.root / "home")})), "posture")
    assert found.health is Health.BAD
    assert "both" in found.found
