"""Checklists of a workspace: what is tried, read and looked up. Without a node."""

import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from peak_console.config.defaults import write_demo_configs
from peak_console.config.workspace import Workspace
from peak_console.control.breakers import ORDER_BREAKERS
from peak_console.domain.clock import ManualClock, iso
from peak_console.domain.errors import UsageWrong
from peak_console.operations import checklists_deny
from peak_console.operations.checklists import NAMES, checklist, pre_live
from peak_console.operations.checklists_deny import TRIED, try_deny
from peak_console.operations.checklists_facts import judged_breakers
from peak_console.operations.scraping import scraped
from peak_console.operations.views.checklists import ChecklistItem, ItemState

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CALL = {"run_id": "20261123_110000_abc123", "provider": "openai", "model_id": "gpt-5-mini", "outcome": "ok"}


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The demo's configs, nothing else: no ledger, no node."""
    root = tmp_path_factory.mktemp("checklists") / "w"
    write_demo_configs(root, today=NOW.date())
    return Workspace(root)


def item(ws: Workspace, name: str, item_id: str) -> ChecklistItem:
    """One item, judged now."""
    return next(one for one in checklist(ws, name, ManualClock(NOW)).items if one.id == item_id)


def test_the_deny_is_tried_at_every_place(ws: Workspace) -> None:
    """Forbidden names in a copy of the configs are denied by load, lint, client and on an answer."""
    tried = try_deny(ws, NOW.date())
    assert tried.held, tried.evidence
    assert str(len(TRIED)) in tried.evidence


@pytest.mark.parametrize("place", ["lint_workspace", "survey", "deny_echo"])
def test_a_place_that_lets_a_name_through_is_named(
    ws: Workspace, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deny that fails anywhere is red, with the place and the name."""
    asleep = {
        "lint_workspace": lambda *_, **__: [],
        "survey": lambda *_, **__: tuple(SimpleNamespace(refusal=None) for _ in TRIED),
        "deny_echo": lambda _: None,
    }
    monkeypatch.setattr(checklists_deny, place, asleep[place])
    tried = try_deny(ws, NOW.date())
    assert tried.held is False
    assert "claude" in tried.evidence
    assert item(ws, "pre-merge", "policy_deny").state is ItemState.RED


def test_configs_that_cannot_be_used_leave_the_deny_untried(tmp_path: Path) -> None:
    """Nobody can tell then; that is unknown, not green."""
    assert try_deny(Workspace(tmp_path), NOW.date()).held is None


def test_a_young_workspace_is_not_green_and_every_item_says_what_to_do(ws: Workspace) -> None:
    """Each list is judged without a ledger or a node, and nothing raises."""
    for name in NAMES:
        found = checklist(ws, name, ManualClock(NOW))
        assert not found.green
        assert all(one.remedy for one in found.items if one.state is not ItemState.GREEN)
        json.dumps(found.as_json())
    assert pre_live(ws, ManualClock(NOW)).name == "pre-live"
    assert item(ws, "pre-shadow", "dashboards").state is ItemState.RED


def test_a_list_that_there_is_not_is_refused(ws: Workspace) -> None:
    """With the names that there are."""
    with pytest.raises(UsageWrong) as caught:
        checklist(ws, "pre-lunch")
    assert (caught.value.code, "pre-live" in caught.value.remedy) == ("checklist_unknown", True)


@pytest.mark.parametrize(
    ("line", "state"),
    [(CALL, ItemState.GREEN), ({**CALL, "model_id": None}, ItemState.RED), ({}, ItemState.UNKNOWN)],
)
def test_the_log_is_looked_at(ws: Workspace, line: dict[str, str], state: ItemState) -> None:
    """A call's line without its model is red; a log without a call shows nothing."""
    ws.log.parent.mkdir(parents=True, exist_ok=True)
    head = {"ts": iso(NOW), "level": "info", "logger": "llm", "event": "llm.call.completed"}
    ws.log.write_text(json.dumps({**head, **line}) + "\n")
    assert item(ws, "pre-merge", "log_fields").state is state


def test_contacts_are_an_escalation_path(ws: Workspace) -> None:
    """Named in configs/console.toml; a file that is wrong names nobody."""
    console = ws.console_config
    before = console.read_text()
    try:
        console.write_text('[[contacts]]\nname = "rota"\nreach = "+49 30 1"\n')
        assert item(ws, "pre-live", "escalation_path").state is ItemState.GREEN
        console.write_text("[[contacts]]\nname = 3\n")
        assert item(ws, "pre-live", "escalation_path").state is ItemState.RED
    finally:
        console.write_text(before)


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"drawdown": "tripped"}, False),
        ({"drawdown": "tripped", "order_rate": "unknown"}, False),
        ({"order_rate": "unknown"}, None),
        ({"order_rate": "fine"}, None),
    ],
)
def test_breakers_of_orders_are_clear_over_figures_or_not_green(
    changes: dict[str, str], *, holds: bool | None
) -> None:
    """Tripped is red; without figures, or with a word that nobody knows, nobody can tell."""
    assert judged_breakers({one.value: "clear" for one in ORDER_BREAKERS} | changes, NOW).holds is holds
    assert judged_breakers({}, NOW).holds is None


def test_without_a_node_nobody_tells_of_breakers(ws: Workspace) -> None:
    """The item is there, and is not green."""
    assert item(ws, "pre-live", "order_breakers").state is ItemState.UNKNOWN


@pytest.fixture
def page() -> Iterator[tuple[str, list[bytes]]]:
    """A loopback server that gives one answer to whoever asks."""
    answers: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while answers:
                line, _ = server.accept()
                with line:
                    line.recv(4096)
                    line.sendall(answers.pop(0))

        answers += [
            b"HTTP/1.0 200 OK\r\n\r\nledger_events_total 3\n",
            b"HTTP/1.0 200 OK\r\n\r\nhello\n",
            b"HTTP/1.0 500 No\r\n\r\nledger_events_total 3\n",
        ]
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/metrics", answers
        thread.join(60)


def test_a_page_is_figures_or_says_why_not(page: tuple[str, list[bytes]]) -> None:
    """Only a good answer with our figures counts; nothing beyond loopback is asked."""
    url, _ = page
    assert scraped(url).text == b"ledger_events_total 3\n"
    assert "holds no" in scraped(url).problem
    assert "500" in scraped(url).problem
    assert scraped("http://192.0.2.1:80/metrics").problem == "is not on loopback"
    assert "does not answer" in scraped("http://127.0.0.1:1/metrics").problem
