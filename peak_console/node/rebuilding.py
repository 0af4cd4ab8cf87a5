"""What the triggers begin with at a start of the node: the ledger's figures and newest events, bounded."""

import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson

from peak_console.control.breakers import KINDS as BREAKER_KINDS
from peak_console.control.files import LEASE
from peak_console.control.folder import RealFolder
from peak_console.control.lease import decode
from peak_console.domain.clock import from_iso, unix_us
from peak_console.domain.events import EventKind
from peak_console.incidents import critics, opening, violations
from peak_console.incidents.lapses import LastNode
from peak_console.incidents.latency import ModelKey
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.folds.figures import MINUTE
from peak_console.ledger.headers import Header
from peak_console.stats.sketch import QuantileSketch, SketchInvalid

REBUILT: Final = 2000
"""How many places at the ledger's head are read again, for what figures do not tell."""

INCIDENTS_REBUILT: Final = 5000
"""How many of the newest events of incidents and breakers are folded."""

HOUR_S: Final = 3600
DAY_S: Final = 86_400

_NEWEST: Final = tuple({*violations.KINDS, *critics.KINDS})
_FOLDED: Final = (*opening.KINDS, *BREAKER_KINDS)

logger = logging.getLogger(__name__)


def folded_rows(db: sqlite3.Connection) -> Iterator[tuple[int, str, str, dict[str, Any]]]:
    """Place, kind, time and body of the newest events of incidents and breakers, in their order."""
    rows = db.execute(
        f"SELECT seq, kind, ts, bytes FROM (SELECT l.seq, l.kind, l.ts, b.bytes FROM ledger l "  # noqa: S608 - marks only
        f"JOIN body b USING (seq) WHERE l.kind IN ({_marks(_FOLDED)}) AND l.{RARE_SQL} "
        "ORDER BY l.seq DESC LIMIT ?) ORDER BY seq",
        (*_FOLDED, INCIDENTS_REBUILT),
    )
    for seq, kind, ts, data in rows:
        yield seq, kind, ts, orjson.loads(data)


def newest(db: sqlite3.Connection) -> Iterator[tuple[Header, dict[str, Any]]]:
    """The newest denials, failures and verdicts, in their order."""
    rows = db.execute(
        f"SELECT l.*, b.bytes FROM ledger l JOIN body b USING (seq) WHERE l.kind IN ({_marks(_NEWEST)}) "  # noqa: S608 - marks only
        "AND l.seq > (SELECT ifnull(max(seq), 0) - ? FROM ledger) ORDER BY l.seq",
        (*_NEWEST, REBUILT),
    )
    for *header, data in rows:
        yield Header(*header), orjson.loads(data)


def minutes(db: sqlite3.Connection, since_s: int) -> Iterator[tuple[int, str, int, int]]:
    """Start, layer, hops sent and nano-EUR of every minute since ``since_s`` (Unix seconds)."""
    yield from db.execute(
        "SELECT start, layer, sum(calls), sum(cost_nano_eur) FROM rollup "
        "WHERE width_s = ? AND start >= ? GROUP BY start, layer",
        (MINUTE, since_s),
    )


def sketches(db: sqlite3.Connection, now_s: int) -> Iterator[tuple[ModelKey, QuantileSketch]]:
    """Latencies of the last day, by layer and model; a sketch that cannot be read is left out."""
    rows = db.execute(
        "SELECT layer, provider, model_id, latency_sketch FROM rollup WHERE width_s = ? AND start >= ?",
        (HOUR_S, now_s - DAY_S),
    )
    for layer, provider, model_id, data in rows:
        try:
            yield (layer, provider, model_id), QuantileSketch.from_bytes(data)
        except SketchInvalid:
            logger.warning("latencies of %s:%s are not what they were written as", provider, model_id)


def last_node(db: sqlite3.Connection) -> LastNode | None:
    """What is known of the node before; ``None`` where none has served."""
    kinds = (EventKind.NODE_STARTED.value, EventKind.NODE_STOPPED.value)
    row = db.execute(
        "SELECT l.kind, l.ts, b.bytes FROM ledger l LEFT JOIN body b USING (seq) "  # noqa: S608 - constant
        f"WHERE l.kind IN (?, ?) AND l.{RARE_SQL} ORDER BY l.seq DESC LIMIT 1",
        kinds,
    ).fetchone()
    if row is None:
        return None
    kind, ts, data = row
    body = orjson.loads(data) if data else {}
    ended = kind == EventKind.NODE_STOPPED.value
    (newest_ts,) = (
        (ts,) if ended else db.execute("SELECT ts FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
    )
    return LastNode(
        session=str(body.get("session", "")),
        ended=ended,
        reason=str(body.get("reason", "")),
        alive_us=unix_us(from_iso(newest_ts)),
    )


def with_lease(last: LastNode | None, control: Path, boot_id: str) -> LastNode | None:
    """The same with what its lease tells of its last moment; read before this node writes its own over it."""
    if last is None:
        return None
    try:
        lease = decode(RealFolder(control).read(LEASE) or b"")
    except OSError:
        return last
    if lease is None or lease.session != last.session:
        return last
    if lease.boot_id != boot_id:
        return replace(last, rebooted=True)
    return replace(last, renewed_us=lease.issued_us)


def _marks(kinds: tuple[str, ...]) -> str:
    return ",".join("?" * len(kinds))
