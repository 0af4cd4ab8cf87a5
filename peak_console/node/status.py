"""What the node answers besides appends: its state, the control history, and to end."""

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from peak_console.control.boot import boot_id
from peak_console.domain.stopping import REDUCE
from peak_console.ledger.library import has_wal_reset_bug
from peak_console.ledger.service.server import Handler
from peak_console.ledger.service.session import Session
from peak_console.ledger.service.wire import Message
from peak_console.node.admission import cooldown_left_s, is_new, scope_cooldown_left_s
from peak_console.node.genesis import version
from peak_console.node.health import disk_free, wal_size
from peak_console.node.notarizing import told_of
from peak_console.node.trigger_place import handlers as trigger_handlers

if TYPE_CHECKING:
    from peak_console.node.engine import Node


def handlers(node: "Node") -> dict[str, Handler]:
    """The operations that a node adds to the ledger's server."""

    async def status(_: Message, __: Session) -> Message:
        return report(node)

    async def control(_: Message, __: Session) -> Message:
        return control_report(node)

    async def stop(_: Message, session: Session) -> Message:
        node.ask_to_end(f"asked to end by {session.actor}")
        return {"ending": True}

    async def checkpoint(_: Message, __: Session) -> Message:
        return await node.notarizing.checkpoint()

    async def lower(message: Message, session: Session) -> Message:
        return await node.lowering.asked(message, session)

    return {
        "control.lower": lower,
        "status": status,
        "control": control,
        "stop": stop,
        "checkpoint": checkpoint,
        **node.drafts.handlers(),
        **node.scheduling.handlers(),
        **trigger_handlers(node),
    }


def control_report(node: "Node") -> dict[str, Any]:
    """The fold of enables and stops as an enable asks for it, and the operators."""
    facts, around = node.state.facts, node.rules.circumstances()
    history = facts.history
    return {
        "last": history.last,
        "in_force": history.in_force,
        "since": history.since,
        "stops": sorted(history.stops),
        "lifted": sorted(history.lifted),
        "new_workspace": is_new(facts, around),
        "cooldown_left_s": cooldown_left_s(facts, around),
        "problems": list(around.problems),
        "operators": dict(sorted(facts.operators.items())),
        "phase": facts.phase.value,
        "simulated": facts.simulated,
        "lowered": lowered_report(node),
    }


def lowered_report(node: "Node") -> dict[str, Any]:
    """What is lowered, by scope (``reduce`` among them): since when, why, by whom, the cooldown left."""
    facts, around = node.state.facts, node.rules.circumstances()
    marks = dict(facts.lowered.scopes)
    if facts.lowered.reduce is not None:
        marks[REDUCE] = facts.lowered.reduce
    return {
        scope: {**asdict(mark), "cooldown_left_s": scope_cooldown_left_s(scope, facts, around)}
        for scope, mark in sorted(marks.items())
    }


def report(node: "Node") -> dict[str, Any]:
    """The node's state for ``peak node status`` and ``peak status``; JSON types without floats."""
    state, server, keeper = node.state, node.server, node.keeper
    folded = node.watch.folded
    return {
        **server.status(),
        "ledger_fault": state.fault,
        "session": state.session,
        "boot_id": boot_id(),
        "version": version(),
        "sqlite": sqlite3.sqlite_version,
        "sqlite_wal_reset_bug": has_wal_reset_bug(sqlite3.sqlite_version),
        "leasing": state.leasing,
        "lease_age_ms": keeper.age_ms,
        "lease_error": keeper.error,
        "posture": {
            "state": folded.state.value,
            "calls": folded.calls,
            "reasons": list(folded.reasons),
            "conflicts": list(folded.conflicts),
            "orders": folded.orders.value,
        },
        "lowered": lowered_report(node),
        "unrecorded": sorted(state.lowering),
        "quarantined": list(state.quarantined),
        "ramp_pct": state.ramp_pct,
        "workers": node.notices.workers.report()["workers"],
        "breakers": [asdict(one) for one in state.open_breakers()],
        "latches": [one.as_dict() for one in state.latches.latched()],
        "order_breakers": node.order_breakers.report(),
        "triggers": {"waiting": node.opening.waiting, "longest_us": node.detecting.longest_us},
        "phase": state.facts.phase.value,
        "simulated": state.facts.simulated,
        "verified": state.verified.as_dict(),
        "pending": server.oldest_wait_us() > 0,
        "append_wait_p99_us": percentile(list(server.recent_waits_us), 99),
        "wal_bytes": wal_size(state.ws.ledger),
        "disk_free_bytes": disk_free(state.ws.audits),
        "configs": {
            "error": state.config_error,
            "digests": dict(state.digests),
            "unkept": node.watch.versions.problem,
        },
        "drafts": node.drafts.note,
        "jobs": node.scheduling.report(),
        "environment_file": node.key_file.as_dict(),
        "children": [child.state.as_dict() for child in node.children],
        "notary": told_of(node.notarizing.status),
        "metrics_url": state.metrics_url,
        "operators": sorted(state.facts.operators),
        "last_stop": asdict(state.facts.last_stop) if state.facts.last_stop else None,
    }


def percentile(values: Sequence[int], per_cent: int) -> int | None:
    """The nearest-rank percentile; ``None`` of nothing."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * per_cent // 100) - 1)]
