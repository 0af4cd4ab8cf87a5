"""Drills as they are asked for: an arm drill needs no scope, and each drill's command is named whole."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest

from peak_console.cli.incident_words import drills_listed
from peak_console.config.workspace import Workspace
from peak_console.control.keys import WORKSPACE, KeyStore
from peak_console.domain.errors import UsageWrong
from peak_console.domain.incidents import DrillKind
from peak_console.operations.arming import request
from peak_console.operations.drills import DrillLine, last_drills
from peak_console.operations.rehearsal_commands import drill_command

if TYPE_CHECKING:
    from peak_console.ledger.service.blocking import BlockingLedgerClient

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


class Ear:
    """Hears what the node would be asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def request(self, what: str, **asked: Any) -> dict[str, Any]:
        """Answer like a node that grants the request."""
        if what == "challenge":
            return {"nonce": "n"}
        self.asked = asked
        names = ("request_id", "token", "phrase")
        return {**dict.fromkeys(names, "x"), "token_valid_s": 120, "needs_approval": False}


def asked(tmp_path: Path, **changes: Any) -> str:
    """The scope that the node is asked for."""
    ws, ear = Workspace(tmp_path), Ear()
    environ = {"PEAK_KEYS_DIR": str(tmp_path / "keys")}
    store = KeyStore(ws.keys, environ)
    store.create(WORKSPACE)
    store.create("anna")
    said = {"scope": "", "run_id": "", "purpose": "p", "reason": "r", "ttl_s": None, "drill": True}
    request(ws, cast("BlockingLedgerClient", ear), environ=environ, **{**said, **changes})
    return str(orjson.loads(orjson.dumps(ear.asked["draft"]))["body"]["scope"])


def test_a_drill_that_names_no_scope_is_for_everything(tmp_path: Path) -> None:
    """It arms nothing; a scope that is named stays."""
    assert asked(tmp_path / "one") == "global"
    assert asked(tmp_path / "two", scope="venue:paper") == "venue:paper"


def test_live_orders_are_armed_for_no_scope_that_was_left_out(tmp_path: Path) -> None:
    """What may be sent is named by whoever asks, and the refusal says how."""
    with pytest.raises(UsageWrong) as caught:
        asked(tmp_path, drill=False)
    assert caught.value.code == "scope_missing"
    assert "--scope venue:NAME" in caught.value.remedy


def test_every_drill_names_the_command_that_runs_it() -> None:
    """As the list shows it, with all that it needs."""
    told = {one.kind: one.cli for one in last_drills(())}
    assert told[DrillKind.ARM] == 'peak arm request --drill --purpose "..." --reason "..."'
    assert told[DrillKind.ROLLBACK] == 'peak matrix rollback previous --rehearse --reason "..."'
    assert told[DrillKind.STOP] == drill_command("stop") == "peak incident drill stop"
    assert drill_command("tea") == "peak incident drill --list"


@pytest.mark.parametrize(
    ("ago", "shown"),
    [(8, "8 s ago"), (150, "2 min ago"), (7_300, "2 h ago"), (200_000, "2 d ago"), (-5, "0 s ago")],
)
def test_the_age_of_a_drill_is_told_in_its_own_unit(ago: int, shown: str) -> None:
    """One of some minutes ago was not 0 hours ago."""
    told = drills_listed([DrillLine(DrillKind.STOP, NOW - timedelta(seconds=ago), held=True)], NOW)
    assert shown in told[-1]
