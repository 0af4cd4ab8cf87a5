"""What words name in the workbench, and quick fixes made one after the other."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from peak_console.config.defaults import write_demo_configs
from peak_console.config.editing.targets import target_named
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import PeakError, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.workbench.drafts import drafts_of
from peak_console.operations.workbench.files import read_standing
from peak_console.operations.workbench.fixes import available, repaired
from peak_console.operations.workbench.naming import (
    has_draft,
    listed,
    models_by_name,
    moment_named,
    text_named,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
READINESS = target_named("readiness")


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The demo's configs, without a ledger."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    write_demo_configs(tmp_path / "w", today=NOW.date())
    return Workspace(tmp_path / "w")


def test_fixes_are_made_until_none_is_left(ws: Workspace) -> None:
    """Each on the text as it then is; other rules' are left alone; nothing else of the text changes."""
    text = "[shadow]\nlint_clean = false  # for now\nlock_valid = false\n"
    assert [one.rule for one in available(ws, READINESS, text, NOW)] == ["readiness.switched_off"] * 2
    done = repaired(ws, READINESS, text, NOW)
    assert done.text == "[shadow]\nlint_clean = true  # for now\nlock_valid = true\n"
    assert (len(done.made), done.left) == (2, ())
    untouched = repaired(ws, READINESS, text, NOW, ["schema.unknown_key"])
    assert (untouched.text, untouched.made) == (text, ())


def test_a_draft_is_named_and_listed(ws: Workspace) -> None:
    """While it says something else than the file."""
    standing = read_standing(ws, READINESS)
    with pytest.raises(UsageWrong):
        text_named(ws, READINESS, "draft")
    drafts_of(ws).put("readiness", "# mine\n", base=standing.digest, base_text=standing.text or "")
    assert text_named(ws, READINESS, "draft").text == "# mine\n"
    assert text_named(ws, READINESS, "disk").text == standing.text
    assert has_draft(ws, READINESS)
    assert [one.target.name for one in listed(ws) if one.draft] == ["readiness"]


def test_the_lock_names_a_matrix_only(ws: Workspace) -> None:
    """And only where there is a lock that can be read."""
    for target in (READINESS, target_named("matrix")):
        with pytest.raises(PeakError) as wrong:
            text_named(ws, target, "lock")
        assert wrong.value.code in {"no_such_version", "version_not_kept"}


def test_a_moment_that_has_not_come_is_refused(ws: Workspace) -> None:
    """Nobody knows what will be in force; a moment that has passed is read."""
    ws.audits.mkdir()
    with LedgerWriter(ws.ledger, clock=ManualClock(NOW - timedelta(hours=1))) as writer:
        writer.append([(EventDraft("ev_1", "workspace.initialised", {}), "node")])
    assert moment_named(ws, "2026-11-22T11:59Z", NOW) == NOW - timedelta(minutes=1)
    with pytest.raises(UsageWrong) as wrong:
        moment_named(ws, "2026-11-22T12:01Z", NOW)
    assert wrong.value.code == "moment_ahead"


def test_a_model_is_named_by_its_id_where_one_provider_has_it(ws: Workspace) -> None:
    """As it stands where it is whole; what nobody knows is refused with what may be meant."""
    named = models_by_name(ws, NOW)
    assert named("azure:anything:1") == ("azure", "anything:1")
    with pytest.raises(UsageWrong) as wrong:
        named("no-such-model")
    assert wrong.value.remedy
