"""The life of a child process: it ends with its parent, and tells its first line."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import EnvironmentUnfit
from peak_console.operations.child import Lifeline, announce, run_child
from peak_console.operations.settings import console_settings


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe, closed when the test is over."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_the_end_of_standard_input_ends_it(pipe: tuple[int, int]) -> None:
    """Whatever is written there does not; its end does, and for good."""
    reading, writing = pipe
    with Lifeline(reading) as lifeline:
        assert not lifeline.wait(0)
        os.write(writing, b"words that nobody asked for")
        assert not lifeline.wait(60)
        assert not lifeline.wait(0)
        os.close(writing)
        assert lifeline.wait(60)
        assert lifeline.wait(None)


def test_sigterm_ends_it_even_while_it_waits(pipe: tuple[int, int]) -> None:
    """A signal that comes in the middle of an endless wait ends that wait."""
    before = signal.getsignal(signal.SIGTERM)
    with Lifeline(pipe[0]) as lifeline:
        sender = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))
        sender.start()
        while not lifeline.wait(None):
            pass
        sender.join()
        assert lifeline.over
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigint_is_left_to_the_parent(pipe: tuple[int, int]) -> None:
    """A key pressed in the parent's terminal does not end a child before it."""
    with Lifeline(pipe[0]) as lifeline:
        os.kill(os.getpid(), signal.SIGINT)
        assert not lifeline.wait(0)


def test_another_descriptor_ends_a_wait_only(pipe: tuple[int, int]) -> None:
    """News on a descriptor of the child's own wakes it."""
    reading, writing = os.pipe()
    try:
        with Lifeline(pipe[0]) as lifeline:
            os.write(writing, b"x")
            assert not lifeline.wait(None, reading)
    finally:
        os.close(reading)
        os.close(writing)


def test_no_standard_input_is_no_parent(pipe: tuple[int, int]) -> None:
    """A closed descriptor ends it at once: it would otherwise outlive everybody."""
    os.close(pipe[0])
    with Lifeline(pipe[0]) as lifeline:
        assert lifeline.wait(None)


def test_the_first_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The parent reads one line."""
    announce(url="http://127.0.0.1:1/metrics")
    assert json.loads(capsys.readouterr().out) == {"ready": True, "url": "http://127.0.0.1:1/metrics"}


def test_an_error_is_told_on_both_outputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The parent gets code and remedy; a person the words; the exit code is the error's."""
    (tmp_path / "configs").mkdir()

    def refuse(ws: Workspace, lifeline: Lifeline) -> None:
        raise EnvironmentUnfit(f"no room in {ws.name}", code="no_room", remedy="make some")

    assert run_child("peak_console.test", refuse, ["--root", str(tmp_path)]) == 3
    said = capsys.readouterr()
    line = json.loads(said.out)
    assert (line["ready"], line["error"]["code"], line["error"]["remedy"]) == (False, "no_room", "make some")
    assert "no room" in said.err
    assert run_child("peak_console.test", refuse, ["--root", str(tmp_path / "nowhere")]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "no_workspace"


@pytest.mark.parametrize("text", [None, "", "this is no toml", "[log]\nkeep = 'many'\n", "[unknown]\n"])
def test_settings_are_the_defaults_where_the_file_is_wrong(tmp_path: Path, text: str | None) -> None:
    """A broken file keeps no child from running."""
    (tmp_path / "configs").mkdir()
    if text is not None:
        (tmp_path / "configs" / "console.toml").write_text(text)
    settings = console_settings(Workspace(tmp_path))
    assert (settings.log.keep, settings.exporters.metrics.port) == (5, 0)


def test_settings_are_the_files(tmp_path: Path) -> None:
    """What stands there holds."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "console.toml").write_text("[log]\nkeep = 2\n[exporters.metrics]\nport = 9464\n")
    settings = console_settings(Workspace(tmp_path))
    assert (settings.log.keep, settings.exporters.metrics.port) == (2, 9464)
