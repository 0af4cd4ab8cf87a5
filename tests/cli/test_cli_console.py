"""``peak console --replay`` on the command line: what is opened, and what is refused with a way on."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from peak_console.cli.program import run
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.views.replay_clock import ReplaySpan

RUN = "20261122_140000_k3v9qx"


@dataclass
class Console:
    """A workspace with five hours of past that ended an hour ago, and the consoles that were opened on it."""

    root: Path
    begin: datetime
    opened: list[ReplaySpan] = field(default_factory=list)

    def __call__(self, *words: str) -> int:
        """The command's exit code."""
        return run(["console", "--root", str(self.root), *words])

    @property
    def span(self) -> tuple[timedelta, timedelta]:
        """What the one console shows, counted from the ledger's first event."""
        (one,) = self.opened
        return one.start - self.begin, one.end - self.begin


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime]:
    """A workspace's root, and when its ledger begins."""
    root = tmp_path_factory.mktemp("past")
    (root / "configs").mkdir()
    (root / "audits").mkdir()
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
    clock = ManualClock(begin)
    with LedgerWriter(Workspace(root).ledger, clock=clock) as writer:
        for number in range(6):
            kind = EventKind.WORKSPACE_INITIALISED if not number else EventKind.RUN_STARTED
            run_id = RUN if number in {2, 3} else None
            body = {"purpose": "x"} if number else {"simulated": True}
            (done,) = writer.append([(EventDraft(f"ev_{number}", kind, body, run_id=run_id), "mara")])
            assert not isinstance(done, Exception), done
            clock.advance(3600)
    return root, begin


@pytest.fixture
def console(
    past: tuple[Path, datetime],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Console]:
    """``peak console`` at a terminal; the program itself is not started."""
    one = Console(*past)

    def opened(ws: Workspace, *, readonly: bool, replay: ReplaySpan) -> int:
        assert (ws.root.resolve(), readonly) == (one.root.resolve(), False)
        one.opened.append(replay)
        return 0

    monkeypatch.setattr("peak_console.tui.app.run_console", opened)
    _at_a_terminal(monkeypatch, there=True)
    yield one
    assert not (one.root / "audits" / "node.sock").exists()


def _at_a_terminal(monkeypatch: pytest.MonkeyPatch, *, there: bool) -> None:
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), SimpleNamespace(isatty=lambda: there))
    monkeypatch.setattr("peak_console.cli.terminal.sys", SimpleNamespace(**streams))


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        (["#2"], 1, 5),
        (["#2", "#4"], 1, 3),
        (["#2", "+30m"], 1, 1.5),
        ([RUN], 2, 3),
        ([RUN, "+90m"], 2, 3.5),
    ],
)
def test_places_and_runs_are_opened(console: Console, words: list[str], start: float, end: float) -> None:
    """An event, a run, and a length from either on: the console opens on just that."""
    assert console("--replay", *words) == 0
    assert console.span == (timedelta(hours=start), timedelta(hours=end))


@pytest.mark.parametrize("words", [["-2h"], ["-2h", "-90m"], ["-2h", "+30m"]])
def test_spans_back_from_now_are_no_options(console: Console, words: list[str]) -> None:
    """``-2h`` stands as FROM and as TO, though it looks like an option."""
    assert console("--replay", *words) == 0
    start, end = console.span
    assert abs(start - timedelta(hours=4)) < timedelta(minutes=1)
    assert abs(end - timedelta(hours=5 if len(words) == 1 else 4.5)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("words", "said", "remedy"),
    [
        (["--replay", "yesterday"], "is no moment", "#184220"),
        (["--replay", "#2", "soon"], "is no moment", "#184220"),
        (["--replay", "#2", "25:61"], "is no moment", "#184220"),
        (["--replay", "\x1b]52;c;x\x07"], "is no moment", "#184220"),
        (["--replay", "2019-01-01", "2019-01-02"], "outside the ledger", "between the two"),
        (["--replay", "2099-01-01"], "outside the ledger", "between the two"),
        (["--replay", "#7"], "there is no event #7; the last is #6", "name one that is there"),
        (["--replay", "#4", "#2"], "#2 is before #4", "name the earlier moment first"),
        (["#2"], "a moment without --replay", "peak console --replay FROM TO"),
    ],
)
def test_what_cannot_be_replayed_is_refused(
    console: Console, capsys: pytest.CaptureFixture[str], words: list[str], said: str, remedy: str
) -> None:
    """It is a wrong use, said in words with a way on, and nothing opens."""
    assert console(*words) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert said in told
    assert remedy in told
    assert "\x1b" not in told
    assert not console.opened


def test_without_a_ledger_there_is_no_past(
    console: Console, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A workspace that never ran says so; none of its files is made by looking."""
    (tmp_path / "configs").mkdir()
    console.root = tmp_path
    assert console("--replay", "-2h") == 2
    assert "there is no ledger yet" in " ".join(capsys.readouterr().err.split())
    assert not console.opened
    assert not (tmp_path / "audits").exists()


def test_without_a_terminal_it_says_what_scripts_use(
    console: Console, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pipe nothing is drawn."""
    _at_a_terminal(monkeypatch, there=False)
    assert console("--replay", "#2") == 2
    assert "peak status --json" in capsys.readouterr().err
    assert not console.opened


@pytest.mark.parametrize(
    ("stream", "name"),
    [("stdin", "standard input"), ("stdout", "standard output"), ("stderr", "standard error")],
)
def test_a_demo_starts_nothing_where_it_cannot_be_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stream: str, name: str
) -> None:
    """One stream that leads elsewhere is named before simulator and node are started."""
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), SimpleNamespace(isatty=lambda: True))
    streams[stream] = SimpleNamespace(isatty=lambda: False)
    monkeypatch.setattr("peak_console.cli.terminal.sys", SimpleNamespace(**streams))
    monkeypatch.setattr("peak_console.cli.demo_house.DemoHouse", None)
    assert run(["demo"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert f"needs a terminal: {name} is no terminal" in told
    assert "peak demo --headless" in told
