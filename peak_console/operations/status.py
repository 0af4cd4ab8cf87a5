"""Status: may anything act right now, why, since when, how fresh is that. The posture bar's facts."""

import contextlib
import json
import os
import socket
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from peak_console.budget.limits import BudgetLimits, Limit, Scope, scope_keys
from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.files import NODE
from peak_console.control.folder import read_file
from peak_console.control.gate import CallGate
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock, SystemClock, from_iso
from peak_console.domain.errors import ConfigInvalid, LedgerUnavailable, PeakError
from peak_console.domain.events import EventKind
from peak_console.domain.posture import Orders, Posture, PostureReason, PostureState
from peak_console.domain.vocabulary import Layer, Phase
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.windows import BudgetRow
from peak_console.operations.views.bar import (
    BarSnapshot,
    BudgetLine,
    LedgerHead,
    NodeFacts,
)
from peak_console.operations.views.findings import FindingsCache
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.ledger_door import LedgerDoor

_BASE_URL: Final = ("PEAK_PROVIDER_", "_BASE_URL")
_LOOPBACK: Final = ("http://127.", "http://localhost", "http://[::1]")
_SURELY_STOPPED: Final = frozenset({PostureReason.STOP_PRESENT, PostureReason.STOPPED_BY_OPERATOR})
_WHOAMI_EVERY_US: Final = 10_000_000
_SHOWN_SCOPES: Final = frozenset({Scope.DAY, Scope.LAYER_DAY, Scope.MONTH, Scope.PHASE})


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
    phase: str
    phase_since: str
    simulated: bool
    counters: Mapping[str, BudgetRow]


class StatusReader:
    """Reads the status again and again, keeping what seldom changes. Used by one thread."""

    def __init__(
        self,
        ws: Workspace,
        *,
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
        door: LedgerDoor | None = None,
    ) -> None:
        self.ws = ws
        self._clock = clock or SystemClock()
        self._environ = os.environ if environ is None else environ
        self._gate = CallGate(ws.control, self._clock, self._environ)
        self._door = door or LedgerDoor(ws.ledger)
        self._configs = ConfigCache(ws, clock=self._clock)
        self._findings = FindingsCache(ws)
        self._good: _LedgerFacts | None = None
        self._genesis: tuple[int, bool] = (-1, False)
        self._whoami: tuple[int | None, str | None] = (None, None)
        self._host = socket.gethostname().partition(".")[0]

    def close(self) -> None:
        """Let go of the ledger."""
        self._door.close()

    def read(self) -> BarSnapshot:
        """The status now. Never raises: what cannot be read is told in the snapshot."""
        now = self._clock.now()
        posture, lease = self._gate.posture(), self._gate.lease()
        ledger = self._ledger(now)
        phase = Phase(lease.phase) if lease and lease.phase in set(Phase) else Phase(ledger.phase)
        findings = self._findings.current(phase.level, now.date())
        limits = self._limits()
        budgets = [] if limits is None else budget_lines(limits, ledger.counters, now, ledger.phase_since)
        simulated = ledger.simulated or (lease is not None and lease.simulated)
        node = self._node(lease.metrics_url if lease else None)
        return BarSnapshot(
            taken_at=now,
            posture=_with_configs(posture, broken=limits is None),
            posture_freshness=Freshness(now),
            phase=phase.value,
            ledger=ledger.head,
            budgets=tuple(budgets),
            budget_day=next((one for one in budgets if one.scope == Scope.DAY and one.unit == "eur"), None),
            workspace=self.ws.name,
            root=str(self.ws.root),
            host=self._host,
            operator=self._operator(),
            simulated=simulated,
            foreign_urls=foreign_urls(self._environ, simulated=simulated),
            node=node,
            findings=findings,
            ai_enabled=posture.calls,
            ai_armed=posture.state is PostureState.ARMED,
            sqlite_version=sqlite3.sqlite_version,
            timezone=limits.timezone if limits else "Europe/Berlin",
        )

    def _ledger(self, now: datetime) -> _LedgerFacts:
        try:
            facts = self._read_ledger(self._door.reader(), now)
        except LedgerUnavailable as error:
            self._door.close()
            return self._without_ledger(error, now)
        self._good = facts
        return facts

    def _without_ledger(self, error: LedgerUnavailable, now: datetime) -> _LedgerFacts:
        """The last good figures with why there are none now; a ledger that was never made is no fault."""
        good = self._good
        if good is None:
            missing = error.code in {"ledger_missing", "ledger_empty"}
            fresh = Freshness(now) if missing else Freshness(None, error.message, error.remedy)
            head = LedgerHead(freshness=fresh)
            return _LedgerFacts(head, Phase.BOOTSTRAP.value, "", simulated=False, counters={})
        fresh = replace(good.head.freshness, why=error.message, remedy=error.remedy)
        return replace(good, head=replace(good.head, freshness=fresh))

    def _read_ledger(self, reader: LedgerReader, now: datetime) -> _LedgerFacts:
        seq, head = reader.head()
        last = reader.latest(1, bodies=False)
        changed = reader.last(EventKind.PHASE_CHANGED)
        to = str((changed.body or {}).get("to", "")) if changed else Phase.BOOTSTRAP.value
        return _LedgerFacts(
            head=LedgerHead(
                seq=seq,
                head=head,
                verified=self._verified(),
                last_event_at=from_iso(last[0].ts) if last else None,
                size=_size(self.ws.ledger),
                wal_size=_size(self.ws.ledger.with_name(self.ws.ledger.name + "-wal")),
                freshness=Freshness(now),
            ),
            phase=to if to in set(Phase) else Phase.LIVE.value,
            phase_since=changed.ts if changed else "",
            simulated=self._simulated(reader),
            counters={row.key: row for row in reader.budgets()},
        )

    def _simulated(self, reader: LedgerReader) -> bool:
        if self._genesis[0] != self._door.generation:
            genesis = reader.by_seq(1)
            if genesis is None:
                return False
            self._genesis = (self._door.generation, (genesis.body or {}).get("simulated") is True)
        return self._genesis[1]

    def _verified(self) -> bool | None:
        """What the node knows of the chain."""
        posture_reasons = set(self._gate.posture().reasons)
        if PostureReason.LEDGER_BROKEN in posture_reasons:
            return False
        told = self._node_json().get("verified")
        ok = told.get("ok") if isinstance(told, Mapping) else None
        return ok if isinstance(ok, bool) else None

    def _limits(self) -> BudgetLimits | None:
        """The budgets' limits; ``None`` while the configs cannot be used."""
        try:
            return self._configs.current().budgets.limits
        except ConfigInvalid:
            return None

    def _operator(self) -> str | None:
        """Whose key this user holds here; asked again each ten seconds."""
        now_us = self._clock.boot_us()
        asked_us, name = self._whoami
        if asked_us is None or now_us - asked_us >= _WHOAMI_EVERY_US:
            name = None
            with contextlib.suppress(PeakError, OSError):
                name = next(iter(KeyStore(self.ws.keys, self._environ).mine()), None)
            self._whoami = (now_us, name)
        return name

    def _node_json(self) -> Mapping[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            data = read_file(os.fspath(self.ws.control / NODE))
            told = json.loads(data) if data else {}
            return told if isinstance(told, dict) else {}
        return {}

    def _node(self, metrics_url: str | None) -> NodeFacts:
        told = self._node_json()
        pid = told.get("pid")
        if not isinstance(pid, int) or not _alive(pid):
            return NodeFacts()
        started = told.get("started") or told.get("started_at")
        when = None
        with contextlib.suppress(TypeError, ValueError):
            when = from_iso(str(started)) if started else None
        session = told.get("session")
        return NodeFacts(
            running=True,
            pid=pid,
            session=session if isinstance(session, str) else None,
            started_at=when,
            metrics_url=metrics_url,
        )


def _with_configs(posture: Posture, *, broken: bool) -> Posture:
    """With configs that cannot be used nothing may leave; only a stop is surer than that."""
    if not broken or _SURELY_STOPPED & set(posture.reasons):
        return posture
    reasons = dict.fromkeys([PostureReason.MATRIX_INVALID.value, *posture.reasons])
    return replace(
        posture, state=PostureState.UNKNOWN, calls=False, orders=Orders.NONE, reasons=tuple(reasons)
    )


def budget_lines(
    limits: BudgetLimits, counters: Mapping[str, BudgetRow], now: datetime, phase_since: str
) -> list[BudgetLine]:
    """Every budget that is counted by day, month or phase, with what is spent and reserved of it. Pure."""
    bound: dict[str, tuple[Limit, str]] = {}
    for layer in Layer:
        for limit, key in scope_keys(
            limits, call_id=None, run_id=None, layer=layer.value, at=now, phase_since=phase_since
        ):
            if limit.scope in _SHOWN_SCOPES:
                bound[key] = (limit, key)
    lines: list[BudgetLine] = []
    for limit, key in bound.values():
        lines.extend(_lines_of(limit, key, counters.get(key), float(limits.warn_pct)))
    return lines


def _lines_of(limit: Limit, key: str, row: BudgetRow | None, warn_pct: float) -> list[BudgetLine]:
    figures = (
        ("eur", limit.max_cost, row.spent_cost if row else 0, row.reserved_cost if row else 0),
        ("tokens", limit.max_tokens, row.spent_tokens if row else 0, row.reserved_tokens if row else 0),
        ("calls", limit.max_calls, row.spent_calls if row else 0, row.reserved_calls if row else 0),
    )
    return [
        BudgetLine(limit.scope.value, key, limit.layer, unit, spent, reserved, most, warn_pct)
        for unit, most, spent, reserved in figures
        if most is not None
    ]


def foreign_urls(environ: Mapping[str, str], *, simulated: bool) -> tuple[tuple[str, str], ...]:
    """Providers that the environment points elsewhere; a simulated workspace's loopback is not foreign."""
    head, tail = _BASE_URL
    found = [
        (name[len(head) : -len(tail)].lower(), url)
        for name, url in sorted(environ.items())
        if name.startswith(head) and name.endswith(tail) and url
    ]
    foreign = ((name, url) for name, url in found if not (simulated and url.startswith(_LOOPBACK)))
    return tuple((name, shown_url(url)) for name, url in foreign)


def shown_url(url: str) -> str:
    """An address without what may be secret in it: no user, no password, no query."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "?", parts.port
    except ValueError:
        return "(unreadable address)"
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"


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


def _alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
