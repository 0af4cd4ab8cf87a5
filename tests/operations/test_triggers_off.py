"""A trigger that is switched off is named wherever somebody looks before relying on it."""

from pathlib import Path

import pytest

from peak_console.cli.status import _standing
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import SystemClock
from peak_console.operations.checklists_facts import gather
from peak_console.operations.checklists_judging import ListName
from peak_console.operations.doctor.running import incidents
from peak_console.operations.doctor.shapes import Health
from peak_console.operations.init import init_workspace
from peak_console.operations.status import status
from peak_console.tui.bar_drawing import _off_forms


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace without a ledger, two triggers of which are switched off."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
    made = init_workspace(tmp_path / "w", operator="anna").ws
    off = "[policy_violation]\nenabled = false\n[lapse]\nenabled = false\n"
    (made.root / "configs/incidents.toml").write_text(off, encoding="utf-8")
    return made


def test_it_is_named_on_status_bar_doctor_and_checklist(ws: Workspace) -> None:
    """In words that fit; and nowhere once all are watched again."""
    bar = status(ws)
    assert bar.as_json()["triggers_off"] == ["policy_violation", "lapse"]
    assert ["OFF", "not watched: policy_violation, lapse"] in _standing(bar)
    forms = ["".join(span.text for span in form) for form in _off_forms(bar)]
    assert forms == ["▲ OFF: policy_violation +1", "▲ OFF 2"]
    (told,) = [one for one in incidents(bar) if one.title == "triggers"]
    assert (told.health, "policy_violation" in told.found) == (Health.WARN, True)
    shown = gather(ws, ListName.PRE_LIVE, SystemClock()).triggers
    assert (shown.holds, shown.evidence) == (False, "switched off: policy_violation, lapse")
    (ws.root / "configs/incidents.toml").write_text("", encoding="utf-8")
    bar = status(ws)
    assert bar.triggers_off == ()
    assert not [one for one in incidents(bar) if one.title == "triggers"]
    assert _off_forms(bar) == ()
    assert gather(ws, ListName.PRE_LIVE, SystemClock()).triggers.holds is True
