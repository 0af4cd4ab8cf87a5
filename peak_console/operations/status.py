"""Status: may anything act right now, why, since when, how fresh is that. The posture bar's facts."""

import contextlib
import os
import socket
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from peak_console.config.workspace import Workspace
from peak_console.control.gate import CallGate
from peak_console.domain.clock import Clock, SystemClock, from_iso
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import EventKind
from peak_console.domain.posture import Orders, Posture, PostureReason, PostureState
from peak_console.domain.vocabulary import Phase
from peak_console.ledger.folds.windows import BudgetRow
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.disk import read_disk
from peak_console.operations.incidents.reading import IncidentBook, open_lines
from peak_console.operations.node_presence import node_facts, read_node_json, this_boot
from peak_console.operations.provider_addresses import foreign_urls, seen_urls, used_by_others
from peak_console.operations.standing import standing, workers_missing
from peak_console.operations.views.background import BackgroundLine, background_lines
from peak_console.operations.views.bar import BarSnapshot, LedgerHead, SeenUrl, SignedHead
from peak_console.operations.views.breaker_fold import breaker_lines
from peak_console.operations.views.breakers import BreakerLine
from peak_console.operations.views.disk import DiskForecast
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.incidents import IncidentLine
from peak_console.operations.views.ledger_door import LedgerDoor

if TYPE_CHECKING:
    from peak_console.operations.latches import LatchBook
    from peak_console.operations.shadow.bar_facts import BarShadow
    from peak_console.operations.signed_head import SignedHeads
    from peak_console.operations.views.config_facts import ConfigFacts
    from peak_console.operations.views.shadow_bar import ShadowBar

_DISK_EVERY_S: Final = 10.0
_GONE: Final = "the ledger is gone, although heads of it were signed"
_RECOVER: Final = (
    'put a backup back: peak ledger recover --from BACKUP --reason "..."; '
    'without one: peak ledger recover --reason "..."'
)
_DATED: Final = frozenset(
    {
        PostureReason.STOP_PRESENT,
        PostureReason.STOPPED_BY_OPERATOR,
        PostureReason.NEW_WORKSPACE,
        PostureReason.NOT_ENABLED,
    }
)
"""Why nothing is permitted, where the last enable, stop or beginning is since when."""
_SURELY_STOPPED: Final = frozenset({PostureReason.STOP_PRESENT, PostureReason.STOPPED_BY_OPERATOR})


def status(
    ws: Workspace, *, clock: Clock | None = None, environ: Mapping[str, str] | None = None
) -> BarSnapshot:
    """The workspace's status now; ``as_json()`` of it is ``peak status --json``. Never raises."""
    reader = StatusReader(ws, clock=clock, environ=environ)
    try:
        return reader.read()
    finally:
        reader.close()


@dataclass(frozen=True, slots=True)
class _LedgerFacts:
    """What the status takes from the ledger."""

    head: LedgerHead
    phase: str | None
    phase_since: str
    simulated: bool
    counters: Mapping[str, BudgetRow]
    recent: Mapping[str, int] = field(default_factory=dict)
    """Requests of the last minute, by layer."""
    breakers: tuple[BreakerLine, ...] | None = None
    seen_urls: tuple[SeenUrl, ...] = ()
    background: tuple[BackgroundLine, ...] = ()
    workers_missing: tuple[str, ...] = ()
    incidents: tuple[IncidentLine, ...] = ()


class StatusReader:
    """Reads the status again and again, keeping what seldom changes. Used by one thread."""

    def __init__(
        self,
        ws: Workspace,
        *,
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
        door: LedgerDoor | None = None,
        shadow: bool = False,
    ) -> None:
        """``shadow`` says whether jobs and drift are asked for, too, as screens show them."""
        self.ws = ws
        self._wants_shadow = shadow
        self._clock = clock or SystemClock()
        self._environ = os.environ if environ is None else environ
        self._gate = CallGate(ws.control, self._clock, self._environ)
        self._door = door or LedgerDoor(ws.ledger)
        self._signed: SignedHeads | None = None
        self._configs: ConfigFacts | None = None
        self._good: _LedgerFacts | None = None
        self._incidents = IncidentBook()
        self._latches: LatchBook | None = None
        self._genesis: tuple[int, bool] = (-1, False)
        self._disk: tuple[datetime | None, DiskForecast] = (None, DiskForecast())
        self._seen: tuple[tuple[int, int], tuple[SeenUrl, ...]] = ((-1, -1), ())
        self._service: tuple[Path, str] | None = None
        self._bar_shadow: BarShadow | None = None
        self._host = socket.gethostname().partition(".")[0]

    def close(self) -> None:
        """Let go of the ledger."""
        self._door.close()

    def read(self, *, configs: bool = True) -> BarSnapshot:
        """The status now. Never raises: what cannot be read is told in the snapshot.

        Without ``configs`` it is made of the control folder and the ledger alone, for a first look before
        the configs' readers are loaded; ``complete`` is then false.
        """
        now = self._clock.now()
        posture, lease = _dated(self._gate.posture()), self._gate.lease()
        ledger = self._ledger(now, whole=configs)
        phase = lease.phase if lease and lease.phase in set(Phase) else ledger.phase
        simulated = ledger.simulated or (lease is not None and lease.simulated)
        foreign = foreign_urls(self._environ, simulated=simulated)
        boot_us = self._clock.boot_us()
        stands = standing(lease, posture, now=now, boot_us=boot_us, boot_id=this_boot())
        snapshot = BarSnapshot(
            taken_at=now,
            posture=posture,
            posture_freshness=Freshness(now),
            armed=stands.armed,
            reduce=stands.reduce,
            stopped_scopes=stands.stopped_scopes,
            quarantined=stands.quarantined,
            ramp_pct=stands.ramp_pct,
            workers_missing=ledger.workers_missing,
            incidents=ledger.incidents,
            phase=phase,
            ledger=ledger.head,
            workspace=self.ws.name,
            root=str(self.ws.root),
            host=self._host,
            simulated=simulated,
            foreign_urls=foreign,
            seen_urls=() if simulated else used_by_others(ledger.seen_urls, foreign, now),
            background=() if posture.calls else ledger.background,
            node=node_facts(read_node_json(self.ws.control), lease, now=now, boot_us=boot_us),
            ai_enabled=posture.calls,
            ai_armed=posture.state is PostureState.ARMED,
            sqlite_version=sqlite3.sqlite_version,
            breakers=ledger.breakers,
            complete=False,
        )
        return self._with_configs(snapshot, ledger) if configs else snapshot

    def _with_configs(self, snapshot: BarSnapshot, ledger: "_LedgerFacts") -> BarSnapshot:
        if self._configs is None:
            from peak_console.operations.views.config_facts import ConfigFacts  # noqa: PLC0415 - it is slow

            self._configs = ConfigFacts(self.ws, self._clock, self._environ)
        facts = self._configs
        level = Phase(snapshot.phase or Phase.LIVE).level
        limits = facts.limits()
        posture = _judged(snapshot.posture, broken=limits is None)
        budgets = facts.budgets(limits, ledger.counters, snapshot.taken_at, ledger.phase_since, ledger.recent)
        return replace(
            snapshot,
            posture=posture,
            ai_enabled=posture.calls,
            shadow=self._shadow(snapshot, facts.max_drawdown_pct()),
            budgets=budgets,
            budget_day=next((one for one in budgets if one.scope == "day" and one.unit == "eur"), None),
            operator=facts.operator(),
            node=replace(snapshot.node, service=self._service_start()),
            triggers_off=facts.triggers_off(),
            findings=facts.findings(level, snapshot.taken_at.date()),
            timezone=limits.timezone if limits else snapshot.timezone,
            complete=True,
        )

    def _shadow(self, snapshot: BarSnapshot, max_drawdown_pct: Decimal | None) -> "ShadowBar | None":
        """Jobs and drift; ``None`` where nobody asks for them, or the ledger cannot be read."""
        if not self._wants_shadow or snapshot.ledger.freshness.why:
            return None
        from peak_console.operations.shadow.bar_facts import BarShadow  # noqa: PLC0415 - not for a first look

        if self._bar_shadow is None:
            self._bar_shadow = BarShadow(self.ws)
        try:
            reader = self._door.reader()
            return self._bar_shadow.read(reader, self._door.generation, snapshot.taken_at, max_drawdown_pct)
        except LedgerUnavailable:
            self._door.close()
            return None

    def _service_start(self) -> str:
        """The command by which a service manager starts the node; empty where none is installed."""
        from peak_console.operations.service import is_installed, plan, start_command  # noqa: PLC0415 - it is slow

        if self._service is None:
            service = plan(self.ws, self._environ)
            self._service = (service.path, start_command(service))
        path, command = self._service
        return command if is_installed(path) else ""

    def _ledger(self, now: datetime, *, whole: bool) -> _LedgerFacts:
        try:
            facts = self._read_ledger(self._door.reader(), now, whole=whole)
        except LedgerUnavailable as error:
            self._door.close()
            return self._without_ledger(error, now)
        self._good = facts
        return facts

    def _without_ledger(self, error: LedgerUnavailable, now: datetime) -> _LedgerFacts:
        """The last good figures with why there are none now; a ledger that was never made is no fault.

        Of one that is there and cannot be read nobody knows the phase, so what judges takes the strictest.
        """
        good = self._good
        if good is None:
            gone = any(self.ws.checkpoints.glob("*.notes"))
            missing = error.code in {"ledger_missing", "ledger_empty"} and not gone
            why, remedy = (
                (_GONE, _RECOVER) if gone and not self.ws.ledger.exists() else (error.message, error.remedy)
            )
            fresh = Freshness(now) if missing else Freshness(None, why, remedy)
            head = LedgerHead(freshness=fresh)
            phase = Phase.BOOTSTRAP.value if missing else None
            return _LedgerFacts(head, phase, "", simulated=False, counters={})
        fresh = replace(good.head.freshness, why=error.message, remedy=error.remedy)
        return replace(good, head=replace(good.head, freshness=fresh))

    def _read_ledger(self, reader: LedgerReader, now: datetime, *, whole: bool) -> _LedgerFacts:
        seq, head = reader.head()
        last = reader.latest(1, bodies=False)
        changed = reader.last(EventKind.PHASE_CHANGED)
        to = str((changed.body or {}).get("to", "")) if changed else Phase.BOOTSTRAP.value
        return _LedgerFacts(
            head=LedgerHead(
                seq=seq,
                head=head,
                verified=self._verified(),
                verified_upto=self._verified_facts()[0],
                verified_at=self._verified_facts()[1],
                disk=self._disk_now(reader, now) if whole else self._disk[1],
                last_event_at=from_iso(last[0].ts) if last else None,
                size=_size(self.ws.ledger),
                wal_size=_size(self.ws.ledger.with_name(self.ws.ledger.name + "-wal")),
                freshness=Freshness(now),
                signed=self._signed_head(seq, reader) if whole else SignedHead(),
            ),
            phase=to if to in set(Phase) else Phase.LIVE.value,
            phase_since=changed.ts if changed else "",
            simulated=self._simulated(reader),
            counters={row.key: row for row in reader.budgets()},
            recent=reader.calls_since(now) if whole else {},
            breakers=self._breakers(reader, now) if whole else None,
            seen_urls=self._seen_urls(reader, seq) if whole else (),
            background=background_lines(reader) if whole and not self._gate.posture().calls else (),
            workers_missing=workers_missing(reader),
            incidents=open_lines(self._incidents.read(reader, self._door.generation), now),
        )

    def _breakers(self, reader: LedgerReader, now: datetime) -> tuple[BreakerLine, ...]:
        from peak_console.operations.latches import LatchBook, latch_lines  # noqa: PLC0415 - loads the keys

        if self._latches is None:
            self._latches = LatchBook()
        latches = self._latches.read(reader, self._door.generation)
        return (*latch_lines(latches.latched()), *breaker_lines(reader, now))

    def _disk_now(self, reader: LedgerReader, now: datetime) -> DiskForecast:
        """The disk's forecast, measured every ten seconds at most."""
        read_at, found = self._disk
        if read_at is None or not 0 <= (now - read_at).total_seconds() < _DISK_EVERY_S:
            found = read_disk(self.ws.ledger, reader, now)
            self._disk = (now, found)
        return found

    def _seen_urls(self, reader: LedgerReader, head: int) -> tuple[SeenUrl, ...]:
        """Addresses that the newest requests name because no configuration does; each by its last use."""
        place = (self._door.generation, head)
        if self._seen[0] != place:
            self._seen = (place, seen_urls(reader))
        return self._seen[1]

    def _simulated(self, reader: LedgerReader) -> bool:
        if self._genesis[0] != self._door.generation:
            genesis = reader.by_seq(1)
            if genesis is None:
                return False
            self._genesis = (self._door.generation, (genesis.body or {}).get("simulated") is True)
        return self._genesis[1]

    def _signed_head(self, seq: int, reader: LedgerReader) -> SignedHead:
        if self._signed is None:
            from peak_console.operations.signed_head import SignedHeads  # noqa: PLC0415 - it is slow

            self._signed = SignedHeads(self.ws)
        genesis = reader.by_seq(1)
        return self._signed.read(seq, read_node_json(self.ws.control), genesis.hash if genesis else "")

    def _verified(self) -> bool | None:
        """What the node knows of the chain."""
        posture_reasons = set(self._gate.posture().reasons)
        if PostureReason.LEDGER_BROKEN in posture_reasons:
            return False
        told = read_node_json(self.ws.control).get("verified")
        ok = told.get("ok") if isinstance(told, Mapping) else None
        return ok if isinstance(ok, bool) else None

    def _verified_facts(self) -> tuple[int, str]:
        """Up to which event the node verified the chain, and when."""
        told = read_node_json(self.ws.control).get("verified")
        events, at = (told.get("events"), told.get("at")) if isinstance(told, Mapping) else (0, "")
        return (events if type(events) is int else 0, at if isinstance(at, str) else "")


def _judged(posture: Posture, *, broken: bool) -> Posture:
    """With configs that cannot be used nothing may leave; only a stop is surer than that."""
    if not broken or _SURELY_STOPPED & set(posture.reasons):
        return posture
    reasons = dict.fromkeys([PostureReason.MATRIX_INVALID.value, *posture.reasons])
    return replace(
        posture,
        state=PostureState.UNKNOWN,
        calls=False,
        orders=Orders.NONE,
        reasons=tuple(reasons),
        since=None,
    )


def _dated(posture: Posture) -> Posture:
    """Without a time that is another's: the last enable tells nothing of when its lease ceased to hold."""
    return posture if posture.calls or _DATED & set(posture.reasons) else replace(posture, since=None)


def no_workspace(problem: str, now: datetime) -> BarSnapshot:
    """The status where there is no workspace: unknown, which acts as stopped."""
    posture = Posture(
        PostureState.UNKNOWN, calls=False, orders=Orders.NONE, reasons=(PostureReason.NO_WORKSPACE.value,)
    )
    head = LedgerHead(freshness=Freshness(None, problem or "no workspace is open"))
    return BarSnapshot(now, posture, Freshness(now), ledger=head, sqlite_version=sqlite3.sqlite_version)


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
