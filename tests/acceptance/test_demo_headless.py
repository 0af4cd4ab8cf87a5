"""The demo without a screen, from the outside: traffic flows, the ledger verifies, nothing is left."""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep

import pytest
from support.program import Done, Peak

from peak_console.control.running import running_nodes
from peak_console.operations.shapes import SHAPES


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo's workspace is made and kept."""
    return tmp_path_factory.mktemp("demo") / "ws"


@pytest.fixture(scope="module")
def demo(peak: Peak, root: Path) -> Done:
    """A short demo that has ended."""
    return peak("demo", "--headless", "--seconds", 6, "--rate", 25, "--root", root, "--json")


def test_it_makes_calls_and_ends_everything_it_started(demo: Done, root: Path) -> None:
    """Calls were answered and paid for, and no node of it runs on."""
    assert demo.code == 0, demo.err
    summary = demo.document
    SHAPES["demo"].model_validate(summary)
    assert summary["answered"] > 20
    assert summary["refused"] == 0
    assert float(summary["cost_eur"]) > 0
    assert summary["root"] == str(root)
    assert root not in [one.root for one in running_nodes()]


def test_the_ledger_verifies_by_an_independent_reading(demo: Done, peak: Peak, root: Path) -> None:
    """``peak ledger verify`` holds, and so does a chain recomputed from the table by other code."""
    verified = peak("ledger", "verify", "--root", root, "--json")
    assert verified.code == 0
    assert verified.document["ok"] is True
    assert verified.document["events"] >= demo.document["events"]
    with closing(sqlite3.connect(f"file:{root}/audits/ledger.db?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        previous = "0" * 64
        for row in db.execute("SELECT ledger.*, body.bytes FROM ledger JOIN body USING (seq) ORDER BY seq"):
            fields = {name: row[name] for name in row.keys() if row[name] is not None}  # noqa: SIM118 - sqlite3.Row
            body, link = fields.pop("bytes"), fields.pop("hash")
            assert fields["prev_hash"] == previous
            assert fields["body_sha256"] == hashlib.sha256(body).hexdigest()
            data = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
            assert link == hashlib.sha256(data).hexdigest()
            previous = link


def test_every_call_is_requested_before_it_ends(demo: Done, peak: Peak, root: Path) -> None:
    """Each completed hop follows its own ``requested`` with the same request hash, marked as simulated."""
    events = peak("ledger", "tail", "-n", 10000, "--root", root, "--json").document["events"]
    SHAPES["ledger-tail"].model_validate({"events": events})
    requested = {
        (one["call_id"], one["body"]["hop"]): one for one in events if one["kind"] == "llm.call.requested"
    }
    completed = [one for one in events if one["kind"] == "llm.call.completed"]
    assert completed
    for one in completed:
        before = requested[one["call_id"], one["body"]["hop"]]
        assert before["seq"] < one["seq"]
        assert before["body"]["request_hash"] == one["body"]["request_hash"]
        assert one["body"]["simulated"] is True
    assert {one["layer"] for one in completed} >= {"L0", "L2", "L3", "L4"}
    assert any(one["kind"] == "critic.judged" for one in events)


def test_runs_leave_their_two_artefacts(demo: Done, root: Path) -> None:
    """``result.md`` has the six headings of the runbook, and ``risks.md`` stands beside it."""
    headings = [
        "Summary",
        "Inputs",
        "Actions",
        "Outputs/Artifacts",
        "Risks & Open Questions",
        "Next Step (handoff)",
    ]
    results = list(root.glob("runs/*/*/result.md"))
    assert results
    for one in results:
        lines = one.read_text().splitlines()
        assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == headings
        assert one.with_name("risks.md").is_file()


def test_the_log_has_one_line_a_call(demo: Done, peak: Peak, root: Path) -> None:
    """Every call's line carries what the contract names."""
    lines = peak("logs", "-n", 10000, "--root", root, "--json").document["lines"]
    calls = [one for one in lines if one["event"] == "llm.call.completed"]
    assert len(calls) >= demo.document["answered"] * 0.9
    wanted = {
        "run_id",
        "layer",
        "role",
        "provider",
        "model_id",
        "request_hash",
        "outcome",
        "latency_ms",
        "cost_eur",
    }
    assert all(wanted <= set(one) for one in calls)


def test_status_of_what_is_kept_is_not_green(demo: Done, peak: Peak, root: Path) -> None:
    """With no node the posture is UNKNOWN, which acts as stopped, and says why."""
    until = monotonic() + 60
    while (status := peak("status", "--root", root, "--json").document)["posture"]["state"] != "UNKNOWN":
        assert monotonic() < until, "the lease of a node that is no more lapses"
        sleep(0.1)
    SHAPES["status"].model_validate(status)
    assert status["posture"]["calls"] is False
    assert "lapsed" in status["posture"]["reasons"]


def test_a_real_workspace_is_not_taken_for_a_demo(peak: Peak, tmp_path: Path) -> None:
    """The demo refuses a folder that holds something else."""
    (tmp_path / "configs").mkdir()
    done = peak("demo", "--headless", "--root", tmp_path)
    assert done.code == 2
    assert "not_a_demo" in done.err
