"""What stands on every screen: may anything act right now, why, since when, how fresh is that.

:meth:`BarSnapshot.as_json` is the document of ``peak status --json``; the posture bar draws the same facts.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from peak_console.domain.clock import iso
from peak_console.domain.money import text_from_nano
from peak_console.domain.posture import Orders, Posture, PostureState
from peak_console.operations.views.background import BackgroundLine
from peak_console.operations.views.breakers import BreakerLine
from peak_console.operations.views.disk import DiskForecast
from peak_console.operations.views.freshness import NEVER, Freshness
from peak_console.operations.views.incidents import IncidentLine
from peak_console.operations.views.shadow_bar import ShadowBar

READING = Posture(PostureState.UNKNOWN, calls=False, orders=Orders.NONE, reasons=("reading",))
"""The posture before anything was read: unknown, which acts as stopped."""


@dataclass(frozen=True, slots=True)
class Armed:
    """An arm lease: what it covers and when it ends by itself, by the clock that ends it first.

    A ``drill`` is accepted by no gate: whoever shows it must not let it look armed.
    """

    scope: str
    run_id: str | None
    expires_at: datetime
    drill: bool = False
    lease_id: str = ""
    actor: str = ""

    def left_s(self, now: datetime) -> float:
        """Seconds that are left; never negative."""
        return max(0.0, (self.expires_at - now).total_seconds())


@dataclass(frozen=True, slots=True)
class AnchorLine:
    """A place outside the database that keeps signed heads: up to how many events, and what is wrong."""

    kind: str
    place: str
    size: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The newest checkpoint: over how many events, its root, when it was signed, and what is wrong."""

    size: int = 0
    root: str = ""
    at: datetime | None = None
    problem: str = ""
    anchors: tuple[AnchorLine, ...] = ()
    """As the node last told; empty where no node has."""

    def as_json(self, seq: int, now: datetime) -> dict[str, Any]:
        """As ``peak status --json`` shows it, of a ledger of ``seq`` events."""
        return {
            "size": self.size,
            "root": self.root,
            "at": None if self.at is None else iso(self.at),
            "age_s": None if self.at is None else round(max(0.0, (now - self.at).total_seconds()), 3),
            "unsigned_events": max(0, seq - self.size),
            "problem": self.problem or None,
            "anchors": [asdict(one) for one in self.anchors],
        }


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """The ledger's head. ``verified`` is ``None`` when nobody has verified this session; sizes in bytes."""

    seq: int = 0
    head: str = ""
    verified: bool | None = None
    last_event_at: datetime | None = None
    size: int = 0
    wal_size: int = 0
    freshness: Freshness = NEVER
    disk: DiskForecast = field(default_factory=DiskForecast)
    """How long its disk lasts."""
    signed: SignedHead = SignedHead()
    verified_upto: int = 0
    """The last event that was verified; 0 where none was."""
    verified_at: str = ""
    """When that was, ISO 8601."""


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One budget now. Figures are in ``unit``: nano-EUR for ``eur``, else plain counts."""

    scope: str
    key: str
    layer: str | None
    unit: str
    spent: int
    reserved: int
    limit: int
    warn_pct: float = 80.0

    @property
    def used_pct(self) -> float:
        """Spent and reserved as percent of the limit; 100 when the limit is zero."""
        return 100.0 if self.limit <= 0 else 100.0 * (self.spent + self.reserved) / self.limit

    @property
    def state(self) -> str:
        """``ok``, ``warned`` or ``exceeded``."""
        if self.spent + self.reserved >= self.limit:
            return "exceeded"
        return "warned" if self.used_pct >= self.warn_pct else "ok"

    def as_json(self) -> dict[str, Any]:
        """The budget as ``peak status --json`` shows it; money as text in EUR."""
        show = text_from_nano if self.unit == "eur" else int
        return {
            "scope": self.scope,
            "key": self.key,
            "layer": self.layer,
            "unit": self.unit,
            "spent": show(self.spent),
            "reserved": show(self.reserved),
            "limit": show(self.limit),
            "used_pct": round(self.used_pct, 2),
            "state": self.state,
        }


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """The node of this workspace, as its ``node.json`` and lease say."""

    running: bool = False
    pid: int | None = None
    session: str | None = None
    started_at: datetime | None = None
    metrics_url: str | None = None
    service: str | None = None
    """How a service manager starts it, as a command; empty where none does, ``None`` where nobody looked."""
    rebooted_at: datetime | None = None
    """When this machine was started, where what the last node left behind is of a boot before that."""


@dataclass(frozen=True, slots=True)
class ConfigFinding:
    """A finding of the linter, as a screen shows it."""

    rule: str
    severity: str
    file: str
    line: int
    column: int
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class SeenUrl:
    """An address of no provider's own that a recent call went to, and when it was last asked there."""

    provider: str
    url: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BarSnapshot:
    """The posture bar's facts."""

    taken_at: datetime
    posture: Posture = READING
    posture_freshness: Freshness = NEVER
    armed: Armed | None = None
    phase: str | None = None
    ledger: LedgerHead = field(default_factory=LedgerHead)
    budgets: tuple[BudgetLine, ...] = ()
    budget_day: BudgetLine | None = None
    workspace: str = ""
    root: str = ""
    host: str = ""
    operator: str | None = None
    simulated: bool = False
    foreign_urls: tuple[tuple[str, str], ...] = ()
    """Providers that this process's environment points elsewhere, and where."""
    seen_urls: tuple[SeenUrl, ...] = ()
    """Providers that a process of the newest calls pointed elsewhere."""
    background: tuple[BackgroundLine, ...] = ()
    """Background work that still runs although no call is permitted."""
    node: NodeFacts = NodeFacts()
    findings: tuple[ConfigFinding, ...] = ()
    ai_enabled: bool = False
    ai_armed: bool = False
    breakers: tuple[BreakerLine, ...] | None = None
    """The providers' breakers; ``None`` while they are not known."""
    stop_id: str | None = None
    sqlite_version: str = ""
    timezone: str = "Europe/Berlin"
    """The zone whose days the budgets count."""
    complete: bool = True
    """False for a first look, before the configs were read."""
    live_posture: Posture | None = None
    """The posture of the workspace now, where everything else is of a moment in the past."""
    incidents: tuple[IncidentLine, ...] = ()
    """The incidents that are not closed, the newest first."""
    reduce: bool = False
    """Whether only risk-reducing orders pass."""
    stopped_scopes: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    """Models that are out of use, as ``PROVIDER:MODEL``."""
    ramp_pct: int = 100
    """The share of limits that holds after a recovery."""
    workers_missing: tuple[str, ...] = ()
    """Workers that have not acknowledged the last stop."""
    triggers_off: tuple[str, ...] = ()
    """Triggers of incidents that are switched off."""
    shadow: ShadowBar | None = None
    """Jobs and drift; ``None`` while nobody looked, and where the ledger cannot be read."""

    @property
    def config_errors(self) -> tuple[ConfigFinding, ...]:
        """Findings that stop the matrix from being used."""
        return tuple(one for one in self.findings if one.severity == "error")

    def as_json(self) -> dict[str, Any]:
        """The document of ``peak status --json``; ages are those at ``taken_at``."""
        posture = self.posture
        return {
            "at": iso(self.taken_at),
            "posture": {
                "state": posture.state.value,
                "calls": posture.calls,
                "orders": posture.orders.value,
                "reasons": list(posture.reasons),
                "since": None if posture.since is None else iso(posture.since),
                "conflicts": list(posture.conflicts),
                "lease_age_ms": posture.age_ms,
                "ai_enabled": self.ai_enabled,
                "ai_armed": self.ai_armed,
            },
            "armed": self._armed_json(),
            "phase": self.phase,
            "ledger": self._ledger_json(),
            "budgets": [one.as_json() for one in self.budgets],
            "breakers": [one.as_json(self.taken_at) for one in self.breakers or ()],
            "incidents": [one.as_json() for one in self.incidents],
            "reduce": self.reduce,
            "stopped_scopes": list(self.stopped_scopes),
            "quarantined": list(self.quarantined),
            "ramp_pct": self.ramp_pct,
            "workers_missing": list(self.workers_missing),
            "triggers_off": list(self.triggers_off),
            "workspace": {"name": self.workspace, "root": self.root, "simulated": self.simulated},
            "node": self._node_json(),
            "operator": self.operator,
            "host": self.host,
            "foreign_base_urls": dict(self.foreign_urls),
            "seen_base_urls": [
                {"provider": one.provider, "url": one.url, "at": iso(one.at)} for one in self.seen_urls
            ],
            "background": [one.as_json() for one in self.background],
            "findings": [_finding_json(one) for one in self.findings],
        }

    def _armed_json(self) -> dict[str, Any] | None:
        armed = self.armed
        if armed is None:
            return None
        return {
            "scope": armed.scope,
            "run_id": armed.run_id,
            "expires_at": iso(armed.expires_at),
            "left_s": round(armed.left_s(self.taken_at), 3),
            "drill": armed.drill,
            "lease_id": armed.lease_id,
            "actor": armed.actor,
        }

    def _ledger_json(self) -> dict[str, Any]:
        ledger = self.ledger
        age = ledger.freshness.age_s(self.taken_at)
        return {
            "seq": ledger.seq,
            "head": ledger.head,
            "verified": ledger.verified,
            "verified_upto": ledger.verified_upto,
            "verified_at": ledger.verified_at or None,
            "last_event_at": None if ledger.last_event_at is None else iso(ledger.last_event_at),
            "age_s": None if age is None else round(age, 3),
            "problem": ledger.freshness.why or None,
            "bytes": ledger.size,
            "wal_bytes": ledger.wal_size,
            "disk": ledger.disk.as_json(),
            "checkpoint": ledger.signed.as_json(ledger.seq, self.taken_at),
            "sqlite_version": self.sqlite_version,
        }

    def _node_json(self) -> dict[str, Any]:
        node = self.node
        return {
            "running": node.running,
            "pid": node.pid,
            "session": node.session,
            "started_at": None if node.started_at is None else iso(node.started_at),
            "metrics_url": node.metrics_url,
            "service": node.service,
            "rebooted_at": None if node.rebooted_at is None else iso(node.rebooted_at),
        }


def _finding_json(one: ConfigFinding) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "severity": one.severity,
        "file": one.file,
        "line": one.line,
        "column": one.column,
        "message": one.message,
        "remedy": one.remedy,
    }
