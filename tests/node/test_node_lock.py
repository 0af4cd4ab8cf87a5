"""The lock of verified models, written, checked and put back through a node that enforces it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from node_world import World, node_here
from support.locks import NOW, lock_file, write_lock

from peak_console.config.configs import Configs
from peak_console.config.defaults import demo_configs
from peak_console.config.document import read_document
from peak_console.config.load import load_configs
from peak_console.config.sources import read_keys
from peak_console.config.verifying import judged
from peak_console.config.versions import find_version
from peak_console.config.workspace import Workspace
from peak_console.control.keys import openssh
from peak_console.domain.clock import ManualClock, SystemClock
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft
from peak_console.domain.vocabulary import Layer, Phase, PhaseLevel, Role
from peak_console.node.verified import VerifiedGuard
from peak_console.operations.lint import lint
from peak_console.operations.locking.checking import check
from peak_console.operations.locking.differing import differ
from peak_console.operations.locking.rolling_back import roll_back
from peak_console.operations.locking.showing import kept_digests, show
from peak_console.operations.locking.writing import Asked, Written, write
from peak_console.operations.route import route

HOUR = timedelta(hours=1)
LOCK = "configs/ai/verified_models.lock"
SNAPSHOT = "openai:gpt-5-mini=gpt-5-mini-2025-08-07"


def asked(reason: str = "test", attest: str = "looked at it", **more: Any) -> Asked:
    """What an operator asks for."""
    return Asked(reason, attest, **more)


class Desk:
    """An operator beside a node."""

    def __init__(self, world: World, socket: Path) -> None:
        self.world, self.ws, self._socket = world, world.ws, socket

    def write(self, want: Asked, **more: Any) -> Written:
        """``peak lock write``."""
        with self.world.client(self._socket) as client:
            return write(self.ws, client, want, **more)

    def roll_back(self, word: str, **more: Any) -> Any:
        """``peak lock rollback``."""
        with self.world.client(self._socket) as client:
            return roll_back(self.ws, client, word, **{"reason": "test", **more})

    def reserve(self, name: str, lock: str | None = None) -> str | None:
        """Ask for a reservation as the road does; gives the refusal's code."""
        body = {
            "hop": 1,
            "bound_eur": "0.000000001",
            "bound_tokens": 1,
            **({} if lock is None else {"lock_digest": lock}),
        }
        draft = EventDraft(
            f"ev_{name}",
            "llm.call.requested",
            body,
            run_id="20261122_120000_abc123",
            call_id=f"call_{name}",
            layer="L2",
            role="primary",
            provider="openai",
            model_id="gpt-5-mini",
        )
        with self.world.client(self._socket) as client:
            refusal = client.append([draft])[0].refusal
        return refusal.code if refusal else None


async def test_a_lock_is_written_enforced_and_put_back(world: World) -> None:
    """From the first lock to the rollback, with what the node says of calls at each step."""
    async with node_here(world) as node:
        desk = Desk(world, node.socket_path)
        await asyncio.to_thread(world.enable, node.socket_path)
        first = await asyncio.to_thread(_first_lock, desk)
        await asyncio.to_thread(_second_lock, desk, first)
        await asyncio.to_thread(_enforced, desk)
        await asyncio.to_thread(_refused, desk)
        await asyncio.to_thread(_copied, desk)


def _first_lock(desk: Desk) -> Written:
    assert check(desk.ws).problems[0].code == "missing"
    assert desk.reserve("free") is None
    done = desk.write(asked(snapshots=[SNAPSHOT]))
    kept = find_version(desk.ws, "lock", done.digest)
    assert kept is not None
    assert kept.read_bytes() == desk.ws.lock.read_bytes()
    event = desk.world.events()[done.seq - 1]
    assert event.kind == "lock.written"
    assert (event.body or {}).items() >= {
        "digest": done.digest,
        "previous": None,
        "entries": len(done.file.entry),
        "operator": "anna",
        "reason": "test",
        "evidence": {"eval": 0, "attested": len(done.file.entry)},
    }.items()
    found = check(desk.ws)
    assert (found.ok, found.recorded, found.problems) == (True, done.seq, ())
    assert {one.standing for one in found.slots} == {"attested"}
    return done


def _second_lock(desk: Desk, first: Written) -> None:
    """A slot written anew takes the rest over, and ends when the first would have."""
    second = desk.write(asked(slots=["L2.primary"], snapshots=[SNAPSHOT], expires_in=timedelta(days=90)))
    assert second.file.lock.previous == first.digest
    assert second.file.lock.expires_at == first.file.lock.expires_at
    assert len(second.drafted.carried) == len(first.file.entry) - 1
    diff = differ(desk.ws)
    assert (diff.old, diff.new) == (first.digest, second.digest)
    assert [(one.how, one.name) for one in diff.entries] == [("changed", "L2.primary openai:gpt-5-mini")]
    assert show(desk.ws, "previous").lock.digest == first.digest
    assert kept_digests(desk.ws) == sorted([first.digest, second.digest])
    back = desk.roll_back(first.digest[:8])
    assert (back.lock.digest, back.replaced) == (first.digest, second.digest)
    assert check(desk.ws).recorded == back.seq
    assert desk.world.kinds()[back.seq - 1] == "lock.rolled_back"


def _enforced(desk: Desk) -> None:
    """A plan of another lock is refused in every phase."""
    digest = show(desk.ws).lock.digest
    assert desk.reserve("now", digest) is None
    assert desk.reserve("stale", "0" * 64) == "lock_changed"
    assert desk.reserve("lockless", "") == "lock_changed"


def _refused(desk: Desk) -> None:
    """What may not be put back, or written."""
    good = desk.ws.lock.read_bytes()
    edited = good.replace(b'reason = "test"', b'reason = "nice"')
    desk.ws.lock.write_bytes(edited)
    found = check(desk.ws)
    assert (found.ok, [one.code for one in found.problems]) == (False, ["altered", "not_current"])
    desk.ws.lock.write_bytes(good)
    late = ManualClock(SystemClock().now() + timedelta(days=40))
    for what, code in (
        (lambda: desk.write(asked(reason=" ")), "reason_missing"),
        (lambda: desk.write(asked(attest="")), "evidence_missing"),
        (lambda: desk.write(asked(slots=["L9.primary"])), "no_such_slot"),
        (lambda: desk.write(asked(snapshots=["openai:gpt-5-mini"])), "snapshot_malformed"),
        (lambda: desk.write(asked(snapshots=["openai:gpt-5-mini=gpt-4o"])), "snapshot_foreign"),
        (lambda: desk.write(asked(), operator="nobody"), "operator_not_enrolled"),
        (lambda: desk.roll_back(show(desk.ws).lock.digest), "nothing_changed"),
        (lambda: desk.roll_back("previous"), "no_previous_lock"),
        (lambda: desk.roll_back("abc"), "digest_malformed"),
        (lambda: desk.roll_back("0" * 12), "lock_unknown"),
        (lambda: desk.roll_back(_other(desk), clock=late), "lock_refused"),
        (lambda: desk.roll_back(_other(desk), reason=""), "reason_missing"),
    ):
        with pytest.raises(PeakError) as caught:
            what()
        assert caught.value.code == code
        assert caught.value.remedy
        assert desk.ws.lock.read_bytes() == good


def _copied(desk: Desk) -> None:
    """An older lock that was copied into its place: everybody says so, until an operator records it."""
    old, now_is = show(desk.ws).lock.digest, desk.write(asked(snapshots=[SNAPSHOT], expires_in=HOUR))
    kept = find_version(desk.ws, "lock", old)
    assert kept is not None
    desk.ws.lock.write_bytes(kept.read_bytes())
    note = check(desk.ws)  # in research
    assert (note.ok, [one.code for one in note.problems]) == (True, ["not_current"])
    _fit_for_shadow(desk)
    found = check(desk.ws, phase=PhaseLevel.SHADOW)
    assert (found.ok, found.recorded, [one.code for one in found.problems]) == (False, 0, ["not_current"])
    assert f"by anna (event {now_is.seq})" in found.problems[0].message
    assert {one.standing for one in found.slots} == {"unrecorded"}
    assert "lock.not_current" in _lint(desk)
    assert _route(desk) == {"unrecorded"}
    back = desk.roll_back(old[:12])
    assert (back.lock.digest, back.replaced) == (old, old)
    assert check(desk.ws, phase=PhaseLevel.SHADOW).recorded == back.seq
    assert "lock.not_current" not in _lint(desk)
    assert _route(desk) == {"attested"}


def _fit_for_shadow(desk: Desk) -> None:
    """A new workspace's matrix has a judge that is what it judges in another layer, which shadow refuses."""
    text = desk.ws.matrix.read_text()
    head, mark, layer = text.partition("[L4.critic]")
    layer = layer.replace("gemini-2.5-flash", "gemini-3.8-flash")
    layer = layer.replace('provider = "openai"', 'provider = "google"').replace("gpt-5.2", "gemini-2.5-pro")
    desk.ws.matrix.write_text(head + mark + layer)


def _lint(desk: Desk) -> set[str]:
    found = lint(desk.ws, phase=PhaseLevel.SHADOW, today=SystemClock().now().date()).findings
    return {one.rule for one in found if one.rule.startswith("lock.")}


def _route(desk: Desk) -> set[str]:
    plan = route(desk.ws, Layer.L2, Role.PRIMARY, today=SystemClock().now().date(), environ={})
    return {row["verified"] for row in plan.explanation.rows}


def _other(desk: Desk) -> str:
    here = show(desk.ws).lock.digest
    return next(one for one in kept_digests(desk.ws) if one != here)


# -- the guard alone

KEY = ("L2", "primary", "openai", "gpt-5-mini")


@pytest.fixture(scope="module")
def configs() -> Configs:
    """The demo's configs."""
    return load_configs(Workspace(demo_configs().parent), today=NOW.date())


def drafted(lock: str | None, key: tuple[str, ...] = KEY) -> EventDraft:
    """A reservation of a call planned under a lock."""
    layer, role, provider, model_id = key
    body = {} if lock is None else {"lock_digest": lock}
    return EventDraft(
        "ev_1", "llm.call.requested", body, layer=layer, role=role, provider=provider, model_id=model_id
    )


def guarding(
    phase: Phase, clock: ManualClock, operators: dict[str, str], lock: str | None = None
) -> VerifiedGuard:
    """A guard of a node that knows these operators, and a lock as the one recorded last."""
    facts = SimpleNamespace(phase=phase, operators=operators, lock_digest=lock)
    state: Any = SimpleNamespace(facts=facts, clock=clock)
    return VerifiedGuard(state)


def signed(configs: Configs, tmp_path: Path, kind: str) -> tuple[Configs, str]:
    """Configs with a signed lock, and the key that signed it."""
    write_lock(tmp_path, lock_file(configs, kind))
    lock = judged(read_document(tmp_path / LOCK, LOCK), read_keys(tmp_path / "configs/keys"))
    assert lock is not None
    assert lock.sound
    return replace(configs, lock=lock), (tmp_path / "configs/keys/anna.pub").read_text()


@pytest.mark.parametrize(
    ("phase", "kind", "code"),
    [
        (Phase.VERIFIED, "attested", None),
        (Phase.SHADOW, "attested", None),
        (Phase.TESTNET, "attested", "model_not_verified"),
        (Phase.TESTNET, "eval", None),
        (Phase.LIVE, "eval", None),
    ],
)
def test_the_node_asks_of_the_lock_what_the_phase_demands(
    configs: Configs, tmp_path: Path, phase: Phase, kind: str, code: str | None
) -> None:
    """The same rules as the road, by the node's own configs, and by its clock: an end bites at its moment."""
    known, public = signed(configs, tmp_path, kind)
    assert known.lock is not None
    clock = ManualClock(NOW)
    guard = guarding(phase, clock, {"anna": public}, known.lock.digest)
    refusal = guard.look(drafted(known.lock.digest), known)
    assert (refusal.code if refusal else None) == code
    clock.advance(30 * 86_400 - 1)
    assert guard.look(drafted(known.lock.digest), known) == refusal
    clock.advance(1)
    late = guard.look(drafted(known.lock.digest), known)
    assert (late.code if late else None) == (None if phase is Phase.VERIFIED else "model_not_verified")


def test_a_lock_counts_while_its_signer_is_enrolled_with_that_key(configs: Configs, tmp_path: Path) -> None:
    """By the ledger, whatever lies in configs/keys."""
    known, public = signed(configs, tmp_path, "eval")
    assert known.lock is not None
    draft = drafted(known.lock.digest)
    stranger = openssh(Ed25519PrivateKey.generate().public_key())
    said = [
        guarding(Phase.LIVE, ManualClock(NOW), operators, known.lock.digest).look(draft, known)
        for operators in ({}, {"anna": stranger}, {"anna": public})
    ]
    assert [one.code if one else None for one in said] == ["model_not_verified"] * 2 + [None]
    assert said[0] is not None
    assert said[1] is not None
    assert said[0].message != said[1].message


@pytest.mark.parametrize("phase", [Phase.SHADOW, Phase.TESTNET, Phase.LIVE])
@pytest.mark.parametrize("last", ["e" * 64, None])
def test_a_lock_that_was_copied_into_its_place_counts_for_nobody(
    configs: Configs, tmp_path: Path, phase: Phase, last: str | None
) -> None:
    """Sound and signed by an operator, and not the one that the ledger recorded last."""
    known, public = signed(configs, tmp_path, "eval")
    assert known.lock is not None
    draft, clock = drafted(known.lock.digest), ManualClock(NOW)
    refusal = guarding(phase, clock, {"anna": public}, last).look(draft, known)
    assert refusal is not None
    assert refusal.code == "lock_not_current"
    assert "peak lock" in refusal.remedy
    assert guarding(phase, clock, {"anna": public}, known.lock.digest).look(draft, known) is None
    assert guarding(Phase.VERIFIED, clock, {"anna": public}, last).look(draft, known) is None


def test_the_node_judges_where_a_model_is_called_by_its_own_matrix(configs: Configs, tmp_path: Path) -> None:
    """A caller that says nothing of an address changes nothing: the slot goes elsewhere than was verified."""
    known, public = signed(configs, tmp_path, "eval")
    assert known.lock is not None
    layer = known.matrix.layers[Layer.L2]
    assert layer.primary is not None
    moved = layer.primary.model_copy(update={"base_url": "https://evil.example/v1"})
    layers = {**known.matrix.layers, Layer.L2: layer.model_copy(update={"primary": moved})}
    elsewhere = replace(known, matrix=replace(known.matrix, layers=layers))
    guard = guarding(Phase.SHADOW, ManualClock(NOW), {"anna": public}, known.lock.digest)
    assert guard.look(drafted(known.lock.digest), known) is None
    refusal = guard.look(drafted(known.lock.digest), elsewhere)
    assert refusal is not None
    assert refusal.code == "model_not_verified"
    assert "address" in refusal.message


def test_the_node_refuses_what_the_lock_does_not_hold(configs: Configs, tmp_path: Path) -> None:
    """Another slot, no slot, no lock; and a plan of another lock in every phase."""
    known, public = signed(configs, tmp_path, "eval")
    assert known.lock is not None
    digest, here = known.lock.digest, {"anna": public}
    guard = guarding(Phase.SHADOW, ManualClock(NOW), here, digest)
    for key in (("L0", *KEY[1:]), ("", *KEY[1:]), (*KEY[:3], "gpt-5")):
        refusal = guard.look(drafted(digest, key), known)
        assert refusal is not None
        assert refusal.code == "model_not_verified"
    bare = guard.look(drafted("", KEY), replace(known, lock=None))
    assert bare is not None
    assert bare.code == "model_not_verified"
    research = guarding(Phase.MATRIX, ManualClock(NOW), here)
    for told, code in ((digest, None), (None, None), ("", "lock_changed"), ("0" * 64, "lock_changed")):
        refusal = research.look(drafted(told), known)
        assert (refusal.code if refusal else None) == code
