"""In live no call is made under a matrix for which no two operators stand, after a restart neither."""

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest
from node_world import World, node_here, soon

from peak_console.config.editing.targets import target_named
from peak_console.control.keys import KeyStore
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.vocabulary import Phase
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.status import report
from peak_console.operations.enable import append_proved
from peak_console.operations.operators import enroll
from peak_console.operations.workbench.approving import Approved, approve, proposal
from peak_console.operations.workbench.history import history
from peak_console.operations.workbench.saving import preview, save
from peak_console.operations.workbench.shapes import Saved

MATRIX = target_named("matrix")
CLEAN = """
[global]
forbidden_providers = ["anthropic"]
forbidden_model_prefixes = ["claude-"]
allowed_providers = ["openai", "google"]
[L2.critic]
provider = "google"
model_id = "gemini-3.5-flash-lite"
timeout_s = 30
max_output_tokens = 1000
[L3.critic]
service = "L4"
""" + "".join(
    f"""
[{layer}.primary]
provider = "{provider}"
model_id = "{model}"
timeout_s = 30
max_output_tokens = 1000
"""
    for layer, provider, model in (
        ("L0", "openai", "gpt-6-luna"),
        ("L1", "openai", "gpt-6.1-terra"),
        ("L2", "openai", "gpt-6-luna"),
        ("L3", "openai", "gpt-6.1-terra"),
        ("L4", "google", "gemini-3.8-flash"),
    )
)


class Live:
    """A workspace in live with operators anna and bert."""

    def __init__(self, world: World, socket: Path) -> None:
        self.world, self.ws, self.socket = world, world.ws, socket

    def enrolled(self) -> None:
        """Enrol bert beside anna."""
        with self.world.client(self.socket) as client:
            enroll(self.ws, client, "bert", by="anna")

    def approves(self, who: str, digest: str) -> Approved:
        """``peak matrix approve``."""
        with self.world.client(self.socket) as client:
            return approve(self.ws, client, digest, reason="looked at it", operator=who)

    def saves(self, who: str, text: str) -> Saved:
        """``peak matrix edit`` and save."""
        base = sha256_hex(self.ws.matrix.read_bytes())
        with self.world.client(self.socket) as client:
            return save(self.ws, client, MATRIX, text, base=base, reason="better", operator=who)

    def refuses(self, code: str, work: Any, *args: Any) -> PeakError:
        """The refusal of ``work``."""
        with pytest.raises(PeakError) as caught:
            work(*args)
        assert caught.value.code == code
        return caught.value


def become_live(world: World) -> None:
    """Live by the ledger's word, with a matrix that passes lint there on any day."""
    world.ws.matrix.write_text(CLEAN)
    body = {"from": "testnet", "to": "live", "operator": "anna", "reason": "test"}
    with LedgerWriter(world.ws.ledger, clock=SystemClock()) as writer:
        writer.append([(EventDraft("ev_live", EventKind.PHASE_CHANGED.value, body), "node")])


async def test_a_live_matrix_needs_two_operators_and_the_node_sees_to_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saved with another's approval it holds, restart included; edited outside it permits nothing."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    become_live(world)
    before = world.ws.matrix.read_text()
    text = before + "\n# a better one\n"
    async with node_here(world) as node:
        live = Live(world, node.socket_path)
        await asyncio.to_thread(live.enrolled)
        await soon(lambda: "matrix_unapproved" in node.watch.folded.reasons, "nothing holds from before")
        around, standing = node.rules.circumstances(), sha256_hex(before.encode())
        assert around.ready is not None
        assert around.may_begin is not None
        assert not around.ready(Phase.LIVE).green
        assert not around.may_begin(standing, "anna")
        await asyncio.to_thread(live.approves, "bert", "disk")
        assert around.may_begin(standing, "anna")
        assert not around.may_begin(standing, "bert")
        error = await asyncio.to_thread(live.refuses, "approval_required", live.saves, "anna", text)
        digest = error.details["digest"]
        assert world.ws.matrix.read_text() == before
        shown = await asyncio.to_thread(proposal, world.ws, digest[:8])
        assert "+# a better one" in shown.diff
        await asyncio.to_thread(live.approves, "anna", digest)
        await asyncio.to_thread(live.refuses, "approval_required", live.saves, "anna", text)
        given = await asyncio.to_thread(live.approves, "bert", digest[:8])
        assert (given.digest, given.operator) == (digest, "bert")
        seen = await asyncio.to_thread(lambda: preview(world.ws, MATRIX, text, operator="anna"))
        assert (seen.needs_approval, seen.approved_by) == (True, "bert")
        await asyncio.to_thread(live.saves, "anna", text)
        await soon(lambda: node.state.digests.get("matrix") == digest, "the node saw it")
        await soon(lambda: _told(world, digest), "and it is on record")
        assert "matrix_unapproved" not in node.watch.folded.reasons
    async with node_here(world) as node:
        live = Live(world, node.socket_path)
        assert "matrix_unapproved" not in report(node)["posture"]["reasons"]
        assert (await asyncio.to_thread(history, world.ws, MATRIX))[0].actor == "anna"
        world.ws.matrix.write_text(text + "# by hand\n")
        await soon(lambda: "matrix_unapproved" in node.watch.folded.reasons, "nobody approved it")
        assert report(node)["configs"]["error"] == "matrix_unapproved"
        other = sha256_hex(world.ws.matrix.read_bytes())
        await soon(lambda: _told(world, other), "and it is on record")
    async with node_here(world) as node:
        live = Live(world, node.socket_path)
        assert "matrix_unapproved" in node.watch.folded.reasons
        for who in ("anna", "bert"):
            await asyncio.to_thread(live.approves, who, other)
        await soon(lambda: "matrix_unapproved" not in node.watch.folded.reasons, "two looked at it")


async def test_the_node_refuses_an_approval_without_end(world: World) -> None:
    """What is signed for longer than control.toml allows, or names no digest, is not recorded."""

    def ask(socket: Path, body: dict[str, Any]) -> None:
        draft = EventDraft(new_event_id(secrets.token_bytes), "matrix.approved", body)
        with world.client(socket) as client, pytest.raises(PeakError) as caught:
            append_proved(client, KeyStore(world.ws.keys), "anna", draft)
        assert caught.value.code == "event_malformed"

    far = "2999-01-01T00:00:00.000000Z"
    async with node_here(world) as node:
        for digest, until in (("0" * 64, far), ("0" * 64, "soon"), ("x", "2020-01-01T00:00:00.000000Z")):
            await asyncio.to_thread(ask, node.socket_path, {"digest": digest, "valid_until": until})


def _told(world: World, digest: str) -> bool:
    return any((one.body or {}).get("new") == digest for one in world.events() if one.actor == "node")
