"""Budgets shown and bills settled: what an operator sees, what the node then counts, what is refused."""

import secrets
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.begun import begin_here

from peak_console.budget.limits import BudgetLimits
from peak_console.cli.program import peak
from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import LedgerUnavailable, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.spawn import ledger_client
from peak_console.operations.budget import Settled, settle, show
from peak_console.operations.shapes import SHAPES
from peak_console.operations.status import status
from peak_console.policy.breaker import BreakerRules

HEADER = {"layer": "L2", "role": "primary", "provider": "openai", "model_id": "gpt-5"}


class Book:
    """A workspace's ledger as calls leave it."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws

    def _limits(self) -> BudgetLimits:
        return ConfigCache(self.ws, clock=SystemClock()).current().budgets.limits

    def write(self, *drafts: EventDraft) -> None:
        """Append in one transaction."""
        clock = SystemClock()
        reservations = Reservations(self._limits, clock=clock)
        projections = (Rollups(), Breakers(BreakerRules), reservations)
        with LedgerWriter(self.ws.ledger, clock=clock, projections=projections) as writer:
            results = writer.append([(draft, "worker") for draft in drafts])
        assert not [one for one in results if isinstance(one, PeakError)]

    def ask(
        self, call_id: str, *, hop: int = 1, bound: str = "0.010000000", run_id: str = "r1"
    ) -> EventDraft:
        """A request."""
        body = {"hop": hop, "bound_eur": bound, "bound_tokens": 10, "simulated": True, "route": []}
        return self._draft(EventKind.CALL_REQUESTED, body, call_id, run_id)

    def fail(
        self, call_id: str, *, hop: int = 1, cost: str = "0.010000000", run_id: str = "r1"
    ) -> EventDraft:
        """An end at its bound."""
        body = {
            "hop": hop,
            "reason": "timeout",
            "cost_eur": cost,
            "cost_basis": "worst_case",
            "latency_us": 1,
            "attempts": [{"number": 1, "reason": "timeout"}],
        }
        return self._draft(EventKind.CALL_FAILED, body, call_id, run_id)

    def begin(self, run_id: str, **limits: object) -> EventDraft:
        """A run with limits of its own."""
        body = {"purpose": "x", "limits": limits}
        return EventDraft(new_event_id(secrets.token_bytes), EventKind.RUN_STARTED, body, run_id=run_id)

    def _draft(self, kind: EventKind, body: dict[str, object], call_id: str, run_id: str) -> EventDraft:
        return EventDraft(
            new_event_id(secrets.token_bytes), kind, body, run_id=run_id, call_id=call_id, **HEADER
        )


@pytest.fixture
def book(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    """A new workspace with operator anna, and limits on a day."""
    ws = begin_here(begun, tmp_path, monkeypatch)
    ws.budgets.write_text(
        'timezone = "UTC"\n[currency]\neur_per_usd = 0.9\nas_of = 2026-11-01\n'
        "[run]\nmax_cost_eur = 0.5\n[day]\nmax_cost_eur = 0.1\nmax_calls_per_min = 30\n"
        "[layer_day.L2]\nmax_calls = 10\nmax_calls_per_min = 20\n",
        encoding="utf-8",
    )
    return Book(ws)


def done(book: Book, call_id: str, cost: str, **more: object) -> Settled:
    """Settle as anna."""
    with ledger_client(book.ws, name="test") as client:
        return settle(book.ws, client, call_id, cost_eur=cost, reason="invoice 7", **more)  # type: ignore[arg-type]


def code(book: Book, call_id: str, cost: str, **more: object) -> str:
    """Why it is refused."""
    with pytest.raises(PeakError) as caught:
        done(book, call_id, cost, **more)
    assert caught.value.remedy
    return caught.value.code


def test_every_limit_is_shown_with_what_counts_against_it(book: Book) -> None:
    """Spent, reserved, left and state; calls per minute, for all and by layer; runs with their own limits."""
    book.write(book.begin("r1", max_cost_eur="0.05"), book.ask("c1"), book.fail("c1"), book.ask("c2"))
    document = show(book.ws).as_json()
    SHAPES["budget-show"].model_validate(document)
    lines = {(one["scope"], one["layer"], one["unit"]): one for one in document["budgets"]}
    day = lines["day", None, "eur"]
    assert (day["spent"], day["reserved"], day["left"], day["limit"], day["state"]) == (
        "0.010000000",
        "0.010000000",
        "0.080000000",
        "0.100000000",
        "ok",
    )
    assert lines["day", None, "calls_per_min"]["spent"] == 2
    assert (
        lines["layer_day", "L2", "calls_per_min"]["spent"],
        lines["layer_day", "L2", "calls"]["left"],
    ) == (2, 8)
    (run,) = document["runs"]
    assert (run["key"], run["limit"], run["left"], run["set_by"]) == (
        "run:r1",
        "0.050000000",
        "0.030000000",
        "run",
    )


def test_calls_under_way_and_bills_unknown_are_listed(book: Book) -> None:
    """With their age, model, when and why."""
    book.write(book.ask("c1"), book.fail("c1"), book.ask("c2"))
    document = show(book.ws).as_json()
    (under_way,) = document["open"]
    assert (under_way["call_id"], under_way["state"], under_way["reserved_eur"]) == (
        "c2",
        "open",
        "0.010000000",
    )
    assert 0 <= under_way["age_s"] < 60
    (booked,) = document["at_bound"]
    assert (booked["call_id"], booked["hop"], booked["model_id"], booked["reason"]) == (
        "c1",
        1,
        "gpt-5",
        "timeout",
    )


def test_long_lists_are_cut_and_say_so(book: Book) -> None:
    """No list is longer than asked for."""
    drafts = [one for number in range(4) for one in (book.ask(f"c{number}"), book.fail(f"c{number}"))]
    book.write(*drafts)
    report = show(book.ws, listed=3)
    assert (len(report.at_bound), report.more_at_bound) == (3, True)
    assert not show(book.ws, listed=4).more_at_bound


def test_a_settlement_frees_the_budget(book: Book) -> None:
    """Counters, figures and the verifier agree; at zero the bill leaves the list."""
    book.write(book.ask("c1"), book.fail("c1"))
    made = done(book, "c1", "0.004")
    assert (made.was, made.cost, made.operator) == (10_000_000, 4_000_000, "anna")
    day = next(one for one in show(book.ws).budgets if one.scope == "day" and one.unit == "eur")
    assert day.spent == 4_000_000
    assert verify(book.ws.ledger).ok
    done(book, "c1", "0")
    assert show(book.ws).at_bound == ()
    assert verify(book.ws.ledger).ok


def test_what_cannot_be_settled_is_refused_clearly(book: Book) -> None:
    """Each with a reason of its own and what to do."""
    book.write(book.ask("c1"), book.fail("c1"), book.ask("c1", hop=2), book.fail("c1", hop=2), book.ask("c2"))
    assert code(book, "nobody", "0.1") == "not_at_bound"
    assert code(book, "c2", "0.1") == "not_at_bound"
    assert code(book, "c1", "0.001") == "hop_ambiguous"
    assert code(book, "c1", "0.001", hop=3) == "not_at_bound"
    assert code(book, "c1", "0.02", hop=1) == "settled_above_bound"
    for text in ("", "-1", "1e-3", "0,01", "0.0000000001", "much"):
        assert code(book, "c1", text, hop=1) == "cost_malformed"
    with ledger_client(book.ws, name="test") as client, pytest.raises(UsageWrong) as caught:
        settle(book.ws, client, "c1", cost_eur="0", reason=" ", hop=1)
    assert caught.value.code == "reason_missing"
    assert done(book, "c1", "0.001", hop=2).place.hop == 2
    with ledger_client(book.ws, name="test") as client, pytest.raises(PeakError) as unknown:
        settle(book.ws, client, "nobody", cost_eur="0", reason="")
    assert unknown.value.code == "not_at_bound"


def test_settling_what_is_booked_already_records_nothing(book: Book) -> None:
    """Said as such; the ledger's head stays; the settled hop is marked."""
    book.write(book.ask("c1"), book.fail("c1"))
    assert show(book.ws).as_json()["at_bound"][0]["settled"] is False
    seq = done(book, "c1", "0.004").seq
    assert code(book, "c1", "0.004") == "settled_already"
    with LedgerReader(book.ws.ledger) as reader:
        events = reader.find(EventFilter(kinds=(EventKind.BUDGET_SETTLED.value,)), None, 10).events
    assert [event.seq for event in events] == [seq]
    assert show(book.ws).as_json()["at_bound"][0]["settled"] is True


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_no_line_is_wider_than_the_terminal(
    book: Book, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Budgets and the ledger's tail; what may be settled stands first, limits of runs are limited."""
    monkeypatch.setenv("COLUMNS", str(columns))
    runs = [f"20261122_19320{number % 10}_abc{number:03d}" for number in range(14)]
    call = "call_0123456789abcdef0123"
    book.write(*(book.begin(run, max_cost_eur="0.05") for run in runs), book.ask(call), book.fail(call))
    book.write(book.ask("c2", run_id=runs[0]))
    for words in (["budget", "show"], ["ledger", "tail"]):
        done = CliRunner().invoke(peak, [*words, "--root", str(book.ws.root)], catch_exceptions=False)
        lines = [line for line in done.output.splitlines() if "settle CALL" not in line]
        assert max(map(len, lines)) <= columns, done.output
        if words[0] == "budget":
            assert call in lines[0] or call in lines[1]
            assert "4 more limits of earlier runs" in done.output
        else:
            assert all(line.startswith("#") for line in lines)


def test_without_an_operators_key_nothing_is_settled(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds no key is told so."""
    book.write(book.ask("c1"), book.fail("c1"))
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "nobody"))
    with ledger_client(book.ws, name="test") as client, pytest.raises(PeakError) as caught:
        settle(book.ws, client, "c1", cost_eur="0", reason="x")
    assert caught.value.remedy


def test_a_workspace_without_a_ledger_is_told(book: Book) -> None:
    """With what makes one."""
    for path in book.ws.audits.glob("ledger.db*"):
        path.unlink()
    with pytest.raises(LedgerUnavailable) as caught:
        show(book.ws)
    assert caught.value.code == "ledger_missing"


def test_status_shows_calls_per_minute(book: Book) -> None:
    """Beside money and calls, for all and by layer."""
    book.write(book.ask("c1"), book.ask("c2"))
    found = {(one.scope, one.layer): one for one in status(book.ws).budgets if one.unit == "calls_per_min"}
    assert (found["day", None].spent, found["day", None].limit) == (2, 30)
    assert (found["layer_day", "L2"].spent, found["layer_day", "L2"].limit) == (2, 20)


def test_the_command_line_shows_and_settles(book: Book) -> None:
    """As text and as documents of the printed shapes."""
    book.write(book.begin("r1", max_calls=9), book.ask("c1"), book.fail("c1"), book.ask("c2"))
    root = ["--root", str(book.ws.root)]
    runner = CliRunner()
    shown = runner.invoke(peak, ["budget", "show", *root], catch_exceptions=False)
    assert shown.exit_code == 0
    for word in (
        "day:",
        "per min",
        "run:r1",
        "call under way",
        "booked at its bound",
        "timeout",
        "peak budget settle",
    ):
        assert word in shown.output
    words = ["budget", "settle", "c1", "--cost", "0.003", "--reason", "invoice 7", *root]
    settled = runner.invoke(peak, words, catch_exceptions=False)
    assert settled.exit_code == 0, settled.output
    assert "0.010000000 EUR booked, now 0.003000000 EUR" in settled.output
    document = runner.invoke(
        peak, ["budget", "settle", "c1", "--cost", "0", "--reason", "x", "--json", *root]
    )
    SHAPES["budget-settle"].model_validate_json(document.stdout)
    empty = runner.invoke(peak, ["budget", "show", *root], catch_exceptions=False)
    assert "nothing is booked at its bound" in empty.output
