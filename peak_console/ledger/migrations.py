"""The ledger's tables, triggers and indexes, as sqlite-utils migrations. Only the writer needs them."""

import sqlite3
from typing import Final

import orjson
import sqlite_utils
from sqlite_utils.migrations import Migrations

from peak_console.ledger.folds.rollups import rebuild, was_sent

MIGRATIONS: Final = Migrations("peak_console.ledger")

_LEDGER = """
CREATE TABLE ledger(
    seq INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    ts TEXT NOT NULL,
    boot_us INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    run_id TEXT,
    call_id TEXT,
    layer TEXT,
    role TEXT,
    provider TEXT,
    model_id TEXT,
    body_sha256 TEXT NOT NULL CHECK(length(body_sha256) = 64),
    prev_hash TEXT NOT NULL CHECK(length(prev_hash) = 64),
    hash TEXT NOT NULL CHECK(length(hash) = 64)
) STRICT;
CREATE TABLE body(seq INTEGER PRIMARY KEY REFERENCES ledger, bytes BLOB NOT NULL) STRICT;

CREATE INDEX ledger_call ON ledger(call_id) WHERE call_id IS NOT NULL;
CREATE INDEX ledger_run ON ledger(run_id) WHERE run_id IS NOT NULL;
CREATE INDEX ledger_kind ON ledger(kind) WHERE kind NOT IN ('llm.call.requested', 'llm.call.completed');
CREATE INDEX ledger_layer ON ledger(layer)
    WHERE kind IN ('llm.call.completed', 'llm.call.failed', 'llm.call.refused');
CREATE INDEX ledger_model ON ledger(model_id)
    WHERE kind IN ('llm.call.completed', 'llm.call.failed', 'llm.call.refused');

CREATE TRIGGER ledger_links_to_head BEFORE INSERT ON ledger
WHEN NEW.prev_hash IS NOT
    CASE NEW.seq WHEN 1 THEN printf('%064d', 0) ELSE (SELECT hash FROM ledger WHERE seq = NEW.seq - 1) END
  OR EXISTS (SELECT 1 FROM ledger WHERE seq >= NEW.seq)
BEGIN SELECT raise(ABORT, 'an event must follow the head'); END;
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER body_follows BEFORE INSERT ON body
WHEN NEW.seq <= (SELECT max(seq) FROM body)
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER body_no_update BEFORE UPDATE ON body
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER body_no_delete BEFORE DELETE ON body
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
"""

_PROJECTIONS = """
CREATE TABLE rollup(
    width_s INTEGER NOT NULL, start INTEGER NOT NULL, part INTEGER NOT NULL,
    layer TEXT NOT NULL, role TEXT NOT NULL, provider TEXT NOT NULL, model_id TEXT NOT NULL,
    calls INTEGER NOT NULL, errors INTEGER NOT NULL, fallbacks INTEGER NOT NULL, refused INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL,
    tokens_reasoning INTEGER NOT NULL, cost_nano_eur INTEGER NOT NULL, latency_us INTEGER NOT NULL,
    latency_sketch BLOB NOT NULL,
    PRIMARY KEY (width_s, start, part, layer, role, provider, model_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE critic_rollup(
    width_s INTEGER NOT NULL, start INTEGER NOT NULL, part INTEGER NOT NULL,
    layer TEXT NOT NULL, verdict TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (width_s, start, part, layer, verdict)
) STRICT, WITHOUT ROWID;
CREATE TABLE error_rollup(
    width_s INTEGER NOT NULL, start INTEGER NOT NULL, part INTEGER NOT NULL,
    layer TEXT NOT NULL, role TEXT NOT NULL, provider TEXT NOT NULL, model_id TEXT NOT NULL,
    outcome TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (width_s, start, part, layer, role, provider, model_id, outcome, reason)
) STRICT, WITHOUT ROWID;
CREATE TABLE denial_rollup(
    width_s INTEGER NOT NULL, start INTEGER NOT NULL, part INTEGER NOT NULL,
    rule TEXT NOT NULL, place TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (width_s, start, part, rule, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollup_open(
    id INTEGER PRIMARY KEY CHECK(id = 1), start INTEGER NOT NULL, part INTEGER NOT NULL
) STRICT;
CREATE TABLE lost_call(
    call_id TEXT NOT NULL, hop INTEGER NOT NULL, cost_nano_eur INTEGER NOT NULL, PRIMARY KEY (call_id, hop)
) STRICT, WITHOUT ROWID;

CREATE TABLE budget_counter(
    key TEXT PRIMARY KEY, digest TEXT NOT NULL,
    spent_cost INTEGER NOT NULL, spent_tokens INTEGER NOT NULL, spent_calls INTEGER NOT NULL,
    reserved_cost INTEGER NOT NULL, reserved_tokens INTEGER NOT NULL, reserved_calls INTEGER NOT NULL,
    flags TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE reservation(
    call_id TEXT NOT NULL, hop INTEGER NOT NULL, client TEXT NOT NULL, state TEXT NOT NULL,
    cost INTEGER NOT NULL, tokens INTEGER NOT NULL, keys TEXT NOT NULL,
    PRIMARY KEY (call_id, hop)
) STRICT, WITHOUT ROWID;
"""

_BREAKERS_AND_BOUNDS = """
CREATE TABLE provider_breaker(
    provider TEXT NOT NULL, model_id TEXT NOT NULL, state TEXT NOT NULL, failures TEXT NOT NULL,
    reason TEXT NOT NULL, opened_us INTEGER NOT NULL, until_us INTEGER NOT NULL, span_us INTEGER NOT NULL,
    trips INTEGER NOT NULL, changed_us INTEGER NOT NULL, probe TEXT NOT NULL,
    rate TEXT NOT NULL, rate_us INTEGER NOT NULL, rate_seq INTEGER NOT NULL,
    PRIMARY KEY (provider, model_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE run_limit(
    run_id TEXT PRIMARY KEY, max_cost INTEGER, max_tokens INTEGER, max_calls INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE booked_at_bound(
    call_id TEXT NOT NULL, hop INTEGER NOT NULL, seq INTEGER NOT NULL,
    bound INTEGER NOT NULL, cost INTEGER NOT NULL, keys TEXT,
    PRIMARY KEY (call_id, hop)
) STRICT, WITHOUT ROWID;
ALTER TABLE reservation ADD COLUMN expires_us INTEGER NOT NULL DEFAULT 0;
"""

_ENDED_AT_BOUND = """
INSERT OR REPLACE INTO booked_at_bound
SELECT call_id, hop, seq, cost, cost, NULL FROM (
    SELECT l.call_id, l.seq, json_extract(CAST(b.bytes AS TEXT), '$.hop') AS hop,
        CAST(replace(json_extract(CAST(b.bytes AS TEXT), '$.cost_eur'), '.', '') AS INTEGER) AS cost,
        json_extract(CAST(b.bytes AS TEXT), '$.cost_basis') AS basis,
        row_number() OVER (
            PARTITION BY l.call_id, json_extract(CAST(b.bytes AS TEXT), '$.hop') ORDER BY l.seq DESC
        ) AS place
    FROM ledger l JOIN body b USING (seq)
    WHERE l.call_id IN (
        SELECT call_id FROM ledger JOIN body USING (seq)
        WHERE kind IN ('llm.call.completed', 'llm.call.failed')
            AND instr(bytes, CAST('"cost_basis":"worst_case"' AS BLOB))
    ) AND l.kind IN ('llm.call.completed', 'llm.call.failed')
) WHERE place = 1 AND basis = 'worst_case' AND cost > 0;
"""
"""Ends of hops that stand booked at their bound; under which keys is not known of those before this table."""


_SHARES_AND_LATCHES = """
ALTER TABLE provider_breaker ADD COLUMN recent TEXT NOT NULL DEFAULT '[]';
CREATE TABLE budget_breaker(
    provider TEXT NOT NULL, model_id TEXT NOT NULL, latched INTEGER NOT NULL, trips INTEGER NOT NULL,
    changed_us INTEGER NOT NULL, seq INTEGER NOT NULL, call_id TEXT NOT NULL, hop INTEGER NOT NULL,
    cost INTEGER NOT NULL, bound INTEGER NOT NULL, tokens INTEGER NOT NULL, bound_tokens INTEGER NOT NULL,
    PRIMARY KEY (provider, model_id)
) STRICT, WITHOUT ROWID;
"""


_RETENTION = """
CREATE TABLE pruned_range(
    seq INTEGER PRIMARY KEY REFERENCES ledger, before TEXT NOT NULL, upto_seq INTEGER NOT NULL,
    kinds TEXT NOT NULL, done_seq INTEGER NOT NULL
) STRICT;
CREATE TABLE schema_change(to_version INTEGER PRIMARY KEY, from_version INTEGER NOT NULL) STRICT;

CREATE TRIGGER pruned_range_is_an_event BEFORE INSERT ON pruned_range
WHEN NOT EXISTS (
    SELECT 1 FROM ledger l JOIN body b ON b.seq = l.seq
    WHERE l.seq = NEW.seq AND l.kind = 'ledger.pruned' AND NEW.upto_seq < NEW.seq
        AND instr(CAST(b.bytes AS TEXT), '"before":"' || NEW.before || '"')
        AND instr(CAST(b.bytes AS TEXT), '"kinds":' || NEW.kinds || ',')
        AND (instr(CAST(b.bytes AS TEXT), '"upto_seq":' || NEW.upto_seq || '}')
            OR instr(CAST(b.bytes AS TEXT), '"upto_seq":' || NEW.upto_seq || ','))
)
BEGIN SELECT raise(ABORT, 'a pruned range is that of its event'); END;
CREATE TRIGGER pruned_range_goes_on BEFORE UPDATE ON pruned_range
WHEN (NEW.seq, NEW.before, NEW.upto_seq, NEW.kinds) IS NOT (OLD.seq, OLD.before, OLD.upto_seq, OLD.kinds)
    OR NEW.done_seq < OLD.done_seq
BEGIN SELECT raise(ABORT, 'a pruned range is that of its event'); END;
CREATE TRIGGER pruned_range_stays BEFORE DELETE ON pruned_range
BEGIN SELECT raise(ABORT, 'a pruned range is that of its event'); END;

DROP TRIGGER body_no_delete;
CREATE TRIGGER body_no_delete BEFORE DELETE ON body
WHEN NOT EXISTS (
    SELECT 1 FROM ledger l JOIN pruned_range r ON OLD.seq <= r.upto_seq AND l.ts < r.before
    WHERE l.seq = OLD.seq AND instr(r.kinds, '"' || l.kind || '"')
        AND l.kind IN ('llm.call.accepted', 'llm.call.completed', 'llm.call.failed', 'llm.call.refused',
            'llm.call.requested', 'llm.fallback.taken')
)
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
"""
"""A body goes only where a ``ledger.pruned`` covers it, and only of the kinds that stand here.

The event's text is searched, not parsed: an untrusted schema may not use the functions of JSON. A quotation
mark within a text is escaped in canonical JSON, so no text can look like these fields.
"""


_FAILED = "SELECT bytes FROM ledger JOIN body USING (seq) WHERE kind = 'llm.call.failed'"


@MIGRATIONS(name="001_ledger_and_projections")
def _ledger_and_projections(db: sqlite_utils.Database) -> None:
    for script in (_LEDGER, _PROJECTIONS):
        for statement in _statements(script):
            db.execute(statement)


@MIGRATIONS(name="002_breakers_and_bounds")
def _breakers_and_bounds(db: sqlite_utils.Database) -> None:
    for statement in (*_statements(_BREAKERS_AND_BOUNDS), _ENDED_AT_BOUND):
        db.execute(statement)


@MIGRATIONS(name="003_shares_and_latches")
def _shares_and_latches(db: sqlite_utils.Database) -> None:
    for statement in _statements(_SHARES_AND_LATCHES):
        db.execute(statement)


@MIGRATIONS(name="004_hops_that_left")
def _hops_that_left(db: sqlite_utils.Database) -> None:
    """Hops of callers that were cancelled or lost are calls: figures that left some out are made anew."""
    for (data,) in db.execute(_FAILED):
        body = orjson.loads(data)
        if was_sent(body) and not was_sent({"attempts": body["attempts"]}):
            rebuild(db.conn)
            return


@MIGRATIONS(name="005_retention")
def _retention(db: sqlite_utils.Database) -> None:
    for statement in _statements(_RETENTION):
        db.execute(statement)


def _statements(script: str) -> list[str]:
    """The script's statements, so that each runs inside the migration's transaction."""
    found, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return found
