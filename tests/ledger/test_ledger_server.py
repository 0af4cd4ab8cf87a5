"""The server: durable before it answers, fair to all, deaf to hostile bytes, strict about who may write."""

import asyncio
import getpass
import sqlite3
import stat
from dataclasses import replace
from typing import Any

import pytest
from ledger_desk import Desk
from ledger_events import GENESIS, completed, event_id, note, requested
from ledger_service import RawLine, Service, until

from peak_console.domain.claims import JobClaim, intent_id_of
from peak_console.domain.errors import ControlRefused, LedgerUnavailable, PeakError, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.jobs import JobKind
from peak_console.ledger.schema import SQLITE_VERSION
from peak_console.ledger.service.privileges import NONCE_VALID_US, Proof, challenge_message
from peak_console.ledger.service.server import BATCH_LIMIT, SESSIONS_LIMIT
from peak_console.ledger.service.session import QUEUE_HIGH
from peak_console.ledger.service.wire import EVENTS_LIMIT, PROTOCOL, draft_to_wire
from peak_console.ledger.verifying.verify import verify

HELLO = {"name": "raw"}


def wire(*drafts: EventDraft) -> list[Any]:
    """Drafts as they travel."""
    return [draft_to_wire(draft) for draft in drafts]


async def test_an_append_is_durable_and_in_order(service: Service) -> None:
    """Acknowledged means committed: another connection reads it; the actor is the login the kernel names."""
    async with await service.client() as client:
        acks = await client.append([note("a"), note("b")])
        with service.desk.reader() as reader:
            events = reader.read(after=1)
    assert [event.event_id for event in events] == [ack.event_id for ack in acks]
    assert {event.actor for event in events} == {getpass.getuser()}


async def test_an_agents_name_only_annotates(service: Service) -> None:
    """The login stays in front of it."""
    async with await service.client(actor="agent:scout") as client:
        await client.append([note()])
    with service.desk.reader() as reader:
        assert reader.latest(1)[0].actor == f"{getpass.getuser()}/agent:scout"


@pytest.mark.parametrize(
    "hello",
    [
        {"client_id": "short"},
        {"client_id": 7},
        {"protocol": "1"},
        {"protocol": None},
        {"actor": "operator:alice"},
        {"actor": "agent:"},
        {"actor": 'agent:x"y'},
        {"actor": 7},
    ],
)
async def test_a_malformed_hello_is_refused(service: Service, hello: dict[str, Any]) -> None:
    """Nobody calls himself an operator in a hello."""
    line = await RawLine(service.socket_path).open()
    await line.send({"op": "hello", "id": 0, "protocol": PROTOCOL, "client_id": "raw_client", **hello})
    assert (await line.receive())["error"]["code"] == "hello_malformed"
    line.close()


async def test_nothing_is_done_before_the_hello(service: Service) -> None:
    """Neither an append nor a question."""
    line = await RawLine(service.socket_path).open()
    for number, operation in enumerate(("append", "status", "challenge"), 1):
        await line.send({"op": operation, "id": number, "events": wire(note())})
        reply = await line.receive()
        assert (reply["id"], reply["error"]["code"]) == (number, "hello_missing")
    line.close()
    assert service.desk.writer.head[0] == 1


@pytest.mark.parametrize(("protocol", "older"), [(PROTOCOL - 1, "this client"), (PROTOCOL + 1, "the node")])
async def test_another_protocol_can_only_read(service: Service, protocol: int, older: str) -> None:
    """It is told so in a clear line, may ask, and its appends are refused."""
    line = await RawLine(service.socket_path).open()
    await line.send({"op": "hello", "id": 0, "protocol": protocol, "client_id": "raw_client"})
    hello = await line.receive()
    assert hello["read_only"] is True
    assert hello["notice"].startswith(older)
    await line.send({"op": "append", "id": 1, "events": wire(note())}, {"op": "status", "id": 2})
    assert (await line.receive())["error"]["code"] == "protocol_mismatch"
    assert (await line.receive())["seq"] == 1
    line.close()


async def test_the_server_says_what_it_is(service: Service) -> None:
    """Protocol, schema, SQLite's version, head; in the hello and in its status."""
    async with await service.client() as client:
        assert client.server["sqlite"] == SQLITE_VERSION
        assert client.server["seq"] == 1
        assert not client.notice
        await client.append([note()])
        status = await client.request("status")
    assert (status["seq"], status["clients"], status["last_error"]) == (2, ["test"], None)
    assert status["head"] == service.desk.writer.head[1]


@pytest.mark.parametrize(
    "kind", ["control.enabled", "phase.changed", "operator.enrolled", "breaker.reset", "never.heard.of"]
)
async def test_a_privileged_kind_needs_an_operators_proof(service: Service, kind: str) -> None:
    """Without one, with a wrong one or somebody else's it is refused; with it the actor is the operator."""
    draft = EventDraft(event_id(), kind, {"reason": "test"})
    async with await service.client() as client:
        with pytest.raises(ControlRefused) as caught:
            await client.append([draft])
        assert caught.value.code == "proof_required"
        for operator, altered in (("alice", "x"), ("mallory", "")):
            nonce = (await client.request("challenge"))["nonce"]
            signature = challenge_message(nonce, draft).decode() + altered
            with pytest.raises(ControlRefused, match="signature"):
                await client.append([draft], Proof(operator, nonce, signature))
        nonce = (await client.request("challenge"))["nonce"]
        proof = Proof("alice", nonce, challenge_message(nonce, draft).decode())
        (ack,) = await client.append([draft], proof)
        with service.desk.reader() as reader:
            event = reader.by_seq(ack.seq)
        assert event is not None
        assert event.actor == f"{getpass.getuser()}/operator:alice"
        # A client that lost the acknowledgement repeats the append; the used challenge does not matter then.
        assert await client.append([draft], proof) == [ack]


async def test_a_challenge_is_answered_once_and_soon(service: Service) -> None:
    """Not twice, not after two minutes, not from another connection, not for another event."""
    first, second = (EventDraft(event_id(), "phase.changed", {"to": one}) for one in ("shadow", "live"))
    async with await service.client() as client, await service.client() as other:
        nonce = (await client.request("challenge"))["nonce"]
        proof = Proof("alice", nonce, challenge_message(nonce, first).decode())
        with pytest.raises(ControlRefused, match="challenge"):
            await other.append([first], proof)
        await client.append([first], proof)
        again = Proof("alice", nonce, challenge_message(nonce, second).decode())
        with pytest.raises(ControlRefused, match="challenge"):
            await client.append([second], again)
        nonce = (await client.request("challenge"))["nonce"]
        with pytest.raises(ControlRefused, match="signature"):
            await client.append([second], Proof("alice", nonce, challenge_message(nonce, first).decode()))
        nonce = (await client.request("challenge"))["nonce"]
        service.desk.clock.advance(NONCE_VALID_US / 1_000_000)
        with pytest.raises(ControlRefused, match="too old"):
            await client.append([second], Proof("alice", nonce, challenge_message(nonce, second).decode()))


async def test_a_proof_covers_one_event_alone(service: Service) -> None:
    """Nothing rides along under an operator's name."""
    draft = EventDraft(event_id(), "phase.changed", {"to": "live"})
    async with await service.client() as client:
        nonce = (await client.request("challenge"))["nonce"]
        with pytest.raises(ControlRefused, match="alone"):
            await client.append(
                [draft, note()], Proof("alice", nonce, challenge_message(nonce, draft).decode())
            )


async def test_agents_and_jobs_never_do_what_needs_an_operator(service: Service) -> None:
    """Not even with an operator's signature."""
    draft = EventDraft(event_id(), "control.enabled", {"scope": "global"})
    for actor in ("agent:scout", "job:nightly"):
        async with await service.client(actor=actor) as client:
            nonce = (await client.request("challenge"))["nonce"]
            with pytest.raises(ControlRefused, match="agent or a job"):
                await client.append([draft], Proof("alice", nonce, challenge_message(nonce, draft).decode()))


@pytest.mark.parametrize(
    "kind", ["node.started", "ledger.recovered", "config.changed", "workspace.initialised", "budget.exceeded"]
)
async def test_the_nodes_own_kinds_are_nobodys(service: Service, kind: str) -> None:
    """No client appends them, with whatever proof; the node itself does."""
    draft = EventDraft(event_id(), kind, {})
    async with await service.client() as client:
        nonce = (await client.request("challenge"))["nonce"]
        proof = Proof("alice", nonce, challenge_message(nonce, draft).decode())
        for given in (None, proof):
            with pytest.raises(ControlRefused) as caught:
                await client.append([draft], given)
            assert caught.value.code == "kind_reserved"


@pytest.mark.parametrize("kind", ["gate.decided", "shadow.cycle.finished", "drift.checked"])
async def test_what_a_jobs_worker_records_needs_its_claim(service: Service, kind: str) -> None:
    """A name is no claim and neither is a signature; the token is one, over a lost line, until it is over."""
    service.claims["right"] = claim = JUDGES if kind == "drift.checked" else CYCLE
    right = recorded(claim, kind)
    for shown in ({}, {"actor": "job:nightly"}, {"claim": "wrong"}):
        draft = EventDraft(event_id(), kind, {})
        async with await service.client(**shown) as client:
            nonce = (await client.request("challenge"))["nonce"]
            proof = Proof("alice", nonce, challenge_message(nonce, draft).decode())
            for given in (None, proof):
                with pytest.raises(ControlRefused) as caught:
                    await client.append([draft], given)
                assert caught.value.code == "kind_reserved"
    async with await service.client(claim="right") as client:
        await client.append([right])
        await service.restart()
        await client.append([replace(right, event_id=event_id())])
        service.claims.clear()
        with pytest.raises(ControlRefused):
            await client.append([replace(right, event_id=event_id())])
        await service.restart()
        with pytest.raises(ControlRefused):
            await client.append([replace(right, event_id=event_id())])


@pytest.mark.parametrize("kind", ["gate.decided", "shadow.cycle.finished", "drift.checked"])
async def test_a_jobs_worker_records_nothing_in_another_runs_name(service: Service, kind: str) -> None:
    """Whose work it was is the claim's to say, not the body's."""
    service.claims["right"] = claim = JUDGES if kind == "drift.checked" else CYCLE
    other = replace(claim, job="hourly", key="hourly@2026-11-23T08:00:00Z")
    async with await service.client(claim="right") as client:
        for draft in (recorded(other, kind), EventDraft(event_id(), kind, {})):
            with pytest.raises(ControlRefused) as caught:
                await client.append([draft])
            assert caught.value.code == "kind_reserved"


async def test_only_a_canary_jobs_worker_puts_gold_cases(service: Service) -> None:
    """Saying so is no claim: without one, or with another job's, the call is not reserved."""
    service.claims.update(judges=JUDGES, cycle=CYCLE)
    body = {"gold_case": True, "asked_layer": "L2", "asked_role": "primary"}
    asked = requested("call_gold")
    asked = replace(asked, layer="L2", role="primary", body={**asked.body, **body})
    for shown in ({}, {"actor": "job:nightly"}, {"claim": "wrong"}, {"claim": "cycle"}):
        async with await service.client(**shown) as client:
            with pytest.raises(ControlRefused) as caught:
                await client.append([asked])
            assert caught.value.code == "kind_reserved"
    async with await service.client(claim="judges") as client:
        (ack,) = await client.append([asked])
        assert ack.refusal is None


KEY = "nightly@2026-11-23T08:00:00Z"
CYCLE = JobClaim("nightly", JobKind.SHADOW_CYCLE, KEY, book="paper")
JUDGES = JobClaim("nightly", JobKind.CANARY, KEY, slots=frozenset({("L2", "primary")}))


def recorded(claim: JobClaim, kind: str) -> EventDraft:
    """What the worker of a claim records."""
    slot = {"layer": "L2", "role": "primary", "provider": "openai", "model_id": "gpt-5"}
    body: dict[str, Any] = {"job": claim.job, "key": claim.key}
    if kind == "drift.checked":
        return EventDraft(event_id(), kind, {**body, **slot, "tier": "canary"}, **slot)
    if kind == "gate.decided":
        return EventDraft(event_id(), kind, {"intent_id": intent_id_of(claim.job, claim.key)})
    return EventDraft(event_id(), kind, {**body, "attempt": claim.attempt, "book": {"name": claim.book}})


async def test_the_node_appends_through_the_same_commits(service: Service) -> None:
    """Its events are acknowledged like any, and its errors reach it."""
    (ack,) = await service.server.append([EventDraft(event_id(), "node.started", {})], actor="root/node")
    assert ack.seq == 2
    with pytest.raises(UsageWrong):
        await service.server.append([EventDraft("ev_second_genesis", GENESIS.kind, {})], actor="root/node")


async def test_stopping_is_open_to_everyone(service: Service) -> None:
    """An agent too."""
    async with await service.client(actor="agent:x") as client:
        await client.append([EventDraft(event_id(), "control.stopped", {"reason": "now"})])


async def test_waiting_clients_share_a_commit(service: Service) -> None:
    """Two hundred appends of ten clients at once take far fewer commits than appends."""
    clients = [await service.client() for _ in range(10)]
    before = service.server.commits
    await asyncio.gather(*(client.append([note()]) for client in clients for _ in range(20)))
    assert service.server.commits - before <= 20
    for client in clients:
        await client.close()
    assert service.desk.writer.head[0] == 201
    assert verify(service.desk.path).ok


async def test_a_flood_does_not_starve_a_single_append(service: Service) -> None:
    """Whoever waits with one append is in the next batch, however many another has queued."""
    flood = await RawLine(service.socket_path).open(**HELLO)
    async with await service.client() as client:
        many = [{"op": "append", "id": number, "events": wire(note())} for number in range(1, 2001)]
        await flood.send(*many)
        (ack,) = await client.append([note("alone")])
    assert ack.seq <= 3 * BATCH_LIMIT
    flood.close()


async def test_a_client_that_does_not_read_is_not_read(service: Service) -> None:
    """Its queue stays bounded; when it reads again everything is answered, once, in order."""
    line = await RawLine(service.socket_path).open(**HELLO)
    total = 4 * QUEUE_HIGH
    sending = asyncio.ensure_future(
        line.send_bytes(b"".join(_one_frame(number) for number in range(1, total + 1)))
    )
    replies = [await line.receive() for _ in range(total)]
    await sending
    assert [reply["id"] for reply in replies] == list(range(1, total + 1))
    assert all("acks" in reply for reply in replies)
    assert service.desk.writer.head[0] == total + 1
    line.close()


def _one_frame(number: int) -> bytes:
    from peak_console.ledger.service.wire import frame  # noqa: PLC0415 - only here

    return frame([{"op": "append", "id": number, "events": wire(note())}])


@pytest.mark.parametrize(
    "hostile",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x03abc",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\x00\x00\x02[]",
    ],
)
async def test_hostile_bytes_end_their_own_line_only(service: Service, hostile: bytes) -> None:
    """The connection is ended with a reason; others go on."""
    async with await service.client() as client:
        line = await RawLine(service.socket_path).open()
        await line.send_bytes(hostile)
        if hostile != b"\x00\x00\x00\x02[]":
            assert (await line.receive())["error"]["code"] == "frame_broken"
            with pytest.raises(EOFError):
                await line.receive()
        line.close()
        await client.append([note()])


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"op": "append", "events": []}, "event_malformed"),
        ({"op": "append", "events": [{}] * (EVENTS_LIMIT + 1)}, "event_malformed"),
        ({"op": "append", "events": "x"}, "event_malformed"),
        ({"op": "append", "events": [7]}, "event_malformed"),
        (
            {"op": "append", "events": [{"event_id": "e", "kind": "run.started", "body": []}]},
            "event_malformed",
        ),
        (
            {"op": "append", "events": [{"event_id": "e", "kind": "run.started", "body": {"x": 1.5}}]},
            "not_canonical",
        ),
        ({"op": "append", "events": [{"event_id": "e", "kind": {}, "body": {}}]}, "event_malformed"),
        (
            {"op": "append", "events": [{"event_id": "e", "kind": "run.started", "run_id": []}]},
            "event_malformed",
        ),
        ({"op": "append", "events": [{}], "proof": {"operator": 1}}, "proof_malformed"),
        ({"op": "drop"}, "unknown_operation"),
        ({"op": {}}, "unknown_operation"),
        ({}, "unknown_operation"),
    ],
)
async def test_a_wrong_request_gets_its_error_and_the_line_goes_on(
    service: Service, message: dict[str, Any], code: str
) -> None:
    """Nothing of it is written."""
    line = await RawLine(service.socket_path).open(**HELLO)
    await line.send({"id": 1, **message}, {"op": "status", "id": 2})
    reply = await line.receive()
    assert (reply["id"], reply["error"]["code"]) == (1, code)
    assert (await line.receive())["seq"] == 1
    line.close()


async def test_a_request_with_one_bad_event_writes_none_of_it(service: Service) -> None:
    """One request is one transaction."""
    async with await service.client() as client:
        with pytest.raises(UsageWrong):
            await client.append([note(), EventDraft("bad id", "run.started")])
    assert service.desk.writer.head[0] == 1


async def test_what_was_sent_before_hanging_up_is_written(service: Service) -> None:
    """A client that ends right after its append has not lost it."""
    line = await RawLine(service.socket_path).open(**HELLO)
    await line.send({"op": "append", "id": 1, "events": wire(note())})
    line.close()
    await until(lambda: service.desk.writer.head[0] == 2)


async def test_the_nodes_operations_are_added(desk: Desk, short_folder: Any) -> None:
    """A handler answers with fields, an error of ours, or a fault that the client hears of."""

    async def echo(message: dict[str, Any], session: Any) -> dict[str, Any]:
        if message["word"] == "refuse":
            raise ControlRefused("no", code="no")
        if message["word"] == "fault":
            raise ZeroDivisionError("oops")
        return {"word": message["word"], "who": session.actor}

    service = await Service(desk, short_folder / "s", {"echo": echo}).start()
    async with await service.client() as client:
        assert (await client.request("echo", word="hi"))["word"] == "hi"
        with pytest.raises(ControlRefused):
            await client.request("echo", word="refuse")
        with pytest.raises(PeakError) as caught:
            await client.request("echo", word="fault")
        assert caught.value.code == "internal"
        await client.append([note()])
    await service.server.close()


async def test_the_socket_is_for_owner_and_group(service: Service) -> None:
    """Nobody else reads or writes it; a stale one is replaced, and the end of the server removes it."""
    assert stat.S_IMODE(service.socket_path.stat().st_mode) == 0o660
    await service.server.close()
    assert not service.socket_path.exists()
    service.socket_path.touch()
    await service.start()
    async with await service.client() as client:
        await client.append([note()])


async def test_there_is_a_limit_to_connections(service: Service) -> None:
    """Beyond it a connection is ended at once; those that are there go on."""
    lines = [
        await RawLine(service.socket_path).open(**HELLO, client_id=f"client_{n:04}")
        for n in range(SESSIONS_LIMIT)
    ]
    extra = await RawLine(service.socket_path).open()
    with pytest.raises((EOFError, ConnectionError)):
        await extra.receive()
    await lines[-1].send({"op": "status", "id": 1})
    assert (await lines[-1].receive())["seq"] == 1
    for line in (*lines, extra):
        line.close()


async def test_a_locked_ledger_is_told_to_the_caller_and_passes(service: Service) -> None:
    """While somebody else holds the file the append fails with its reason; afterwards it works again."""
    service.desk.writer._db.execute("PRAGMA busy_timeout = 0")
    thief = sqlite3.connect(service.desk.path, isolation_level=None)
    thief.execute("BEGIN IMMEDIATE")
    async with await service.client() as client:
        draft = note()
        with pytest.raises(LedgerUnavailable) as caught:
            await client.append([draft])
        assert caught.value.code == "ledger_locked"
        status = await client.request("status")
        assert status["last_error"]["code"] == "ledger_locked"
        thief.execute("ROLLBACK")
        (ack,) = await client.append([draft])
        assert ack.seq == 2
        assert (await client.request("status"))["last_error"] is None
    thief.close()


async def test_closing_writes_what_waits(service: Service) -> None:
    """An append that was read is committed before the server ends."""
    waiting = asyncio.ensure_future(service.server.append([note()], actor="root/node"))
    await asyncio.sleep(0)
    await service.server.close()
    assert (await waiting)[0].seq == 2


# -- callers that were lost


async def open_call(service: Service, call_id: str, **hello: Any) -> RawLine:
    """A client with one reservation."""
    line = await RawLine(service.socket_path).open(**HELLO, **hello)
    await line.send({"op": "append", "id": 1, "events": wire(requested(call_id, bound=100))})
    assert "acks" in await line.receive()
    return line


async def test_a_caller_that_stays_away_is_booked_at_its_bound(service: Service) -> None:
    """After ten seconds, not before; with the reason ``caller_lost``, and only once."""
    line = await open_call(service, "c1")
    line.close()
    await until(lambda: not service.server._sessions)
    service.desk.clock.advance(9.9)
    assert await service.server.sweep() == []
    service.desk.clock.advance(0.2)
    (ack,) = await service.server.sweep()
    with service.desk.reader() as reader:
        event = reader.by_seq(ack.seq)
    assert event is not None
    assert event.body is not None
    assert (event.kind, event.body["reason"], event.body["cost_eur"]) == (
        "llm.call.failed",
        "caller_lost",
        "0.000000100",
    )
    assert event.body["cost_basis"] == "worst_case"
    assert await service.server.sweep() == []


async def test_a_caller_that_comes_back_keeps_its_call(service: Service) -> None:
    """The same client id on a new connection is the same caller; while it stays nothing is booked."""
    line = await open_call(service, "c1")
    line.close()
    await until(lambda: not service.server._sessions)
    service.desk.clock.advance(9)
    back = await RawLine(service.socket_path).open(**HELLO)
    service.desk.clock.advance(60)
    assert await service.server.sweep() == []
    await back.send({"op": "append", "id": 2, "events": wire(completed("c1", cost=5))})
    assert "acks" in await back.receive()
    back.close()
    service.desk.clock.advance(60)
    assert await service.server.sweep() == []


async def test_callers_of_an_earlier_session_have_their_ten_seconds(service: Service) -> None:
    """After a restart of the node open reservations wait for their callers, then are booked."""
    kept, lost = (
        await open_call(service, "c1", client_id="kept_client"),
        await open_call(service, "c2", client_id="lost_client"),
    )
    await service.restart()
    kept.close()
    lost.close()
    back = await RawLine(service.socket_path).open(**HELLO, client_id="kept_client")
    service.desk.clock.advance(11)
    recorded = await service.server.sweep()
    with service.desk.reader() as reader:
        assert [reader.by_seq(ack.seq).call_id for ack in recorded] == ["c2"]  # type: ignore[union-attr]
        assert reader.in_flight() == 1
    back.close()
