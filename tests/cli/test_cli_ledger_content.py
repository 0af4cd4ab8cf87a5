"""What ``peak ledger prune``, ``export`` and ``import`` print and ask for."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from peak_console.cli.ledger_content import size_text
from peak_console.cli.program import run
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock, SystemClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.genesis import Genesis, genesis_drafts
from peak_console.operations.init import init_workspace

RUN = "20260801_120000_abc123"
DAY = f"{SystemClock().now() - timedelta(days=40):%Y-%m-%d}"


@pytest.fixture
def aged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with a refused call of 90 days ago, whose message is hostile."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
    monkeypatch.chdir(tmp_path)
    made = init_workspace(tmp_path / "w", operator="anna")
    genesis = Genesis("peak init", operator=made.operator, public_key=made.public_key)
    made.ws.audits.mkdir(exist_ok=True)
    monkeypatch.setenv("PEAK_ROOT", str(made.ws.root))
    clock = ManualClock(SystemClock().now() - timedelta(days=90))
    body = {"hop": 1, "reason": "posture", "message": "\x1b]0;x\x07" * 50}
    with LedgerWriter(made.ws.ledger, clock=clock) as writer:
        for draft in genesis_drafts(genesis):
            writer.append([(draft, "node")])
        writer.append([(EventDraft("ev_1", EventKind.CALL_REFUSED.value, body, RUN, "call_1", "L2"), "ada")])
    return made.ws


def documents(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """What was printed, which is one document."""
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_a_dry_run_drops_nothing(aged: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    """It shows kinds, counts and sizes, needs no words, and records nothing."""
    assert run(["ledger", "prune", "--before", DAY, "--dry-run", "--json"]) == 0
    told = documents(capsys)
    assert (told["bodies"], told["recorded"]) == (1, False)
    assert run(["ledger", "prune", "--before", DAY, "--dry-run"]) == 0
    assert "llm.call.refused" in capsys.readouterr().out
    with LedgerReader(aged.ledger) as reader:
        assert all(event.body is not None for event in reader.read())


def test_a_prune_needs_the_typed_word(aged: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    """Without it what would go is shown, and the command is refused; with it, it is done and told."""
    words = ["ledger", "prune", "--before", DAY, "--reason", "age"]
    assert run(words) == 2
    shown = capsys.readouterr()
    assert "llm.call.refused" in shown.out
    assert "--confirm PRUNE" in shown.err
    assert run([*words, "--json"]) == 2
    assert "confirm_missing" in capsys.readouterr().out
    assert run([*words, "--confirm", "PRUNE", "--json"]) == 0
    told = documents(capsys)
    assert (told["done"], told["operator"], told["bodies"]) == (True, "anna", 1)
    with LedgerReader(aged.ledger) as reader:
        assert [event.kind for event in reader.read() if event.body is None] == ["llm.call.refused"]
    assert run(words) == 0
    assert "nothing from before" in capsys.readouterr().out


def test_an_export_goes_out_and_comes_in(aged: Workspace, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """To standard output as lines alone; to a file, told; read again with a report, escapes left out."""
    assert run(["ledger", "export"]) == 0
    out = capsysbinary.readouterr().out
    assert [json.loads(line).get("kind") for line in out.splitlines()][-1] == "llm.call.refused"
    assert run(["ledger", "export", "--out", "all.jsonl"]) == 0
    assert Path("all.jsonl").read_bytes() == out
    assert run(["ledger", "export", "--out", "all.jsonl"]) == 2
    assert run(["ledger", "export", "--json"]) == 2
    assert run(["ledger", "export", "--format", "parquet"]) == 2
    capsysbinary.readouterr()
    assert run(["ledger", "import", "all.jsonl", "--key", str(aged.keys / "workspace.pub")]) == 0
    told = capsysbinary.readouterr().out.decode()
    assert told.splitlines()[0].startswith("into the working folder: ")
    assert str(Path("all-imported").absolute()) in told.splitlines()[0]
    assert "proven: 3 headers" in told
    assert "cannot know" in told
    assert (Path("all-imported") / "ledger.db").exists()
    assert run(["ledger", "import", "all.jsonl"]) == 2
    capsysbinary.readouterr()
    assert run(["ledger", "import", "all.jsonl", "--out", "named"]) == 0
    assert (Path("named") / "ledger.db").exists()
    assert "working folder" not in capsysbinary.readouterr().out.decode()
    Path("all.jsonl").write_bytes(out.replace(b"posture", b"pasture"))
    assert run(["ledger", "import", "all.jsonl", "--to", "x"]) == 1
    assert "line 4" in capsysbinary.readouterr().err.decode()
    assert not Path("x").exists()


def test_parquet_without_its_library_is_refused(
    aged: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The refusal names the extra."""
    assert aged.ledger.exists()
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    assert run(["ledger", "export", "--format", "parquet", "--out", "a.parquet"]) == 3
    assert "peak-console[parquet]" in capsys.readouterr().err
    assert not Path("a.parquet").exists()


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB")]
)
def test_sizes_for_people(count: int, text: str) -> None:
    """In binary units, one decimal."""
    assert size_text(count) == text
