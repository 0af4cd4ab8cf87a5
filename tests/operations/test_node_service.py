"""The node as a service: the units, who may write over them, and what a service manager says."""

import configparser
import plistlib
import shlex
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from peak_console.config.workspace import Workspace
from peak_console.control.service import MARK, Manager, service_name, service_of
from peak_console.domain.errors import ControlRefused, EnvironmentUnfit
from peak_console.operations.service import install, plan, service_state, uninstall

ODD = 'a "desk" of 100% $HOME'


def said(code: int, out: str = "", err: str = "") -> "subprocess.CompletedProcess[str]":
    """What a command of the service manager left."""
    return subprocess.CompletedProcess([], code, out, err)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A user of their own."""
    return {"HOME": str(tmp_path / "home")}


def unit_of(root: Path, environ: dict[str, str]) -> configparser.SectionProxy:
    """The parsed section ``Service`` of the systemd unit."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(service_of(root, Manager.SYSTEMD, "/usr/bin/python3", environ).text)
    return parser["Service"]


def test_the_unit_names_the_node_its_keys_and_a_watchdog(tmp_path: Path, environ: dict[str, str]) -> None:
    """Restarted whenever it ends, killed when it hangs; the key file lies outside the workspace."""
    found = unit_of(tmp_path / "desk", environ)
    words = shlex.split(found["ExecStart"])
    assert words[:5] == ["/usr/bin/python3", "-m", "peak_console.node", "--root", str(tmp_path / "desk")]
    assert not Path(words[6]).is_relative_to(tmp_path / "desk")
    assert (found["Type"], found["Restart"], found["WatchdogSec"]) == ("notify", "always", "30")


def test_odd_paths_are_quoted_for_systemd(tmp_path: Path, environ: dict[str, str]) -> None:
    """Per cents are specifiers, dollars variables, and quotes end words (systemd.unit(5))."""
    line = unit_of(tmp_path / ODD, environ)["ExecStart"]
    assert "100%%" in line
    assert "$$HOME" in line
    assert '\\"desk\\"' in line


def test_launchd_is_told_to_have_the_node_watch_itself(tmp_path: Path, environ: dict[str, str]) -> None:
    """It has no watchdog; odd paths are XML's to escape."""
    fields = plistlib.loads(
        service_of(tmp_path / ODD, Manager.LAUNCHD, "/usr/bin/python3", environ).text.encode()
    )
    assert fields["ProgramArguments"][4] == str(tmp_path / ODD)
    assert "--watchdog" in fields["ProgramArguments"]
    assert fields["KeepAlive"] is True


def test_only_where_keys_and_state_lie_is_taken_from_the_environment(tmp_path: Path) -> None:
    """A provider's key in the shell that installs never gets into a unit, which others may read."""
    environ = {"HOME": str(tmp_path), "OPENAI_API_KEY": "sk-secret", "PEAK_KEYS_DIR": "/keys"}
    for manager in Manager:
        text = service_of(tmp_path / "desk", manager, "/usr/bin/python3", environ).text
        assert "sk-secret" not in text
        assert "/keys" in text


def test_two_workspaces_of_one_name_are_two_services(tmp_path: Path) -> None:
    """The name holds a digest of the path."""
    assert service_name(tmp_path / "a" / "desk") != service_name(tmp_path / "b" / "desk")


def test_install_writes_once_and_closes_the_key_file(tmp_path: Path, environ: dict[str, str]) -> None:
    """A second install finds the same unit; keys that were filled in are left alone."""
    unit = plan(Workspace(tmp_path / "desk"), environ, platform="linux")
    assert install(unit).written
    assert stat.S_IMODE(unit.environment_file.stat().st_mode) == 0o600
    unit.environment_file.write_text("A=1\n", encoding="utf-8")
    assert not install(unit).written
    assert unit.environment_file.read_text(encoding="utf-8") == "A=1\n"


def test_a_unit_of_somebody_else_is_left_alone(tmp_path: Path, environ: dict[str, str]) -> None:
    """Neither written over nor removed, unless it is forced."""
    unit = plan(Workspace(tmp_path / "desk"), environ, platform="linux")
    unit.path.parent.mkdir(parents=True)
    unit.path.write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
    with pytest.raises(ControlRefused) as refused:
        install(unit)
    assert refused.value.code == "unit_foreign"
    with pytest.raises(ControlRefused):
        uninstall(unit, run=lambda _: said(0))
    assert MARK not in unit.path.read_text(encoding="utf-8")
    assert install(unit, force=True).written


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, environ: dict[str, str]) -> None:
    """With the text to put there by hand."""
    (tmp_path / "home").touch()
    with pytest.raises(EnvironmentUnfit) as unfit:
        install(plan(Workspace(tmp_path / "desk"), environ, platform="linux"))
    assert "--print" in unfit.value.remedy


def test_starting_says_what_failed(tmp_path: Path, environ: dict[str, str]) -> None:
    """What the service manager said stands beside the command; it is not called started."""
    unit = plan(Workspace(tmp_path / "desk"), environ, platform="linux")

    def refuse(words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        return said(1, err="Failed to connect to bus\n") if words[0] == "systemctl" else said(0)

    done = install(unit, start=True, run=refuse)
    assert not done.started
    assert done.failed[0] == ("systemctl --user daemon-reload", "Failed to connect to bus")


def test_a_login_that_may_not_linger_is_told_and_started(tmp_path: Path, environ: dict[str, str]) -> None:
    """The node runs; that it ends with the login is said."""
    unit = plan(Workspace(tmp_path / "desk"), environ, platform="linux")
    done = install(unit, start=True, run=lambda words: said(1 if words[0] == "loginctl" else 0))
    assert done.started
    assert [command for command, _ in done.failed] == ["loginctl enable-linger"]


def test_the_state_of_a_service_is_unknown_where_nobody_tells(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """No bus is no answer: neither running nor not."""
    unit = plan(Workspace(tmp_path / "desk"), environ, platform="linux")
    assert not service_state(unit).installed
    install(unit)
    silent = service_state(unit, run=lambda _: said(1, err="Failed to connect to bus"))
    assert (silent.installed, silent.active, silent.enabled) == (True, None, None)


def test_a_unit_of_an_older_program_is_not_current(tmp_path: Path, environ: dict[str, str]) -> None:
    """Moved interpreters and new options are seen."""
    unit = plan(Workspace(tmp_path / "desk"), environ, platform="linux")
    install(unit)
    unit.path.write_text(unit.text.replace("WatchdogSec=30", "WatchdogSec=5"), encoding="utf-8")
    assert not service_state(unit, run=lambda _: said(0)).current
