"""``peak route``: the plan with its figures, open breakers passed over, and supposed failures."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from peak_console.cli.program import run
from peak_console.domain.clock import SystemClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.shapes import SHAPES
from peak_console.policy.breaker import BreakerRules

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped configs with keys, without a ledger and without the caller's addresses."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("OPENAI", "GOOGLE"):
        monkeypatch.delenv(f"PEAK_PROVIDER_{name}_BASE_URL", raising=False)
    for name in ("OPENAI", "GEMINI"):
        monkeypatch.setenv(f"{name}_API_KEY", "sk-canary-0123456789")
    shutil.copytree(ROOT / "configs", tmp_path / "desk" / "configs")
    return tmp_path / "desk"


def plan(desk: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What ``peak route L2 primary --json`` prints."""
    run(["route", "L2", "primary", "--root", str(desk), "--json", *words])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def trip(desk: Path, provider: str, model_id: str) -> None:
    """A ledger in which this model has just failed five times."""
    (desk / "audits").mkdir()
    where = {
        "call_id": "call_1",
        "layer": "L2",
        "role": "primary",
        "provider": provider,
        "model_id": model_id,
    }
    attempts = [
        {"number": at, "reason": "overloaded", "status": 503, "latency_us": 1, "waited_ms": 0}
        for at in range(5)
    ]
    body = {"hop": 1, "reason": "overloaded", "outcome": "next_candidate", "cost_eur": "0.000000000"}
    body |= {"cost_basis": "none", "latency_us": 5, "attempts": attempts}
    kept = [Rollups(), Breakers(BreakerRules)]
    with LedgerWriter(desk / "audits" / "ledger.db", clock=SystemClock(), projections=kept) as writer:
        genesis = EventDraft("ev_0", EventKind.WORKSPACE_INITIALISED, {"simulated": False})
        failed = EventDraft("ev_1", EventKind.CALL_FAILED, body, **where)
        for draft, actor in ((genesis, "node"), (failed, "mara")):
            (result,) = writer.append([(draft, actor)])
            assert not isinstance(result, Exception), result


def test_without_a_ledger_the_plan_says_so(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prices, bounds and verified state stand all the same."""
    document = plan(desk, capsys)
    SHAPES["route"].model_validate(document)
    first = document["candidates"][0]
    assert first["admitted"]
    assert float(first["input_usd_per_mtok"]) > 0
    assert float(first["bound_eur"]) > 0
    assert first["verified"] == "no_lock"
    assert (first["breaker"], document["budgets"]) == (None, [])
    assert run(["route", "L2", "primary", "--root", str(desk)]) == 0
    assert "no ledger yet" in capsys.readouterr().out


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_keeps_to_the_width(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """Aligned at 80 and 120 columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run(["route", "L2", "primary", "--root", str(desk)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert "BOUND €" in lines[1]
    assert ("BREAKER" in lines[1]) == (columns == 120)


def test_an_open_breaker_is_passed_over_and_budgets_are_told(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a call would find now: the first candidate cools down, the tightest budget stands first."""
    first = plan(desk, capsys)["candidates"][0]
    trip(desk, first["provider"], first["model_id"])
    document = plan(desk, capsys)
    now = document["candidates"][0]
    assert (now["admitted"], now["reason"]) == (False, "breaker_open")
    assert now["breaker"].startswith("open, probe in")
    assert now["breaker_now"]["state"] == "open"
    assert document["candidates"][1]["admitted"]
    assert document["candidates"][1]["fits_budget"] is True
    lefts = [float(one["left_eur"]) for one in document["budgets"]]
    assert lefts
    assert lefts == sorted(lefts)


@pytest.mark.parametrize(
    ("how", "happens", "reason"),
    [
        ("cut", "next", "stream_cut"),
        ("background_lost", "next", "background_lost"),
        ("breaker", "refused", "breaker_open"),
        ("429", "next", "rate_limited"),
    ],
)
def test_supposed_failures_lead_to_the_next_candidate(
    desk: Path, capsys: pytest.CaptureFixture[str], how: str, happens: str, reason: str
) -> None:
    """Cut streams, lost background work and breakers have names of their own."""
    first = plan(desk, capsys)["candidates"][0]
    document = plan(desk, capsys, "--fail", f"{first['provider']}/{first['model_id']}:{how}")
    assert (happens, reason) in {(step["happens"], step["reason"]) for step in document["steps"]}
    assert document["steps"][-1]["happens"] == "answers"
    assert document["ends"] == "answered"


def test_when_all_cool_down_the_call_would_wait(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The end is no failure yet."""
    who = [
        word for one in plan(desk, capsys)["candidates"] for word in ("--fail", f"{one['provider']}:breaker")
    ]
    assert plan(desk, capsys, *who)["ends"] == "cooling"


def test_without_keys_the_plan_refuses_as_the_call_would(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every candidate names its own variable; --assume-keys plans without them."""
    for name in ("OPENAI", "GEMINI"):
        monkeypatch.delenv(f"{name}_API_KEY")
    rows = plan(desk, capsys)["candidates"]
    assert {(one["admitted"], one["reason"]) for one in rows} == {(False, "key_missing")}
    assert "export OPENAI_API_KEY" in {one["remedy"] for one in rows}
    assert run(["route", "L2", "primary", "--root", str(desk)]) == 1
    assert "do: export OPENAI_API_KEY" in capsys.readouterr().out
    assert plan(desk, capsys, "--assume-keys")["candidates"][0]["admitted"]


def test_a_simulated_workspace_shows_its_fallback(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its simulator is not in this environment: a plan calls nobody. A set address is judged."""
    for name in ("OPENAI", "GEMINI"):
        monkeypatch.delenv(f"{name}_API_KEY")
    (desk / "audits").mkdir()
    with LedgerWriter(desk / "audits" / "ledger.db", clock=SystemClock(), projections=[Rollups()]) as writer:
        writer.append([(EventDraft("ev_0", EventKind.WORKSPACE_INITIALISED, {"simulated": True}), "node")])
    first = plan(desk, capsys)["candidates"][0]["provider"]
    document = plan(desk, capsys, "--fail", f"{first}:timeout")
    assert [step["happens"] for step in document["steps"]] == ["next", "answers"]
    monkeypatch.setenv(f"PEAK_PROVIDER_{first.upper()}_BASE_URL", "https://api.example.org/v1")
    assert plan(desk, capsys)["candidates"][0]["reason"] == "base_url_refused"
