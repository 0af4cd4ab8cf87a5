"""A part of every test run: at its end, no canary key stands in what was printed or written down.

Searched are the captured output of all tests, and every file below the run's temporary
folder: ledgers, logs, spools, texts, snapshots, the working folders of all processes that tests started. Not
searched is what servers of others say of what they got, which they do in files that end in ``.theirs``.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import pytest
from support.canaries import found_in

THEIRS = ".theirs"
_PIECE: Final = 8 * 2**20
_TWICE: Final = 4096
"""More than a canary is long, so that none falls between two pieces."""


class CanaryWatch:
    """Collects where canaries turned up; fails the run at its end if any did."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.hits: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Look at what a test printed and logged."""
        said = "\n".join(text for _, text in report.sections).encode("utf-8", "replace")
        self._note(f"the output of {report.nodeid}", said)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Look at every file that the run left."""
        factory = getattr(self._config, "_tmp_path_factory", None)
        base = getattr(factory, "_basetemp", None)
        if base is not None:
            for path in sorted(Path(base).rglob("*")):
                self._look(path)
        if self.hits and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where."""
        if self.hits:
            terminalreporter.section("keys that were written down", red=True)
            for hit in self.hits:
                terminalreporter.line(hit)

    def _look(self, path: Path) -> None:
        if path.is_symlink() or not path.is_file() or path.suffix == THEIRS:
            return
        try:
            with path.open("rb") as file:
                for data in _pieces(file):
                    self._note(str(path), data)
        except OSError:
            return

    def _note(self, where: str, data: bytes) -> None:
        self.hits += [f"{where}: {one}" for one in found_in(data)]


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """What a file holds, piece by piece and a little of each piece twice; holes of sparse files left out."""
    end = os.fstat(file.fileno()).st_size
    at = 0
    while at < end:
        try:
            at = max(at, os.lseek(file.fileno(), at, os.SEEK_DATA))
        except OSError:
            return  # nothing but a hole is left
        file.seek(at)
        data = file.read(_PIECE)
        if not data:
            return
        yield data
        at += len(data) if len(data) < _PIECE else _PIECE - _TWICE


def pytest_configure(config: pytest.Config) -> None:
    """Watch, once a run: the workers of a distributed one report to it."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(CanaryWatch(config), "canary-watch")
