"""``peak why`` on the command line: text for people, a document for programs, errors with a way on."""

import json
import shutil
from pathlib import Path

import pytest

from peak_console.cli.program import run
from peak_console.domain.clock import ManualClock, from_iso
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.shapes import SHAPES

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "gpt-\x1b]52;c;x\x07[/red]"
RUN = "20261122_140000_k3v9qx"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose ledger holds one run with one call, which a hostile model answered."""
    monkeypatch.setenv("COLUMNS", "80")
    shutil.copytree(ROOT / "configs", tmp_path / "desk" / "configs")
    (tmp_path / "desk" / "audits").mkdir()
    where = {"run_id": RUN, "call_id": "call_1", "layer": "L2", "role": "primary"}
    who = {**where, "provider": "openai", "model_id": "gpt-5-mini"}
    row = {"provider": "openai", "model_id": "gpt-5-mini", "role": "primary", "position": 0, "admitted": True}
    row |= {"input_usd_per_mtok": "0.25", "output_usd_per_mtok": "2", "breaker": "closed"}
    asked = {"hop": 1, "asked_layer": "L2", "asked_role": "primary", "matrix_digest": "4be1" * 16}
    asked |= {"bound_eur": "0.081000000", "bound_tokens": 9, "route": [row]}
    ended = {"hop": 1, "served_model": HOSTILE, "cost_eur": "0.010000000", "cost_basis": "usage"}
    ended |= {"latency_us": 1_000_000, "attempts": [], "usage": {"input": 10, "output": 5}}
    drafts = [
        EventDraft("ev_0", EventKind.WORKSPACE_INITIALISED, {"simulated": False}),
        EventDraft("ev_1", EventKind.RUN_STARTED, {"purpose": HOSTILE}, run_id=RUN),
        EventDraft("ev_2", EventKind.CALL_REQUESTED, asked, **who),
        EventDraft("ev_3", EventKind.CALL_COMPLETED, ended, **who),
    ]
    clock = ManualClock(from_iso("2026-11-22T14:00:00Z"))
    with LedgerWriter(
        tmp_path / "desk" / "audits" / "ledger.db", clock=clock, projections=[Rollups()]
    ) as writer:
        for draft in drafts:
            (result,) = writer.append([(draft, "mara")])
            assert not isinstance(result, Exception), result
    return tmp_path / "desk"


@pytest.mark.parametrize("columns", [80, 120])
def test_a_call_is_explained_within_the_terminals_width(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """Slot, matrix, candidate, prices, breaker and cost stand in it; nothing foreign reaches the terminal."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run(["why", "call_1", "--root", str(desk)]) == 0
    out = capsys.readouterr().out
    for said in (
        "by the matrix 4be14be1 for L2 primary",
        "openai gpt-5-mini",
        "0.25/2",
        "admitted",
        "€ 0.01",
    ):
        assert said in out
    assert "\x1b" not in out
    assert max(len(line) for line in out.splitlines()) <= columns


def test_a_run_is_a_table_with_totals_and_the_way_on(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each call in a row, what all cost, and how to look closer."""
    assert run(["why", RUN, "--root", str(desk)]) == 0
    out = capsys.readouterr().out
    assert "call_1" in out
    assert "€ 0.010000000" in out
    assert "peak why call_1" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("name", "kind"), [("call_1", "call"), ("#4", "call"), (RUN, "run"), ("ev_1", "run")]
)
def test_the_document_has_its_shape(
    desk: Path, capsys: pytest.CaptureFixture[str], name: str, kind: str
) -> None:
    """One JSON document, as ``peak schema why`` describes it."""
    assert run(["why", name, "--root", str(desk), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    SHAPES["why"].model_validate(document)
    assert document["kind"] == kind


def test_last_is_the_newest_call_and_a_page_names_no_key_of_the_console(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No id has to be looked up; the text says commands, not keys."""
    assert run(["why", "last", "--root", str(desk), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["kind"], document["call_id"]) == ("call", "call_1")
    for name in ("last", RUN):
        assert run(["why", name, "--root", str(desk)]) == 0
        out = capsys.readouterr().out
        assert "R lists" not in out
        assert "2, /" not in out


def test_an_unknown_id_exits_with_1_and_a_remedy(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three lines for people, a refusal for programs."""
    assert run(["why", "call_none", "--root", str(desk)]) == 1
    assert "peak ledger tail" in capsys.readouterr().err
    assert run(["why", "call_none", "--root", str(desk), "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "not_on_ledger"
    assert error["remedy"]
