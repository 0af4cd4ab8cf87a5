"""Runs read from a ledger: pages that go on, conditions, files against their hashes, and wrong names."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from peak_console.cli.program import peak
from peak_console.cli.program import run as run_program
from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.runs_read import NoSuchRun, RunsWanted, list_runs, show_run

UUID = "7f9c24e5-2b1a-4c7d-9e0f-1a2b3c4d5e6f"
NAMES = [f"20261122_1400{place:02d}_k3v9qx" for place in range(6)]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Six runs of L2, every second failed; a seventh under a UUID that never said that it ended."""
    ws = Workspace(tmp_path)
    ws.ledger.parent.mkdir()
    ws.matrix.parent.mkdir(parents=True)
    ws.matrix.write_text("")
    (ws.runs / NAMES[0] / "ops").mkdir(parents=True)
    (ws.runs / NAMES[0] / "ops" / "result.md").write_text("# done")
    digest = sha256_hex(b"# done")
    artefacts = [
        {"path": path, "sha256": digest, "bytes": 6}
        for path in ("ops/result.md", "ops/gone.md", "../../configs/ai/layer_model_matrix.toml")
    ]
    with LedgerWriter(ws.ledger, clock=SystemClock()) as writer:
        drafts = [EventDraft("ev_0", EventKind.WORKSPACE_INITIALISED, {"simulated": True})]
        for at, name in enumerate([*NAMES, UUID]):
            drafts.append(
                EventDraft(f"ev_b{at}", EventKind.RUN_STARTED, {"phase": "shadow"}, name, layer="L2")
            )
            outcome = {"outcome": "failed" if at % 2 else "ok", "artefacts": artefacts}
            if name != UUID:
                drafts.append(EventDraft(f"ev_e{at}", EventKind.RUN_FINISHED, outcome, name))
        writer.append([(draft, "mara") for draft in drafts])
    return ws


def test_pages_together_are_all_runs_newest_first_each_once(workspace: Workspace) -> None:
    """Going on behind the last one shown loses none and repeats none."""
    seen: list[str] = []
    before = None
    while True:
        page = list_runs(workspace, limit=2, before=before)
        seen += [one.run_id for one in page.lines]
        before = page.next_before
        if before is None:
            break
    assert seen == [UUID, *NAMES[::-1]]


def test_conditions_must_all_hold(workspace: Workspace) -> None:
    """Outcome, layer and phase are those of the run's line; a page says how many were looked at."""
    failed = list_runs(workspace, wanted=RunsWanted(outcome="failed", layer="L2", phase="shadow"))
    assert [one.run_id for one in failed.lines] == NAMES[5::-2]
    assert list_runs(workspace, wanted=RunsWanted(layer="L4")).lines == ()
    assert [one.outcome for one in list_runs(workspace, limit=1).lines] == ["open"]


def test_files_are_checked_against_their_hashes_and_never_outside_the_run(workspace: Workspace) -> None:
    """Unchanged, changed and missing are told apart; a path that leaves the run's folder is not followed."""
    states = {one.path: one.state for one in show_run(workspace, NAMES[0]).artefacts}
    assert list(states.values()) == ["ok", "missing", "unreadable"]
    (workspace.runs / NAMES[0] / "ops" / "result.md").write_text("# else")
    assert show_run(workspace, NAMES[0]).artefacts[0].state == "changed"


@pytest.mark.parametrize(
    ("name", "error"), [("x", UsageWrong), ("../../etc", UsageWrong), ("20261122_235959_zzzzzz", NoSuchRun)]
)
def test_a_name_that_is_no_run_is_refused_with_a_remedy(
    workspace: Workspace, name: str, error: type[UsageWrong | NoSuchRun]
) -> None:
    """Neither a path nor an unknown id reads anything."""
    with pytest.raises(error) as refused:
        show_run(workspace, name)
    assert "peak runs list" in refused.value.remedy


def test_the_command_line_gives_the_contracts_shape(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """``{"runs": [{"run_id", …}]}``; a replay that holds ends with 0; wrong times are told with a remedy."""
    root = ["--root", str(workspace.root)]
    listed = json.loads(CliRunner().invoke(peak, [*root, "runs", "list", "--json"]).output)
    assert [one["run_id"] for one in listed["runs"]] == [UUID, *NAMES[::-1]]
    assert run_program([*root, "runs", "replay", UUID]) == 0
    assert run_program([*root, "runs", "show", NAMES[1]]) == 0
    assert "failed" in capsys.readouterr().out
    assert run_program([*root, "runs", "list", "--since", "yesterday"]) == 2
    assert "30m" in capsys.readouterr().err
