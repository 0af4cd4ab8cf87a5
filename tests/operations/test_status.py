"""Status: the facts of the posture bar and of ``peak status --json``, whatever state a workspace is in."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from ledger_seed import NOW, seed_ledger

from peak_console.budget.limits import BudgetLimits, Limit, Scope
from peak_console.cli.output import brief_eur
from peak_console.cli.status import _lines
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.money import NanoEur
from peak_console.domain.posture import Orders, Posture, PostureState
from peak_console.ledger.folds.windows import BudgetRow
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.provider_addresses import foreign_urls, shown_url
from peak_console.operations.service import install, plan, start_command
from peak_console.operations.status import StatusReader, _dated, _judged, status
from peak_console.operations.views.bar import BudgetLine
from peak_console.operations.views.config_facts import budget_lines

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """The shipped configs in a folder of their own."""
    shutil.copytree(ROOT / "configs", tmp_path / "desk" / "configs")
    return Workspace(tmp_path / "desk")


def test_a_new_workspace_is_stopped_and_says_so(workspace: Workspace) -> None:
    """Nothing is permitted; the document has the keys that scripts rely on."""
    document = status(workspace, clock=ManualClock(NOW), environ={}).as_json()
    assert document["posture"]["state"] == "STOPPED"
    assert document["posture"]["calls"] is False
    assert document["posture"]["reasons"]
    assert document["armed"] is None
    assert document["phase"] == "bootstrap"
    assert set(document["ledger"]) >= {"seq", "head", "verified"}
    assert document["breakers"] == []
    assert document["incidents"] == []
    assert {"day", "layer_day"} <= {one["scope"] for one in document["budgets"]}
    assert json.loads(json.dumps(document)) == document


def test_broken_toml_is_unknown_and_named(workspace: Workspace) -> None:
    """The finding stands with its file and line; unknown acts as stopped."""
    workspace.matrix.write_text("[L0\nnot toml", encoding="utf-8")
    snapshot = status(workspace, clock=ManualClock(NOW), environ={})
    assert snapshot.posture.state is PostureState.UNKNOWN
    assert snapshot.posture.calls is False
    assert "matrix_invalid" in snapshot.posture.reasons
    (finding, *_) = snapshot.config_errors
    assert finding.file.endswith("layer_model_matrix.toml")
    assert finding.line >= 1
    assert snapshot.as_json()["findings"][0]["severity"] == "error"


def test_since_is_never_another_states_time(workspace: Workspace) -> None:
    """A matrix that broke after an enable, or a lease that lapsed, does not name the time of the enable."""
    enabled = Posture(PostureState.DISARMED, calls=True, orders=Orders.NONE, reasons=("enabled",), since=NOW)
    assert _dated(enabled).since == NOW
    assert _judged(enabled, broken=True).since is None
    lost = replace(enabled, state=PostureState.UNKNOWN, calls=False, reasons=("ledger_unavailable",))
    assert _dated(lost).since is None
    stopped = replace(lost, state=PostureState.STOPPED, reasons=("stopped_by_operator",))
    assert _dated(stopped).since == NOW


def test_what_is_reserved_and_what_to_do_are_told(workspace: Workspace) -> None:
    """Amounts are rounded, the percentage has both its parts; without a node its start is named."""
    budget = BudgetLine("layer_day", "k", "L1", "eur", 3_381_200_000, 2_960_900_000, 30_000_000_000)
    bare = status(workspace, clock=ManualClock(NOW), environ={})
    unknown = Posture(PostureState.UNKNOWN, calls=False, orders=Orders.NONE, reasons=("lapsed",))
    lines = _lines(replace(bare, budgets=(budget,), posture=unknown))
    (line,) = [one for one in lines if one.startswith("budget")]
    assert line.endswith("€ 3.38 spent + € 2.96 reserved of € 30.00 (21 %), ok")
    assert "peak node start" in lines[-1]
    assert brief_eur(1_234_567) == "0.0012"
    assert brief_eur(99) == "0.000000099"


def test_of_a_ledger_that_cannot_be_read_nobody_knows_the_phase(workspace: Workspace) -> None:
    """The phase is null, the fault stands with its remedy; the rules of live judge the configs."""
    workspace.ledger.parent.mkdir(parents=True)
    workspace.ledger.write_bytes(b"this is not a database at all" * 100)
    snapshot = status(workspace, clock=ManualClock(NOW), environ={})
    document = snapshot.as_json()
    assert document["phase"] is None
    assert "not a database" in document["ledger"]["problem"]
    assert snapshot.ledger.freshness.remedy


def test_a_stop_stays_stopped_whatever_the_configs_say(workspace: Workspace) -> None:
    """A stop is surer than a config that cannot be read."""
    workspace.matrix.write_text("[L0\nnot toml", encoding="utf-8")
    workspace.control.mkdir(parents=True)
    (workspace.control / "STOP").write_text("{}", encoding="utf-8")
    snapshot = status(workspace, clock=ManualClock(NOW), environ={})
    assert snapshot.posture.state is PostureState.STOPPED


def test_the_ledgers_head_and_its_mark_are_told(workspace: Workspace) -> None:
    """Head, age of the last event, and that the genesis says simulated."""
    seed_ledger(workspace.ledger, end=NOW, calls=30)
    snapshot = status(workspace, clock=ManualClock(NOW), environ={})
    assert snapshot.simulated
    assert snapshot.ledger.seq > 30
    assert len(snapshot.ledger.head) == 64
    assert snapshot.ledger.last_event_at is not None


def test_findings_are_read_again_only_when_a_file_changed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lint does not run each second."""
    ran: list[str] = []
    from peak_console.operations.views import findings  # noqa: PLC0415 - patched here

    real = findings.lint_workspace

    def counting(*args: object, **kwargs: object) -> object:
        ran.append("lint")
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(findings, "lint_workspace", counting)
    reader = StatusReader(workspace, clock=ManualClock(NOW), environ={})
    reader.read()
    reader.read()
    assert ran == ["lint"]
    workspace.matrix.write_text("[L0\n", encoding="utf-8")
    assert reader.read().config_errors
    assert ran == ["lint", "lint"]
    reader.close()


def test_foreign_addresses_are_told_without_secrets() -> None:
    """A provider pointed elsewhere is named; userinfo and query are not; a simulation's loopback is none."""
    environ = {
        "PEAK_PROVIDER_OPENAI_BASE_URL": "https://user:secret@proxy.example:8443/v1?key=secret",
        "PEAK_PROVIDER_GOOGLE_BASE_URL": "http://127.0.0.1:9/gemini",
        "PEAK_PROVIDER_EMPTY_BASE_URL": "",
        "OPENAI_API_KEY": "sk-secret",
    }
    assert foreign_urls(environ, simulated=True) == (("openai", "https://proxy.example:8443/v1"),)
    assert len(foreign_urls(environ, simulated=False)) == 2
    assert "secret" not in str(foreign_urls(environ, simulated=False))
    assert shown_url("http://[broken") == "(unreadable address)"


def test_budgets_are_those_of_today_with_what_is_spent_and_reserved() -> None:
    """A line for each unit that a limit names; yesterday's counter does not count."""
    limits = BudgetLimits(
        (
            Limit(Scope.DAY, max_cost=NanoEur(1000), max_calls=10),
            Limit(Scope.LAYER_DAY, "L2", max_tokens=500),
            Limit(Scope.RUN, max_cost=NanoEur(5)),
        ),
        Decimal(80),
        "Europe/Berlin",
        "d",
    )
    now = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # the 23rd in Berlin
    counters = {
        "day:2026-11-22": BudgetRow("day:2026-11-22", NanoEur(999), 0, 9, NanoEur(0), 0, 0),
        "day:2026-11-23": BudgetRow("day:2026-11-23", NanoEur(700), 0, 4, NanoEur(200), 0, 1),
    }
    lines = {(line.scope, line.layer, line.unit): line for line in budget_lines(limits, counters, now, "")}
    assert set(lines) == {("day", None, "eur"), ("day", None, "calls"), ("layer_day", "L2", "tokens")}
    day = lines["day", None, "eur"]
    assert (day.spent, day.reserved, day.state) == (700, 200, "warned")
    assert day.as_json()["spent"] == "0.000000700"
    assert lines["day", None, "calls"].state == "ok"
    assert lines["layer_day", "L2", "tokens"].spent == 0


def test_an_address_of_another_process_is_seen_in_its_calls(tmp_path: Path) -> None:
    """A worker's override stands in its requests, so it is told here too, without what may be secret.

    Addresses of Azure's own are no override, and calls of an hour ago say nothing of now.
    """
    who = {"run_id": "r", "layer": "L2", "role": "primary", "model_id": "m"}
    told = (
        ("openai", "https://user:pass@proxy.example/v1?key=x"),
        ("azure", "https://desk.openai.azure.com"),
        ("google", None),
    )
    ws = Workspace(tmp_path)
    ws.ledger.parent.mkdir(parents=True)
    with LedgerWriter(ws.ledger, clock=ManualClock(NOW), projections=[]) as writer:
        drafts = [EventDraft("ev_0", EventKind.WORKSPACE_INITIALISED, {"simulated": False})]
        for at, (provider, url) in enumerate(told):
            body = {
                "hop": 1,
                "bound_eur": "0.010000000",
                "bound_tokens": 9,
                "route": [],
                **({"base_url": url} if url else {}),
            }
            draft = EventDraft(
                f"ev_{at + 1}", EventKind.CALL_REQUESTED, body, call_id=f"call_{at}", provider=provider, **who
            )
            drafts.append(draft)
        for draft in drafts:
            (result,) = writer.append([(draft, "mara")])
            assert not isinstance(result, Exception), result
    later = ManualClock(NOW + timedelta(minutes=3))
    snapshot = status(ws, clock=later, environ={})
    assert [(one.provider, one.url) for one in snapshot.seen_urls] == [("openai", "https://proxy.example/v1")]
    assert snapshot.as_json()["seen_base_urls"][0]["url"] == "https://proxy.example/v1"
    assert any("went to https://proxy.example/v1 3 min ago" in line for line in _lines(snapshot))
    own = {"PEAK_PROVIDER_OPENAI_BASE_URL": "https://proxy.example/v1"}
    assert status(ws, clock=later, environ=own).seen_urls == ()
    assert status(ws, clock=ManualClock(NOW + timedelta(hours=2)), environ={}).seen_urls == ()


def test_the_service_that_starts_the_node_is_told_by_its_unit(workspace: Workspace, tmp_path: Path) -> None:
    """Empty where none is installed, which is not the same as nobody having looked."""
    environ = {"HOME": str(tmp_path / "home")}
    assert status(workspace, clock=ManualClock(NOW), environ=environ).node.service == ""
    service = plan(workspace, environ)
    install(service)
    told = status(workspace, clock=ManualClock(NOW), environ=environ)
    assert told.node.service == start_command(service)
    assert told.as_json()["node"]["service"] == told.node.service
