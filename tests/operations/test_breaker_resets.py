"""Breakers listed and reset by an operator: as text, as documents, and what is refused."""

import json
import secrets
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.begun import begin_here

from peak_console.cli.program import peak, run
from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.shapes import SHAPES
from peak_console.policy.breaker import BreakerRules

HEADER = {"run_id": "r1", "layer": "L2", "role": "primary", "provider": "openai"}
NAME = "openai:gpt-5"


def draft(kind: EventKind, call_id: str, model_id: str, **body: object) -> EventDraft:
    """An event of a call's first hop."""
    whole = {"hop": 1, "simulated": True, **body}
    return EventDraft(
        new_event_id(secrets.token_bytes), kind, whole, call_id=call_id, model_id=model_id, **HEADER
    )


@pytest.fixture
def ws(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with operator anna: gpt-5 was billed above its bound, gpt-5-mini failed five times."""
    ws = begin_here(begun, tmp_path, monkeypatch)
    clock = SystemClock()
    breakers = Breakers(BreakerRules)
    reservations = Reservations(lambda: ConfigCache(ws).current().budgets.limits, clock=clock)
    ended = {"cost_eur": "0.020000000", "latency_us": 1, "attempts": [{"reason": "timeout"}]}
    drafts = [
        draft(EventKind.CALL_REQUESTED, "c1", "gpt-5", bound_eur="0.010000000", bound_tokens=10),
        draft(EventKind.CALL_COMPLETED, "c1", "gpt-5", usage={"input": 1}, **{**ended, "attempts": []}),
        *(
            draft(EventKind.CALL_FAILED, f"f{number}", "gpt-5-mini", reason="timeout", **ended)
            for number in range(5)
        ),
    ]
    with LedgerWriter(ws.ledger, clock=clock, projections=(Rollups(), breakers, reservations)) as writer:
        assert not [
            one for one in writer.append([(one, "w") for one in drafts]) if isinstance(one, PeakError)
        ]
    return ws


def said(ws: Workspace, *words: str) -> Result:
    """What ``peak breaker`` says."""
    return CliRunner().invoke(peak, ["breaker", *words, "--root", str(ws.root)])


def refused(ws: Workspace, *words: str) -> tuple[int, str]:
    """The exit code and reason of a refusal, which has a remedy."""
    error = said(ws, *words).exception
    assert isinstance(error, PeakError), error
    assert error.remedy
    return run(["breaker", *words, "--root", str(ws.root)]), error.code


def test_the_list_shows_both_breakers_of_a_model_and_what_to_do(ws: Workspace) -> None:
    """The bill with its bound, the reason and time of the other; as text and as a document."""
    shown = said(ws, "list")
    assert shown.exit_code == 0
    for word in ("latched", "0.020000000 EUR", "bound 0.010000000 EUR", "timeout", f"reset budget {NAME}"):
        assert word in shown.output
    document = json.loads(said(ws, "list", "--json").stdout)
    SHAPES["breaker-list"].model_validate(document)
    found = [(one["breaker"], one["model_id"], one["state"], one["latched"]) for one in document["breakers"]]
    assert found == [
        ("provider", "gpt-5", "closed", False),
        ("budget", "gpt-5", "open", True),
        ("provider", "gpt-5-mini", "open", False),
    ]


@pytest.mark.parametrize(("kind", "model"), [("budget", NAME), ("provider", "openai:gpt-5-mini")])
def test_an_operator_resets_either(ws: Workspace, kind: str, model: str) -> None:
    """With name and reason on the ledger, by proof; a second time there is nothing to reset."""
    done = said(ws, "reset", kind, model, "--reason", "the price was corrected", "--json")
    assert done.exit_code == 0, done.output
    SHAPES["breaker-reset"].model_validate_json(done.stdout)
    with LedgerReader(ws.ledger) as reader:
        event = reader.last(EventKind.BREAKER_RESET)
        assert [row for row in reader.breakers() if row.kind == kind and row.breaker.until_us] == []
    assert event is not None
    assert event.actor.endswith("/operator:anna")
    assert event.body == {
        "breaker": kind,
        "provider": "openai",
        "model_id": model.partition(":")[2],
        "reason": "the price was corrected",
        "operator": "anna",
    }
    assert refused(ws, "reset", kind, model, "--reason", "again")[1] == "breaker_closed"
    assert verify(ws.ledger).ok


def test_what_cannot_be_reset_is_refused_clearly(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No reason, no model, nothing latched, no key; and the breaker stays as it was."""
    usage, no = 2, refused(ws, "reset", "budget", "openai:gpt-5-mini", "--reason", "x")
    assert no[1] == "breaker_closed"
    assert no[0] not in {0, usage}
    assert refused(ws, "reset", "budget", NAME) == (usage, "reason_missing")
    assert refused(ws, "reset", "budget", "gpt-5", "--reason", "x") == (usage, "model_malformed")
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "nobody"))
    assert refused(ws, "reset", "budget", NAME, "--reason", "x")[1] == "no_operator_key"
    assert "latched" in said(ws, "list").output


def test_a_workspace_where_nothing_was_asked_says_so(
    begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty list is no error."""
    ws = begin_here(begun, tmp_path, monkeypatch)
    shown = said(ws, "list")
    assert (shown.exit_code, "no breaker is kept" in shown.output) == (0, True)
