"""What the tests of the road are built from."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import orjson
from loopback_server import Exchange, Handler
from wire_shapes import chat, gemini

from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control import lease as leases
from peak_console.control.boot import boot_id
from peak_console.control.files import encode
from peak_console.control.lease import BreakerOpen, Lease
from peak_console.domain.calls import CallLimits, CallRequest, Message
from peak_console.domain.clock import SystemClock, unix_us
from peak_console.domain.events import EventDraft, EventKind, LedgerEvent
from peak_console.domain.posture import Orders, PostureState
from peak_console.domain.vocabulary import Layer, Role
from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.ledger.service.server import LedgerServer
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter
from peak_console.llm.attempting import RetryRule
from peak_console.llm.client import Client
from peak_console.policy.breaker import BreakerRules

KEY = "sk-canary-openai-0123456789"
GOOGLE_KEY = "canary-google-0123456789"
LEDGER_S = 30.0
"""Within which the ledger must answer."""

QUICK = RetryRule(attempts=3, first_wait_s=0.02, longest_wait_s=0.1)

MATRIX = (
    """
[global]
forbidden_providers = ["anthropic"]
forbidden_model_prefixes = ["claude-"]
allowed_providers = ["openai", "google"]
"""
    + "".join(
        f"""
[{layer}.primary]
provider = "openai"
model_id = "{primary}"
timeout_s = 30
max_output_tokens = 1000
[{layer}.fallback]
provider = "google"
model_id = "gemini-2.5-flash"
timeout_s = 30
max_output_tokens = 1000
"""
        for layer, primary in (("L0", "gpt-5-nano"), ("L2", "gpt-5-mini"), ("L3", "gpt-5.2"))
    )
    + """
[L2.critic]
provider = "openai"
model_id = "gpt-5.2"
[L3.critic]
service = "L4"
[L1.primary]
provider = "openai"
model_id = "o3-deep-research"
[L1.fallback]
provider = "openai"
model_id = "gpt-5.2"
[L4.primary]
provider = "openai"
model_id = "gpt-5-nano"
"""
)

_MODEL = """
[[model]]
provider = "{0}"
model_id = "{1}"
family = "{2}"
allowed = true
endpoint = "{3}"
context_tokens = 400000
max_output_tokens = 128000
refuses = [{4}]
"""

MODELS = "".join(
    _MODEL.format(*row)
    for row in (
        ("openai", "gpt-5-nano", "gpt-5", "chat", '"temperature"'),
        ("openai", "gpt-5-mini", "gpt-5", "chat", '"temperature"'),
        ("openai", "gpt-5.2", "gpt-5.2", "chat", ""),
        ("openai", "o3-deep-research", "o3", "converse", ""),  # an endpoint that OpenAI does not have
        ("google", "gemini-2.5-flash", "gemini-2.5", "generate_content", ""),
    )
)

_PRICE = """
[[price]]
provider = "{0}"
model_id = "{1}"
input_usd_per_mtok = {2}
cache_read_usd_per_mtok = {3}
output_usd_per_mtok = {4}
source = "test"
as_of = 2026-01-01
valid_from = 2026-01-01
"""

PRICES = "".join(
    _PRICE.format(*row)
    for row in (
        ("openai", "gpt-5-nano", "0.05", "0.005", "0.40"),
        ("openai", "gpt-5-mini", "0.25", "0.025", "2.00"),
        ("openai", "gpt-5.2", "1.75", "0.175", "14.00"),
        ("openai", "o3-deep-research", "10.0", "2.5", "40.0"),
        ("google", "gemini-2.5-flash", "0.30", "0.03", "2.50"),
    )
)

BUDGETS = """
timezone = "Europe/Berlin"
[currency]
eur_per_usd = 0.90
as_of = 2026-11-01
[run]
max_cost_eur = 100.0
[day]
max_cost_eur = 1000.0
"""


SCOPE = """
[scope]
layer_id = "{0}"
autonomy_level = "PROP"
[tooling]
allowed = ["files", "web"]
[tooling.kinds]
quote = "files"
lookup = "files"
rm_rf = "files"
"""


def write_workspace(
    root: Any, *, matrix: str = MATRIX, models: str = MODELS, budgets: str = BUDGETS
) -> Workspace:
    """A workspace's files, without control files: nothing is permitted yet."""
    ws = Workspace(root)
    ws.ai.mkdir(parents=True)
    ws.control.mkdir(parents=True)
    ws.matrix.write_text(matrix)
    ws.models.write_text(models)
    ws.prices.write_text(PRICES)
    ws.budgets.write_text(budgets)
    ws.scopes.mkdir()
    for layer in ("L0", "L1", "L2", "L3", "L4"):
        (ws.scopes / f"{layer}.toml").write_text(SCOPE.format(layer))
    return ws


def answering(openai: bytes | None = None, google: bytes | None = None) -> Handler:
    """A handler under which both providers answer."""

    async def handler(exchange: Exchange) -> None:
        if "generateContent" in exchange.path:
            await exchange.answer(200, google or gemini())
        else:
            asked = orjson.loads(exchange.body)["model"]
            await exchange.answer(200, openai or chat(model=asked + "-2025-08-07"), {"x-request-id": "req_1"})

    return handler


def failing(
    status: int, body: bytes = b"{}", headers: dict[str, str] | None = None, *, times: int = 10**6
) -> Handler:
    """A handler under which openai fails ``times`` times with this response, and google answers."""
    left = [times]
    good = answering()

    async def handler(exchange: Exchange) -> None:
        if "generateContent" in exchange.path or left[0] <= 0:
            await good(exchange)
            return
        left[0] -= 1
        await exchange.answer(status, body, headers)

    return handler


def openai_first(first: Handler) -> Handler:
    """A handler under which ``first`` serves openai, and google answers."""
    good = answering()

    async def handler(exchange: Exchange) -> None:
        await (good if "generateContent" in exchange.path else first)(exchange)

    return handler


def asking(
    text: str = "How is the market?", layer: Layer = Layer.L2, role: Role = Role.PRIMARY, **more: Any
) -> CallRequest:
    """A small request."""
    limits = CallLimits(
        max_output_tokens=more.pop("max_output_tokens", 100), timeout_s=more.pop("timeout_s", None)
    )
    return CallRequest(
        layer=layer, role=role, messages=(Message(role="user", content=text),), limits=limits, **more
    )


class Permit:
    """Writes what permits calls, and keeps the lease fresh, as the node does."""

    def __init__(self, ws: Workspace, *, simulated: bool = False, phase: str = "foundation") -> None:
        self._ws = ws
        self._clock = SystemClock()
        self._lease = Lease(
            boot_id=boot_id(),
            session="test",
            generation=1,
            issued_us=0,
            expires_us=0,
            phase=phase,
            calls=True,
            orders=Orders.NONE,
            state=PostureState.DISARMED,
            reasons=("enabled",),
            enabled="ev_enabled",
            seq=1,
            simulated=simulated,
        )
        self.breakers: Breakers | None = None
        """Whose open breakers the lease names."""
        self.reservations: Reservations | None = None
        """Whose latched breakers it names."""
        self.stopped_scopes: tuple[str, ...] = ()
        """What is stopped while the rest goes on."""
        self.quarantined: tuple[str, ...] = ()
        self.tells = True
        """Whether it names them."""
        (ws.control / "ENABLED").write_bytes(encode({"event_id": "ev_enabled"}))
        self.renew()

    def renew(self) -> None:
        """A lease of now."""
        now = self._clock.boot_us()
        held = self.breakers.open_now(unix_us(self._clock.now())) if self.breakers else ()
        latched = self.reservations.latched() if self.reservations else ()
        told = tuple(
            BreakerOpen(one.provider, one.model_id, one.until_us, one.latched) for one in (*latched, *held)
        )
        fresh = replace(
            self._lease,
            issued_us=now,
            expires_us=now + leases.LIFETIME_US,
            breakers=told if self.tells else (),
            stopped_scopes=self.stopped_scopes,
            quarantined=self.quarantined,
        )
        leases.write(self._ws.control / "lease", leases.encode(fresh))

    def halt(self, *scopes: str, quarantined: tuple[str, ...] = ()) -> None:
        """Have the lease say at once that these scopes are stopped, and these models out of use."""
        self.stopped_scopes, self.quarantined = scopes, quarantined
        self.renew()

    async def keep(self) -> None:
        """Renew for ever."""
        while True:
            self.renew()
            await asyncio.sleep(1)


@dataclass
class Road:
    """A client on its workspace, and the ledger behind it."""

    ws: Workspace
    client: Client
    ledger: SocketLedgerClient
    server: LedgerServer
    permit: Permit

    def events(self, *kinds: str) -> list[LedgerEvent]:
        """The ledger's events of these kinds, or all but the genesis."""
        with LedgerReader(self.ws.ledger) as reader:
            found = reader.read(0, 100_000)
        return [event for event in found if (event.kind in kinds if kinds else event.seq > 1)]

    def kinds(self) -> list[str]:
        """The kinds of all events after the genesis, in order."""
        return [event.kind for event in self.events()]

    def check(self) -> None:
        """The chain verifies, and no reservation stayed behind."""
        with LedgerReader(self.ws.ledger) as reader:
            assert reader.in_flight() == 0

        result = verify(self.ws.ledger)
        assert result.ok, result


def environment(url: str) -> dict[str, str]:
    """Keys, and both providers at ``url``."""
    return {
        "OPENAI_API_KEY": KEY,
        "GEMINI_API_KEY": GOOGLE_KEY,
        "PEAK_PROVIDER_OPENAI_BASE_URL": f"{url}/v1",
        "PEAK_PROVIDER_GOOGLE_BASE_URL": f"{url}/gemini/v1beta",
    }


@asynccontextmanager
async def open_ledger(
    ws: Workspace, breakers: Breakers | None = None, permit: Permit | None = None
) -> AsyncIterator[LedgerServer]:
    """The ledger's server of a workspace, with its genesis; ``permit`` tells what it latches."""
    clock = SystemClock()
    configs = ConfigCache(ws, clock=clock)
    breakers = breakers or Breakers(BreakerRules)
    reservations = Reservations(lambda: configs.current().budgets.limits, clock=clock)
    writer = LedgerWriter(
        ws.ledger,
        clock=clock,
        projections=[Rollups(), breakers, reservations],
        conditions=[breakers.out_of_place, reservations.out_of_place],
    )
    if permit is not None:
        permit.reservations = reservations
    if writer.head[0] == 0:
        genesis = EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {"simulated": False})
        writer.append([(genesis, "test")])
    server = LedgerServer(
        writer,
        ws.control / "s",
        authorise=lambda *_: False,
        clock=clock,
        open_calls=reservations,
        lost_after_s=0.2,
    )
    await server.start()
    try:
        yield server
    finally:
        await server.close()
        writer.close()


@asynccontextmanager
async def open_road(
    ws: Workspace,
    url: str,
    *,
    environ: dict[str, str] | None = None,
    simulated: bool = False,
    phase: str = "foundation",
    breaker_rules: BreakerRules | None = None,
    **options: Any,
) -> AsyncIterator[Road]:
    """A road whose providers are at ``url``; ``environ`` adds to or replaces its environment."""
    permit = Permit(ws, simulated=simulated, phase=phase)
    breakers = permit.breakers = Breakers(lambda: breaker_rules or BreakerRules())
    renewing = asyncio.create_task(permit.keep())
    variables = environment(url) | (environ or {})
    try:
        async with open_ledger(ws, breakers, permit) as server:
            ledger = await SocketLedgerClient.connect(server.socket_path, name="test", deadline_s=LEDGER_S)
            client = Client(ws, ledger, environ=variables, **({"retry": QUICK} | options))
            try:
                yield Road(ws, client, ledger, server, permit)
            finally:
                await client.close()
                await ledger.close()
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing


def reasons(events: Sequence[LedgerEvent]) -> list[str]:
    """The reasons in the bodies of events."""
    return [str((event.body or {}).get("reason")) for event in events]
