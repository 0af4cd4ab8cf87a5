"""A workspace with one run on its ledger, written by the real writer, its head signed by the real key."""

import itertools
import shutil
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from peak_console.config.load import load_configs
from peak_console.config.versions import keep_versions
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.merkle import collect
from peak_console.ledger.heads.notes import Checkpoint, origin_of
from peak_console.ledger.heads.proving import entries
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.evidence_build import PackBuilt, build_pack
from peak_console.operations.init import init_workspace

RUN = "20261122_140000_abc123"
OTHER = "20261122_140100_xyz789"
TODAY = date(2026, 11, 22)
SLOT = {"layer": "L2", "role": "primary", "provider": "openai", "model_id": "gpt-5.2"}

_numbers = itertools.count(1)


@dataclass
class EvidenceWorld:
    """The workspace, and what a node, a run and an operator do in it."""

    ws: Workspace
    keys: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(datetime(2026, 11, 22, 14, tzinfo=UTC)))

    @property
    def environ(self) -> dict[str, str]:
        """An environment with the workspace's keys and nothing else."""
        return {"PEAK_KEYS_DIR": str(self.keys)}

    @property
    def public(self) -> bytes:
        """The workspace's public key."""
        found = KeyStore(self.ws.keys, self.environ).raw_public()
        assert found is not None
        return found

    def write(self, *drafts: EventDraft) -> None:
        """Append events, as the node."""
        with LedgerWriter(self.ws.ledger, clock=self.clock) as writer:
            for draft in drafts:
                (result,) = writer.append([(draft, "ada")])
                assert not isinstance(result, PeakError), result
                self.clock.advance(0.25)

    def write_many(self, drafts: list[EventDraft]) -> None:
        """Append events of one moment."""
        with LedgerWriter(self.ws.ledger, clock=self.clock) as writer:
            for number in range(0, len(drafts), 200):
                writer.append([(one, "ada") for one in drafts[number : number + 200]])

    def sign(self) -> int:
        """Sign the head as the node's notary does; gives its size."""
        signer = KeyStore(self.ws.keys, self.environ).signer()
        with LedgerReader(self.ws.ledger) as reader:
            size, _ = reader.head()
            genesis = reader.by_seq(1)
        assert genesis is not None
        root = collect(entries(self.ws.ledger, size)).frontier.root()
        note = Checkpoint(origin_of(signer.public, genesis.hash), size, root).signed(signer)
        CheckpointFiles(self.ws.checkpoints).append(note, self.clock.now())
        return size

    def artefact(self, path: str, text: str | bytes, run_id: str = RUN) -> dict[str, Any]:
        """Write a file of a run; gives what run.finished says of it."""
        data = text.encode() if isinstance(text, str) else text
        place = self.ws.runs / run_id / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return {"path": path, "sha256": sha256_hex(data), "bytes": len(data)}

    def build(self, **options: Any) -> PackBuilt:
        """``peak evidence build`` of the run, without a node."""
        return build_pack(self.ws, RUN, **{"environ": self.environ, **options})


def draft(kind: str, body: dict[str, Any], **header: Any) -> EventDraft:
    """An event with an id of its own."""
    return EventDraft(f"ev_evidence_{next(_numbers)}", kind, body, **header)


def requested(call_id: str, *, hop: int = 1, bound: str = "0.500000000", **more: Any) -> EventDraft:
    """A request of the run."""
    body = {
        "hop": hop,
        "asked_role": "primary",
        "request_hash": "ab" * 32,
        "prompt_name": "market-outlook",
        "prompt_version": "1",
        "bound_eur": bound,
        "bound_tokens": 1000,
        "posture": "DISARMED",
        "phase": "bootstrap",
        "simulated": True,
        "route": [],
        **more,
    }
    return draft("llm.call.requested", body, run_id=RUN, call_id=call_id, **SLOT)


def completed(
    call_id: str, cost: str, *, hop: int = 1, basis: str = "usage", run_id: str = RUN
) -> EventDraft:
    """An answer."""
    body = {
        "hop": hop,
        "outcome": "ok",
        "cost_eur": cost,
        "cost_basis": basis,
        "latency_us": 1000,
        "usage": {"input": 30, "cached": 10, "cache_write": 0, "output": 20, "reasoning": 5},
        "attempts": [],
        "fallback": False,
    }
    return draft("llm.call.completed", body, run_id=run_id, call_id=call_id, **SLOT)


def judged(verdict: str, rationale: str = "a claim without a source", **more: Any) -> EventDraft:
    """A verdict on the run."""
    finding = {
        "id": "F1",
        "category": "hallucination",
        "severity": "medium",
        "rationale": rationale,
        "evidence_refs": ["texts.jsonl"],
    }
    body = {
        "verdict": verdict,
        "judged_layer": "L2",
        "judged_call_id": "call_a",
        "judge_layer": "L4",
        "findings": [finding],
        "malformed": False,
        "degraded": False,
        "capped": False,
        "sod": {"rule": "model", "ok": True, "detail": "", "unechoed": False},
        "reason": "answered",
        "detail": "",
        "simulated": True,
        **more,
    }
    return draft(
        "critic.judged", body, run_id=RUN, call_id="call_j", layer="L2", role="critic", provider="google"
    )


def new_world(tmp_path: Path) -> EvidenceWorld:
    """A workspace whose ledger has begun; its node has started and an operator enabled it."""
    keys = tmp_path / "keys"
    made = init_workspace(tmp_path / "w", operator="anna", environ={"PEAK_KEYS_DIR": str(keys)})
    world = EvidenceWorld(made.ws, keys)
    configs = load_configs(made.ws, today=TODAY)
    assert keep_versions(made.ws, configs) == ()
    node = {"version": "0.1.0", "sqlite_version": "3.46.0", "pid": 7, "digests": dict(configs.digests)}
    world.write(
        draft("workspace.initialised", {"simulated": True, "version": "0.1.0", "made_by": "test"}),
        draft("operator.enrolled", {"operator": "anna", "public_key": made.public_key, "by": "test"}),
        draft("node.started", {**node, "version": "0.0.9"}),
        draft("node.started", node),
        draft("control.enabled", {"reason": "test", "operator": "anna"}),
    )
    return world


def copied(world: EvidenceWorld, folder: Path) -> EvidenceWorld:
    """The same workspace with its keys and its time, at a place of its own."""
    shutil.copytree(world.ws.root, folder / "w")
    shutil.copytree(world.keys, folder / "keys")
    return EvidenceWorld(Workspace((folder / "w").resolve()), folder / "keys", copy(world.clock))


def with_run(world: EvidenceWorld, *, artefacts: list[dict[str, Any]] | None = None) -> EvidenceWorld:
    """The run: one answer, one at its bound, a verdict; others' events between; its head signed."""
    found = (
        [world.artefact("outlook/result.md", "# Result\n\nSideways.\n")] if artefacts is None else artefacts
    )
    matrix = load_configs(world.ws, today=TODAY).digests["matrix"]
    world.write(
        draft("run.started", {"purpose": "outlook", "phase": "bootstrap", "simulated": True}, run_id=RUN),
        requested("call_a", matrix_digest=matrix),
        draft("run.started", {"purpose": "another", "phase": "bootstrap"}, run_id=OTHER),
        completed("call_a", "0.100000000"),
        requested("call_b", bound="0.250000000"),
        completed("call_b", "0.250000000", basis="worst_case"),
        judged("REVIEW"),
        draft("run.finished", {"outcome": "ok", "artefacts": found, "calls": 2}, run_id=RUN),
    )
    world.sign()
    return world
