"""The child that tells hooks: what each is told, tried again, given up and recorded; over restarts."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from net.loopback_server import Exchange, LoopbackServer

from peak_console.config.incidents import Hook
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeySigner
from peak_console.domain.clock import ManualClock, iso
from peak_console.domain.events import EventDraft
from peak_console.incidents.fold import Incident, Told
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.hookchild import Deliveries, HookTeller
from peak_console.operations.incidents.reading import read_incidents

ID = "inc_20261122_120000_abc123"


@dataclass
class Desk:
    """A ledger, its hooks, and a teller over both on a clock that stands."""

    ws: Workspace
    deliveries: Deliveries
    hooks: tuple[Hook, ...] = ()
    takes: bool = True
    """Whether the node takes events."""
    clock: ManualClock = field(default_factory=ManualClock)
    number: int = 0
    teller: HookTeller | None = None

    def __post_init__(self) -> None:
        self.writer = LedgerWriter(self.ws.ledger, clock=self.clock, projections=[])
        self._write(EventDraft("ev_genesis", "workspace.initialised", {"simulated": True}))
        self.begin()

    def begin(self) -> None:
        """Begin a teller, as after a restart."""
        if self.teller is not None:
            self.teller.close()
        record, hooks = self.record, lambda: self.hooks
        self.teller = HookTeller(self.ws, self.deliveries.begin, record, hooks, self.clock, lambda: 0.5)

    def record(self, draft: EventDraft) -> bool:
        """Append as the node does."""
        if self.takes:
            self._write(draft, "node")
        return self.takes

    def _write(self, draft: EventDraft, actor: str = "test") -> None:
        (done,) = self.writer.append([(draft, actor)])
        assert not isinstance(done, Exception), done

    def add(self, what: str, **body: Any) -> None:
        """Write an event of the incident."""
        self.number += 1
        self._write(EventDraft(f"ev_{self.number}", f"incident.{what}", {"incident_id": ID, **body}))

    async def settled(self, *, step_s: float = 0.5) -> None:
        """Let rounds and time pass until nothing is due any more."""
        assert self.teller is not None
        async with asyncio.timeout(60):
            self.teller.round()
            while not self.teller.idle:
                await asyncio.sleep(0.005)
                self.clock.advance(step_s)
                self.teller.round()

    def incident(self) -> Incident:
        """The incident as the ledger has it."""
        with LedgerReader(self.ws.ledger) as reader:
            return read_incidents(reader)[ID]

    def told(self) -> dict[str, Told]:
        """What became of each hook."""
        return {one.hook: one for one in self.incident().told}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A workspace without hooks."""
    ws = Workspace(tmp_path / "w")
    ws.audits.mkdir(parents=True)
    deliveries = Deliveries(ws, KeySigner(Ed25519PrivateKey.generate()))
    desk = Desk(ws, deliveries)
    yield desk
    if desk.teller is not None:
        desk.teller.close()
    desk.writer.close()
    await asyncio.to_thread(deliveries.close)


def hook(name: str, url: str, **fields: Any) -> Hook:
    """A webhook."""
    return Hook.model_validate({"name": name, "kind": "webhook", "url": url, "timeout_s": 60, **fields})


def serving(answers: dict[str, Callable[[Exchange, int], Any]]) -> LoopbackServer:
    """A server whose answers depend on the path and on how often it was asked for."""
    counts: dict[str, int] = {}

    async def handler(exchange: Exchange) -> None:
        counts[exchange.path] = counts.get(exchange.path, 0) + 1
        await answers[exchange.path](exchange, counts[exchange.path])

    return LoopbackServer(handler)


async def test_each_hook_is_told_tried_again_or_given_up(desk: Desk) -> None:
    """Well; 500 and then well; hanging; redirect, not followed; gone; nobody there; hostile words."""

    def ok(exchange: Exchange, _: int) -> Any:
        return exchange.answer(200, b"{}")

    def flaky(exchange: Exchange, count: int) -> Any:
        return exchange.answer(500 if count == 1 else 204)

    def hang(_: Exchange, __: int) -> Any:
        return asyncio.sleep(60)

    def away(exchange: Exchange, _: int) -> Any:
        return exchange.answer(302, b"", {"location": "/trap"})

    def gone(exchange: Exchange, _: int) -> Any:
        return exchange.answer(410, b"\x1b]0;owned\x07" + b"x" * 5000)

    answers = {"/ok": ok, "/flaky": flaky, "/hang": hang, "/away": away, "/gone": gone, "/trap": ok}
    async with serving(answers) as server:
        desk.hooks = (
            *(hook(name, f"{server.url}/{name}") for name in ("ok", "flaky", "away", "gone")),
            hook("hang", f"{server.url}/hang", tries=1, timeout_s=1),
            hook("nobody", "http://127.0.0.1:9/x", tries=2),
            hook("denied", "http://169.254.169.254/latest", tries=5),
        )
        desk.add("opened", trigger="budget_runaway", cause="layer:L2", summary="12x")
        await desk.settled()
        seen = [exchange.path for exchange in server.seen]
        ids = {one.headers["webhook-id"] for one in server.seen if one.path == "/flaky"}
    told = desk.told()
    assert {name: (one.ok, one.tries) for name, one in told.items()} == {
        "ok": (True, 1),
        "flaky": (True, 2),
        "hang": (False, 1),
        "away": (False, 1),
        "gone": (False, 1),
        "nobody": (False, 2),
        "denied": (False, 1),
    }
    assert "/trap" not in seen
    assert len(ids) == 1
    assert "\x1b" not in told["gone"].detail
    assert len(told["gone"].detail) < 300


async def test_nothing_is_told_twice_and_nothing_is_lost_over_restarts(desk: Desk) -> None:
    """With the node away it waits for the record; a place that is lost changes nothing that is on record."""
    async with serving({"/ok": lambda exchange, _: exchange.answer(200)}) as server:
        desk.hooks = (hook("ok", f"{server.url}/ok"),)
        desk.add("opened", trigger="lapse", cause="node")
        await desk.settled()
        desk.begin()
        await desk.settled()
        (desk.ws.audits / "hooks.json").unlink()
        desk.begin()
        await desk.settled()
        assert len(server.seen) == 1
        desk.takes = False
        desk.add("handed_over", to="ben", note="shift", operator="anna")
        assert desk.teller is not None
        async with asyncio.timeout(60):
            while len(server.seen) < 2:
                desk.teller.round()
                await asyncio.sleep(0.005)
        assert len(desk.incident().told) == 1
        desk.takes = True
        desk.begin()
        await desk.settled()
        said = [json.loads(one.body)["type"] for one in server.seen]
    assert said[:2] == ["incident.opened", "incident.handed_over"]
    assert set(said[2:]) <= {"incident.handed_over"}
    assert [one.about for one in desk.incident().told] == ["incident.opened", "incident.handed_over"]


async def test_a_silence_keeps_hooks_quiet_and_says_so(desk: Desk) -> None:
    """The event stays; that a hook was not told is on record; afterwards it is told once, while open."""
    async with serving({"/ok": lambda exchange, _: exchange.answer(200)}) as server:
        desk.hooks = (hook("ok", f"{server.url}/ok"),)
        desk.add("opened", trigger="lapse", cause="node")
        until = desk.clock.now() + timedelta(hours=1)
        desk.add("silenced", until=iso(until), reason="known", operator="anna")
        await desk.settled()
        assert server.seen == []
        assert [note.what for note in desk.incident().notes] == ["silenced"]
        desk.add("handed_over", to="ben", note="shift", operator="anna")
        await desk.settled()
        assert [note.what for note in desk.incident().notes][2:] == ["not_told"]
        desk.clock.advance(3601)
        for _ in range(2):
            await desk.settled()
        assert [json.loads(one.body)["type"] for one in server.seen] == ["incident.silence_over"]
        desk.add(
            "silenced", until=iso(desk.clock.now() + timedelta(hours=1)), reason="known", operator="anna"
        )
        desk.add("closed", operator="anna", note="over")
        await desk.settled()
        desk.clock.advance(3601)
        await desk.settled()
        assert len(server.seen) == 1


async def test_a_new_hook_begins_with_what_is_open_now(desk: Desk) -> None:
    """One that is named later, too: nothing closed, nothing silent, nothing that it was told already."""
    async with serving({path: lambda one, _: one.answer(200) for path in ("/a", "/b")}) as server:
        ids = {name: ID.replace("abc", name) for name in ("opn", "sil", "cls")}
        for name in ids.values():
            desk.add("opened", trigger="lapse", cause=name, incident_id=name)
        until = iso(desk.clock.now() + timedelta(hours=1))
        desk.add("silenced", until=until, reason="known", operator="anna", incident_id=ids["sil"])
        desk.add("closed", operator="anna", note="over", incident_id=ids["cls"])
        desk.hooks = (hook("a", f"{server.url}/a"),)
        await desk.settled()
        desk.hooks = (*desk.hooks, hook("b", f"{server.url}/b"))
        await desk.settled()
        said = [(one.path, json.loads(one.body)["data"]["incident_id"]) for one in server.seen]
    assert said == [("/a", ids["opn"]), ("/b", ids["opn"])]


async def test_a_first_start_tells_of_nothing_old(desk: Desk) -> None:
    """An incident of two hours ago is not news; one that was opened just before this process began is."""
    desk.add("opened", trigger="lapse", cause="node")
    desk.clock.advance(7200)
    async with serving({"/ok": lambda exchange, _: exchange.answer(200)}) as server:
        desk.hooks = (hook("ok", f"{server.url}/ok"),)
        await desk.settled()
        assert server.seen == []
        (desk.ws.audits / "hooks.json").unlink()
        desk.add("opened", trigger="lapse", cause="again", incident_id=ID.replace("abc", "abd"))
        desk.clock.advance(60)
        desk.begin()
        await desk.settled()
        assert [json.loads(one.body)["data"]["cause"] for one in server.seen] == ["again"]
