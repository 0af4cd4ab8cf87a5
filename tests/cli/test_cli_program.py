"""The command line as a whole: help, wrong use, errors in three lines, JSON and nothing else."""

import json
import re
from pathlib import Path

import click
import pytest

from peak_console.cli import output, program
from peak_console.cli.output import counted
from peak_console.cli.program import COMMANDS, load, run
from peak_console.domain.errors import ControlRefused


def _leaves(command: click.Command, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        inner = [(name, command.get_command(click.Context(command), name)) for name in command.commands]
        return [leaf for name, one in inner if one for leaf in _leaves(one, (*path, name))]
    return [(path, command)]


LEAVES = [leaf for name in COMMANDS for leaf in _leaves(load(name), (name,))]


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])
def test_every_command_has_the_common_options_and_an_example(
    path: tuple[str, ...], command: click.Command
) -> None:
    """``--root``, ``--json`` and an example that starts as the command does."""
    options = {option for one in command.params for option in one.opts}
    assert {"--root", "--json"} <= options
    assert command.epilog is not None
    told = command.epilog.removeprefix("\b\nExamples:\n  ").removeprefix("Example: ")
    assert told.startswith(f"peak {' '.join(path)}")
    assert command.help


def test_unknown_command_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong word is exit 2 with a way on."""
    assert run(["lnit"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.fullmatch(r"peak: .*'lnit'.*\n  why: .+ \(usage\)\n  do:  .*\n", shown.err)


def test_json_errors_are_one_document(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With ``--json`` an error is the refusal shape on standard output, and nothing else is there."""
    assert run(["lint", "--json", "--root", str(tmp_path)]) == 3
    shown = capsys.readouterr()
    assert shown.err == ""
    assert re.fullmatch(r'\{"error": \{"code": "no_workspace", .*"remedy": ".+"\}\}\n', shown.out)


def test_a_defect_is_told_without_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody foresaw is three lines and exit 1; ``--debug`` shows where."""

    def break_down(_: str) -> click.Command:
        raise RuntimeError("boom")

    monkeypatch.setattr(program, "load", break_down)
    assert run(["lint"]) == 1
    assert "Traceback" not in capsys.readouterr().err
    assert run(["lint", "--debug"]) == 1
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "(internal)" in shown


def test_errors_are_made_plain(capsys: pytest.CaptureFixture[str]) -> None:
    """Foreign text in an error cannot steer the terminal."""
    hostile = ControlRefused("no \x1b]52;c;aGk=\x07", remedy="\x1b[2Jtry")
    assert output.Reporter(as_json=False).error(hostile) == 1
    assert "\x1b" not in capsys.readouterr().err


def test_table_aligns_columns() -> None:
    """Columns are as wide as their widest cell; lines have no trailing blanks."""
    assert output.table(["a", "name"], [["10", "x"], ["1", "long"]]) == ["a   name", "10  x", "1   long"]


@pytest.mark.parametrize("words", [["nonsense"], ["status", "--root", "nowhere-at-all"]])
def test_an_error_as_json_says_why_as_its_text_does(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Code, message, the clause after "why:", and the remedy."""
    run(words)
    (why,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("  why: ")]
    run([*words, "--json"])
    error = json.loads(capsys.readouterr().out)["error"]
    assert {"code", "message", "why", "remedy"} <= set(error)
    assert why == f"  why: {error['why']} ({error['code']})"


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 bodies"), (1, "1 body"), (2, "2 bodies"), (15_330, "15,330 bodies")]
)
def test_one_thing_is_told_in_the_singular(count: int, told: str) -> None:
    """Numbers of things, in words."""
    assert counted(count, "body", "bodies") == told
    assert counted(1, "event") == "1 event"
    assert counted(0, "event") == "0 events"
