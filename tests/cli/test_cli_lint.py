"""``peak lint`` from the outside: exit codes, forms, phases, places."""

import json
import re
import shutil
import signal
from contextlib import closing
from pathlib import Path
from subprocess import PIPE

import pytest
from support import forking
from support.program import Peak

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A workspace with the shipped configs."""
    desk = tmp_path / "desk"
    shutil.copytree(ROOT / "configs", desk / "configs")
    return desk


def test_shipped_configs_have_no_errors_in_research(peak: Peak, desk: Path) -> None:
    """The start matrix may be used in research; what is true of its models is a warning."""
    done = peak("lint", "--json", "--root", desk)
    assert done.code == 0
    assert done.document["summary"]["errors"] == 0
    assert {"rule", "severity", "file", "line", "column", "message", "remedy"} <= set(
        done.document["findings"][0]
    )


def test_shipped_configs_are_not_fit_for_shadow(peak: Peak, desk: Path) -> None:
    """A model past its shutdown and a critic that is its own proposer are errors from shadow on."""
    done = peak("lint", "--json", "--phase", "shadow", "--root", desk)
    assert done.code == 1
    rules = {one["rule"] for one in done.document["findings"] if one["severity"] == "error"}
    assert {"registry.past_shutdown", "sod.across_layers"} <= rules


def test_a_forbidden_model_is_an_error_with_its_place(peak: Peak, desk: Path) -> None:
    """A Claude in the matrix is exit 1, named with file and line, in each form."""
    matrix = desk / "configs/ai/layer_model_matrix.toml"
    text = matrix.read_text().replace('model_id = "gpt-5-nano"', 'model_id = "claude-opus"', 1)
    matrix.write_text(text)
    line = 1 + text[: text.index("claude-opus")].count("\n")
    assert f"layer_model_matrix.toml:{line}:" in peak("lint", "--root", desk).out
    github = peak("lint", "--format", "github", cwd=desk)
    assert github.code == 1
    assert f"::error file=configs/ai/layer_model_matrix.toml,line={line}," in github.out


def test_a_broken_file_is_told_with_its_line(peak: Peak, desk: Path) -> None:
    """Broken TOML is a finding, not a failure of the program."""
    (desk / "configs/ai/budgets.toml").write_text("[currency\n")
    done = peak("lint", "--json", "--root", desk)
    assert done.code == 1
    broken = [one for one in done.document["findings"] if one["rule"] == "file.syntax"]
    assert [(one["file"], one["line"]) for one in broken] == [("configs/ai/budgets.toml", 1)]


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("--phase", "lunch"), 2, "usage"),
        (("no-such-file.toml",), 2, "usage"),
        (("--format", "xml"), 2, "usage"),
        (("--watch", "--format", "sarif", str(ROOT / "configs")), 2, "usage"),
        ((), 3, "no_workspace"),
    ],
)
def test_wrong_use_is_told(peak: Peak, words: tuple[str, ...], code: int, why: str) -> None:
    """Wrong words end with the documented code, the reason, and a way on."""
    done = peak("lint", *words)
    assert done.code == code
    assert re.search(rf"  why: .+ \({why}\)", done.err)
    assert "do:  " in done.err


def test_sarif_names_the_files_of_the_workspace(peak: Peak, desk: Path) -> None:
    """With level, region and, where lint knows one, a fix."""
    done = peak("lint", "--format", "sarif", "--root", desk)
    assert done.code == 0
    (run,) = done.document["runs"]
    assert run["tool"]["driver"]["name"] == "peak lint"
    named = [one["locations"][0]["physicalLocation"] for one in run["results"]]
    assert {one["artifactLocation"]["uri"] for one in named} == {"configs/ai/layer_model_matrix.toml"}
    assert any("fixes" in one for one in run["results"])


def test_watching_tells_each_change_and_ends_with_ctrl_c(peak: Peak, desk: Path) -> None:
    """A line of JSON at the start and one after a change; the exit code is the last report's."""
    words = ["-m", "peak_console", "lint", "--watch", "--json", "--root", desk]
    with closing(forking.start(words, env=peak.environ, stdout=PIPE)) as watching:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        assert first["summary"]["errors"] == 0
        assert first["at"]
        (desk / "configs/ai/budgets.toml").write_text("[currency\n")
        second = json.loads(watching.stdout.readline())
        assert "file.syntax" in {one["rule"] for one in second["findings"]}
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=120) == 1
