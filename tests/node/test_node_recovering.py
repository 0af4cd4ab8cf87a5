"""After a broken ledger: what is proven is kept, nothing dangerous forgotten, and the way on is open."""

import asyncio
import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from node_calls import failed, requested
from node_world import World, node_here, sign

from peak_console.budget.limits import BudgetLimits
from peak_console.config.load import ConfigCache
from peak_console.control.breakers import Latches
from peak_console.control.keys import KeyStore, verify_proof
from peak_console.domain.clock import SystemClock, iso, unix_us
from peak_console.domain.errors import ControlRefused, EnvironmentUnfit, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.ledgering import Ack
from peak_console.domain.posture import PostureState
from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.notes import Checkpoint
from peak_console.ledger.keeping.pruning import PRUNABLE, Pruning, RangeDigest
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.privileges import Proof, challenge_message
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.arm_record import lockout_left_us
from peak_console.node.carrying import NAMED, lowered_over, names_of
from peak_console.node.facts import Facts
from peak_console.node.recovering import recover_ledger
from peak_console.node.recovery import Recovery
from peak_console.node.salvage_folder import RECORD_FILE, keep_old, make_folder
from peak_console.operations.operators import enrolled_keys
from peak_console.policy.breaker import BreakerRules


def limits_of(world: World) -> BudgetLimits:
    """The workspace's limits."""
    return ConfigCache(world.ws).current().budgets.limits


def write(world: World, *drafts: EventDraft) -> None:
    """Append as a node does, without one."""
    clock, limits = SystemClock(), limits_of(world)
    projections = (Rollups(), Breakers(BreakerRules), Reservations(lambda: limits, clock=clock))
    with LedgerWriter(world.ws.ledger, clock=clock, projections=projections) as writer:
        results = writer.append([(draft, "node") for draft in drafts])
    assert all(isinstance(one, Ack) for one in results), results


def spend(world: World, calls: int = 40) -> None:
    """Calls that stand at their bounds of a euro each, every tenth still open."""
    drafts = []
    for number in range(calls):
        drafts.append(requested(f"c{number}", "1.000000000"))
        if number % 10 != 9:
            told = failed(f"c{number}", cost_eur="1.000000000", basis="worst_case", model_id=f"m{number}")
            drafts.append(told)
    write(world, *drafts)


def event(kind: EventKind, **body: object) -> EventDraft:
    """An event of any kind."""
    return EventDraft(new_event_id(os.urandom), kind.value, body)


def tamper(world: World, *statements: str) -> None:
    """Change the database behind the ledger's back."""
    db = sqlite3.connect(world.ws.ledger)
    for trigger in ("ledger_no_update", "ledger_no_delete", "body_no_update", "body_no_delete"):
        db.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def overwrite(world: World, begin: float, count: int) -> None:
    """Random bytes from a share of the file on."""
    size = world.ws.ledger.stat().st_size
    with world.ws.ledger.open("r+b") as file:
        file.seek(int(size * begin))
        file.write(os.urandom(min(count, size - int(size * begin))))


def recover(world: World, **options: object) -> Recovery:
    """``peak ledger recover``."""
    return recover_ledger(world.ws, **{"reason": "test", "operator": "anna", **options})  # type: ignore[arg-type]


def spent_today(world: World) -> int:
    """Nano-EUR against the day's budget, spent or reserved."""
    with LedgerReader(world.ws.ledger) as reader:
        return sum(
            row.spent_cost + row.reserved_cost for row in reader.budgets() if row.key.startswith("day:")
        )


def zero_header(world: World) -> None:
    """A header of nothing."""
    with world.ws.ledger.open("r+b") as file:
        file.write(bytes(100))


def zero_page(world: World) -> None:
    """A first page of nothing."""
    with world.ws.ledger.open("r+b") as file:
        file.write(bytes(4096))


def edit_row(world: World) -> None:
    """One row changed."""
    tamper(world, "UPDATE ledger SET actor = 'mallory' WHERE seq = 30")


def delete_tail(world: World) -> None:
    """The last rows gone."""
    tamper(world, "DELETE FROM ledger WHERE seq > 30", "DELETE FROM body WHERE seq > 30")


def truncate_file(world: World) -> None:
    """Half a file."""
    os.truncate(world.ws.ledger, world.ws.ledger.stat().st_size // 2)


def damage_pages(world: World) -> None:
    """Random pages in the middle."""
    overwrite(world, 0.5, 3 * 4096)


def wrong_figures(world: World) -> None:
    """Figures that no event made."""
    tamper(world, "UPDATE rollup SET calls = calls + 1")


@pytest.mark.parametrize(
    ("damage", "least", "most"),
    [
        (edit_row, 29, 29),
        (delete_tail, 30, 30),
        (truncate_file, 0, 10_000),
        (damage_pages, 0, 10_000),
        (zero_header, 70, 10_000),
        (zero_page, 70, 10_000),
        (wrong_figures, 70, 10_000),
    ],
)
def test_what_can_be_proven_is_kept(
    world: World, damage: Callable[[World], None], least: int, most: int
) -> None:
    """The prefix verifies as a ledger of its own, the old file is kept as it was, the new ledger verifies."""
    spend(world)
    signed, spent = sign(world), spent_today(world)
    before = world.events()
    damage(world)
    broken = world.ws.ledger.read_bytes()
    done = recover(world)
    assert least <= done.proven <= min(most, len(before))
    assert done.known >= signed
    assert done.lost == done.known - done.proven
    assert (done.folder / "ledger.db").read_bytes() == broken
    assert verify(world.ws.ledger).ok
    if done.proven_file is not None:
        found = verify(done.proven_file)
        assert (found.ok, found.events, found.head) == (True, done.proven, before[done.proven - 1].hash)
    genesis = world.events()[0]
    assert genesis.kind == EventKind.WORKSPACE_INITIALISED
    recovered = (genesis.body or {})["recovered"]
    assert (recovered["proven_seq"], recovered["proven_head"]) == (done.proven, done.proven_head)
    assert recovered["old_seq"] == done.known
    assert recovered["checkpoint"]["size"] == signed
    assert enrolled_keys(world.ws).keys() == {"anna"}
    assert world.posture().state is not PostureState.DISARMED
    assert not world.calls()
    left = {path.name for path in done.folder.iterdir()}
    assert left <= {"ledger.db", "ledger.db-wal", "ledger.db-shm", "proven.db", RECORD_FILE}
    if done.spend_known:
        assert spent_today(world) == spent


async def test_the_way_on_is_open(world: World) -> None:
    """STOPPED by a stop that stands; an operator enables, calls are possible, and it stays verified."""
    spend(world, 5)
    edit_first = "UPDATE ledger SET actor = 'mallory' WHERE seq = 4"
    tamper(world, edit_first)
    done = recover(world)
    async with node_here(world) as node:
        assert world.posture().state is PostureState.STOPPED
        assert "stop_present" in world.posture().reasons
        await asyncio.to_thread(world.enable, node.socket_path)
        assert world.calls()
    assert verify(world.ws.ledger).ok
    assert [one for one in world.kinds() if one == EventKind.CONTROL_STOPPED] == [EventKind.CONTROL_STOPPED]
    assert done.stop_id in str([one.body for one in world.events()])


async def test_the_cooldown_holds_after_a_recovery(world: World) -> None:
    """A recovery is no way around the cooldown of a stop."""
    zero_page(world)
    recover(world, phase="bootstrap")
    world.set_control(cooldown_s=300)
    async with node_here(world) as node:
        with pytest.raises(PeakError) as caught:
            await asyncio.to_thread(world.enable, node.socket_path)
    assert caught.value.code == "cooldown"


def test_spend_is_not_forgotten(world: World) -> None:
    """Day, month, phase and run keep what was spent or reserved; the verifier's figures begin at nothing."""
    spend(world, 20)
    write(world, EventDraft("ev_own", "run.started", {"limits": {"max_cost_eur": "25"}}, run_id="r1"))
    with LedgerReader(world.ws.ledger) as reader:
        before = {row.key: row for row in reader.budgets()}
    tamper(world, "UPDATE ledger SET actor = 'mallory' WHERE seq = 10")
    done = recover(world)
    assert done.spend_known
    with LedgerReader(world.ws.ledger) as reader:
        after = {row.key: row for row in reader.budgets()}
        own = reader.run_limits()
    for key, row in before.items():
        now = after["phase:genesis" if key.startswith("phase:") else key]
        assert now.spent_cost == row.spent_cost + row.reserved_cost, key
        assert now.reserved_cost == 0
        assert now.spent_calls == row.spent_calls + row.reserved_calls
    assert own["r1"].max_cost == 25 * 10**9
    assert verify(world.ws.ledger).ok


def test_finished_runs_and_past_days_are_left_behind(world: World) -> None:
    """Only what may still bind a call is carried."""
    spend(world, 3)
    write(world, EventDraft("ev_end", "run.finished", {}, run_id="r1"))
    tamper(
        world,
        "INSERT INTO budget_counter VALUES ('day:2020-01-01', '', 5, 5, 5, 0, 0, 0, '[]')",
        "UPDATE ledger SET actor = 'mallory' WHERE seq = 3",
    )
    recover(world)
    with LedgerReader(world.ws.ledger) as reader:
        keys = {row.key.partition(":")[0] for row in reader.budgets()}
        assert not [row for row in reader.budgets() if "2020" in row.key]
    assert keys == {"day", "month", "phase"}


def test_a_latched_breaker_stays_latched(world: World) -> None:
    """A bill above its bound closed a model; a broken ledger does not open it."""
    told = failed("c1", cost_eur="9.000000000", basis="usage")
    write(world, requested("c1", "1.000000000"), told)
    tamper(world, "UPDATE rollup SET calls = 77")
    recover(world)
    with LedgerReader(world.ws.ledger) as reader:
        (latched,) = [row for row in reader.breakers() if row.latched]
    assert (latched.provider, latched.model_id) == ("openai", "gpt-5")
    assert verify(world.ws.ledger).ok


def test_what_was_lowered_stays_lowered(world: World) -> None:
    """Scope stops, reduce, quarantines and latches are carried; what was provably lifted is not."""
    trip = {"breaker": "burn", "scope": "layer:L3", "figures": {"factor": "14"}, "reason": "x"}
    write(
        world,
        EventDraft("ev_s1", "control.stopped", {"scope": "layer:L1", "stop_id": "s1", "reason": "odd"}),
        EventDraft("ev_s2", "control.stopped", {"scope": "layer:L2", "stop_id": "s2"}),
        EventDraft("ev_e2", "control.enabled", {"scope": "layer:L2", "operator": "anna"}),
        EventDraft("ev_t1", "breaker.tripped", trip),
        EventDraft("ev_t2", "breaker.tripped", {**trip, "breaker": "critic", "scope": "layer:L4"}),
        EventDraft("ev_r2", "breaker.reset", {"breaker": "critic", "scope": "layer:L4"}),
        EventDraft("ev_q1", "model.quarantined", {"provider": "openai", "model_id": "gpt-5"}),
        EventDraft("ev_d", "control.stopped", {"scope": "drill:x", "stop_id": "d"}),
    )
    write(
        world,
        EventDraft("ev_x", "ledger.note", {}),
        EventDraft("ev_r", "control.reduced", {"on": True, "stop_id": "r1"}),
        EventDraft("ev_s3", "control.stopped", {"scope": "venue:x", "stop_id": "s3", "reason": "\x1b[2J"}),
        EventDraft("ev_e1", "control.enabled", {"scope": "layer:L1", "operator": "mallory"}),
    )
    tamper(world, "UPDATE ledger SET actor = 'mallory' WHERE event_id = 'ev_x'")
    recover(world)
    facts, latches = Facts(), Latches()
    for one in world.events():
        facts._take(one.kind, one.event_id, one.ts, 0, one.body or {})
        latches = latches.after(one.kind, one.body or {}, one.ts, one.seq)
    assert sorted(facts.lowered.scopes) == ["layer:L1", "venue:x"], "nobody proves the lift of layer:L1"
    assert facts.lowered.reduce is not None
    assert facts.lowered.scopes["layer:L1"].reason == "kept over a recovery: odd"
    assert facts.quarantined == {"openai:gpt-5"}
    assert [(one.kind.value, one.scope) for one in latches.latched()] == [("burn", "layer:L3")]
    told = next(one.body for one in world.events() if one.kind == "ledger.recovered")
    assert told is not None
    assert len(told["lowered"]) == 5
    assert verify(world.ws.ledger).ok


def test_nothing_lowered_is_cut(world: World) -> None:
    """However many stops of runs there are, the latch, the quarantine and every stop are carried."""
    stops = [event(EventKind.CONTROL_STOPPED, scope=f"run:r{n}", stop_id=f"s{n}") for n in range(300)]
    trip = {"breaker": "burn", "scope": "layer:L3", "reason": "x"}
    last = {"provider": "openai", "model_id": "gpt-5"}
    write(world, *stops, event(EventKind.BREAKER_TRIPPED, **trip), event(EventKind.MODEL_QUARANTINED, **last))
    carried = lowered_over(world.ws.ledger, None, Facts(), 0, SystemClock())
    kinds = Counter(one.kind for one in carried)
    assert (kinds["control.stopped"], kinds["model.quarantined"]) == (300, 1)
    assert carried[0].kind == "breaker.tripped"
    assert len(names_of(carried)) == NAMED + 1
    assert names_of(carried)[-1] == "and 46 more"
    tamper(world, "UPDATE rollup SET calls = 77")
    recover(world)
    assert Counter(world.kinds())["control.stopped"] == 301


def test_open_incidents_and_a_lockout_are_carried(world: World) -> None:
    """What was provably closed stays closed; an unproven close closes nothing; arming stays locked."""
    until = iso(SystemClock().now() + timedelta(seconds=400))
    lockout = {"why": "tries_used_up", "boot_id": "before", "locked_until": until, "locked_until_us": 1}
    opened = {"trigger": "budget_runaway", "cause": "L3", "scope": "layer:L3", "summary": "too fast"}
    figures = {"n": 7, "factor": "14"}
    write(
        world,
        EventDraft("ev_l", "control.arm.refused", lockout),
        EventDraft("ev_o1", "incident.opened", {**opened, "incident_id": "inc_1", "auto": "stop"}),
        EventDraft("ev_o2", "incident.opened", {**opened, "incident_id": "inc_2", "figures": figures}),
        EventDraft("ev_o3", "incident.opened", {"incident_id": "inc_3", "trigger": "test"}),
        EventDraft("ev_c1", "incident.closed", {"incident_id": "inc_1"}),
    )
    write(
        world,
        EventDraft("ev_x", "ledger.note", {}),
        EventDraft("ev_c2", "incident.closed", {"incident_id": "inc_2"}),
        EventDraft("ev_o4", "incident.opened", {**opened, "incident_id": "inc_4"}),
        EventDraft("ev_l2", "control.arm.refused", {**lockout, "locked_until": "2020-01-01T00:00:00Z"}),
    )
    tamper(world, "UPDATE ledger SET actor = 'mallory' WHERE event_id = 'ev_x'")
    recover(world)
    found = {
        str((one.body or {})["incident_id"]): one.body or {}
        for one in world.events()
        if one.kind == "incident.opened"
    }
    assert sorted(found) == ["inc_2", "inc_4"]
    told = found["inc_2"]
    assert (told["trigger"], told["cause"], told["scope"]) == ("budget_runaway", "L3", "layer:L3")
    assert (told["note"], told["auto"]) == ("carried over a recovery", "none")
    assert told["figures"] == {"n": "7", "factor": "14"}
    (refused,) = (one for one in world.events() if one.kind == "control.arm.refused")
    left_us = lockout_left_us(refused.body or {}, "", 0, unix_us(SystemClock().now()))
    assert 300 * 10**6 < left_us <= 400 * 10**6
    assert verify(world.ws.ledger).ok


def test_the_operator_signs_the_new_genesis(world: World) -> None:
    """Anybody can check it by the body of ``ledger.recovered``, the genesis and the enrolled key."""
    edit_first = "UPDATE ledger SET actor = 'mallory' WHERE seq = 2"
    tamper(world, edit_first)
    recover(world, reason="the disk lied")
    genesis, *rest = world.events()
    (last,) = [one for one in rest if one.kind == EventKind.LEDGER_RECOVERED]
    body = last.body or {}
    assert (body["reason"], body["operator"]) == ("the disk lied", "anna")
    draft = EventDraft(genesis.event_id, genesis.kind, dict(genesis.body or {}))
    proof = Proof("anna", body["proof"]["nonce"], body["proof"]["signature"])
    key = enrolled_keys(world.ws)["anna"]
    assert verify_proof(key, proof, challenge_message(proof.nonce, draft))
    forged = EventDraft(genesis.event_id, genesis.kind, {**(genesis.body or {}), "reason": "another"})
    assert not verify_proof(key, proof, challenge_message(proof.nonce, forged))


def test_a_foreign_operator_may_not(world: World) -> None:
    """A key that the saved part does not know recovers nothing, and leaves everything as it was."""
    write(world, event(EventKind.CONFIG_CHANGED, file="x"))
    KeyStore(world.ws.keys).create("mallory")
    tamper(world, "UPDATE ledger SET actor = 'mallory' WHERE seq = 3")
    tampered = world.ws.ledger.read_bytes()
    assert recover_refused(world, operator="mallory").code == "operator_unknown"
    assert world.ws.ledger.read_bytes() == tampered
    assert not list((world.ws.audits / "salvaged").glob("*"))
    assert not (world.ws.control / "STOP").exists()


def test_key_files_count_where_no_enrolment_was_saved(world: World) -> None:
    """A ledger broken at its very beginning is no dead end; the record says what is relied on."""
    tamper(world, "UPDATE ledger SET actor = 'mallory' WHERE seq = 2")
    assert recover(world).operators == ("anna",)
    (told,) = [one.body or {} for one in world.events() if one.kind == EventKind.LEDGER_RECOVERED]
    assert told["operators_from"] == "configs/keys"


def recover_refused(world: World, **options: object) -> PeakError:
    """Why it is not recovered."""
    with pytest.raises(PeakError) as caught:
        recover(world, **options)
    assert caught.value.remedy
    return caught.value


def test_a_removed_operator_does_not_come_back(world: World) -> None:
    """Who was removed after the last proven event has no key file any more."""
    bert = KeyStore(world.ws.keys).create("bert")
    write(world, event(EventKind.OPERATOR_ENROLLED, operator="bert", public_key=bert, by="anna"))
    write(world, event(EventKind.OPERATOR_REMOVED, operator="bert", reason="left", by="anna"))
    (world.ws.keys / "bert.pub").unlink()
    tamper(world, "UPDATE ledger SET actor = 'mallory' WHERE seq = 4")
    done = recover(world)
    assert done.operators == ("anna",)
    assert any(one.startswith("bert:") for one in done.left_out)


def test_the_phase_is_kept(world: World) -> None:
    """By the saved part, and by an unproven word after it where that is stricter."""
    write(world, event(EventKind.PHASE_CHANGED, **{"from": "bootstrap", "to": "matrix"}))
    write(world, event(EventKind.PHASE_CHANGED, **{"from": "matrix", "to": "testnet"}))
    tamper(world, "UPDATE ledger SET actor = 'mallory' WHERE seq = 4")
    refused = recover_refused(world, phase="matrix")
    assert refused.code == "phase_laxer"
    done = recover(world)
    assert (done.phase, done.phase_from) == ("testnet", "ledger")


def test_an_unknown_phase_is_the_strictest(world: World) -> None:
    """Unless the operator names it."""
    sign(world)
    world.ws.ledger.unlink()
    done = recover(world)
    assert (done.phase, done.phase_from, done.proven) == ("live", "unknown", 0)
    world.ws.ledger.write_bytes(b"no database")
    again = recover(world, phase="foundation")
    assert (again.phase, again.phase_from) == ("foundation", "operator")


def test_a_rewritten_chain_is_cut_where_it_was_signed(world: World) -> None:
    """Events that only the chain holds up do not count where a signed head says otherwise."""
    signed = sign(world)
    spend(world, 5)
    twice = sign(world)
    head = CheckpointFiles(world.ws.checkpoints).newest()
    assert head is not None
    assert head.checkpoint is not None
    signer = KeyStore(world.ws.keys).signer()
    other = Checkpoint(head.checkpoint.origin, twice, b"x" * 32).signed(signer)
    CheckpointFiles(world.ws.checkpoints).append(other, SystemClock().now())
    done = recover(world, force=True)
    assert done.proven == signed
    assert done.known == twice


def prune_calls(world: World, upto: int) -> None:
    """Drop the bodies of calls up to a place, as retention does, on the word of an event."""
    clock, before = SystemClock(), iso(SystemClock().now() + timedelta(days=1))
    digest = RangeDigest()
    for one in world.events()[:upto]:
        if one.kind in PRUNABLE:
            digest.add(one.seq, one.body_sha256)
    told = {"events": digest.events, "digest": digest.hexdigest(), "reason": "age", "operator": "anna"}
    body = {"before": before, "upto_seq": upto, "kinds": list(PRUNABLE), **told}
    with LedgerWriter(world.ws.ledger, clock=clock, projections=(Pruning(lambda: 0, clock=clock),)) as writer:
        (said,) = writer.append([(event(EventKind.LEDGER_PRUNED, **body), "node")])
    assert isinstance(said, Ack)
    tamper(
        world,
        "UPDATE pruned_range SET done_seq = upto_seq",
        "DELETE FROM body WHERE seq IN (SELECT l.seq FROM ledger l, pruned_range p"
        " WHERE l.seq <= p.upto_seq AND l.kind LIKE 'llm.%')",
    )


@pytest.mark.parametrize("proven_word", [True, False])
def test_bodies_that_only_a_lost_event_excuses_are_told(world: World, *, proven_word: bool) -> None:
    """With the event of the retention saved the prefix verifies; without it the result says why not."""
    spend(world, 8)
    prune_calls(world, 12)
    write(world, event(EventKind.CONFIG_CHANGED, file="x"))
    gone = [one.seq for one in world.events() if one.body is None]
    last = "UPDATE ledger SET actor = 'mallory' WHERE seq = (SELECT max(seq) FROM ledger)"
    tamper(world, last if proven_word else "UPDATE ledger SET actor = 'mallory' WHERE seq = 15")
    done = recover(world)
    assert done.proven_file is not None
    found, told = verify(done.proven_file), world.events()[0].body or {}
    if proven_word:
        assert (found.ok, done.bodiless, "bodiless" in told["recovered"]) == (True, None, False)
        return
    assert done.bodiless is not None
    assert (found.broken_how, found.broken_seq) == ("deleted_body", done.bodiless.first)
    assert (done.bodiless.events, done.bodiless.first, done.bodiless.last) == (len(gone), gone[0], gone[-1])
    assert told["recovered"]["bodiless"] == done.as_json()["saved"]["bodiless"] == done.bodiless.as_json()


def test_a_sound_ledger_is_not_recovered(world: World) -> None:
    """Unless it is wanted all the same."""
    assert recover_refused(world).code == "nothing_to_recover"
    assert recover(world, force=True).proven == 2


def test_a_workspace_that_never_had_a_ledger(world: World) -> None:
    """Has nothing to recover; it is begun."""
    world.ws.ledger.unlink()
    assert recover_refused(world).code == "nothing_to_recover"


def test_a_reason_is_needed(world: World) -> None:
    """Told as a wrong use."""
    assert isinstance(recover_refused(world, reason=" "), UsageWrong)


async def test_not_beside_a_node(world: World) -> None:
    """Refused with what ends it; the ledger is left alone."""
    async with node_here(world):
        refused = recover_refused(world, force=True)
        assert isinstance(refused, EnvironmentUnfit)
        assert (refused.code, refused.remedy) == ("node_running", "end it first: peak node stop")


async def test_a_deleted_ledger_is_not_a_new_workspace(world: World) -> None:
    """Where heads are signed no node begins anew: not for a missing file, not for an empty one."""
    sign(world)
    world.ws.ledger.unlink()
    for _ in range(2):
        with pytest.raises(EnvironmentUnfit) as caught:
            async with node_here(world):
                pass
        assert caught.value.code == "ledger_missing"
        assert "peak ledger recover" in caught.value.remedy
        world.ws.ledger.touch()
    recover(world, phase="bootstrap")
    async with node_here(world) as node:
        assert world.posture().state is PostureState.STOPPED
        await asyncio.to_thread(world.enable, node.socket_path)
        assert world.calls()


def test_a_death_in_the_middle_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the old log is gone and before the new file stands: the log is put back, and all is salvaged."""
    db = sqlite3.connect(world.ws.ledger)  # keeps the log from being folded in
    db.execute("SELECT count(*) FROM ledger").fetchone()
    spend(world, 5)
    events = len(world.events())
    log = world.ws.ledger.with_name("ledger.db-wal")
    assert log.stat().st_size
    folder = make_folder(world.ws, SystemClock().now())
    keep_old(world.ws, folder)
    log.unlink()
    world.ws.ledger.with_name("ledger.db-shm").unlink()
    done = recover(world, force=True)
    db.close()
    assert done.proven == events


def test_a_recovery_that_fails_leaves_the_old_ledger(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong before the last rename: the broken file is where it was; it is tried again."""
    spend(world, 5)
    tamper(world, "UPDATE ledger SET actor = 'mallory' WHERE seq = 5")
    broken = world.ws.ledger.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("peak_console.node.recovering.put_in_place", fail)
        with pytest.raises(EnvironmentUnfit) as caught:
            recover(world)
    assert caught.value.code == "workspace_unwritable"
    assert world.ws.ledger.read_bytes() == broken
    assert (world.ws.control / "STOP").exists()
    assert recover(world).proven == 4


def test_two_recoveries_name_each_other(world: World, tmp_path: Path) -> None:
    """A second recovery keeps the first's record, and names every log before it."""
    sign(world)
    first = recover(world, force=True)
    sign(world)
    second = recover(world, force=True)
    recovered = (world.events()[0].body or {})["recovered"]
    assert len(recovered["origins"]) == 2
    assert first.folder != second.folder
    assert (first.folder / RECORD_FILE).exists()
    assert verify(world.ws.ledger).ok


def test_only_who_holds_a_key_recovers(world: World, tmp_path: Path) -> None:
    """Without a private key nothing is signed, so nothing is recovered."""
    zero_page(world)
    with pytest.raises(ControlRefused) as caught:
        recover_ledger(world.ws, reason="x", environ={"PEAK_KEYS_DIR": str(tmp_path / "nobody")})
    assert caught.value.code == "no_operator_key"
