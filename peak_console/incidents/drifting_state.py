"""The state of drift's tests as it is kept over a restart, and as the node tells it. Pure.

Kept with the place up to which it counts, so that going on counts nothing twice. What is kept is working
state: one that cannot be read is begun anew, and what is detected stands on the ledger.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from peak_console.config.incidents import ModelDrift
from peak_console.domain.clock import from_unix_us, iso
from peak_console.domain.drift import Signal, Tier
from peak_console.incidents.drifting import Drift, Known
from peak_console.incidents.drifting_checks import Check
from peak_console.incidents.drifting_slot import Slot, SlotKey, Stream
from peak_console.stats.e_detector import detector, restored

FORMAT: Final = 1


def kept(drift: Drift) -> dict[str, Any]:
    """The state as JSON types."""
    return {
        "format": FORMAT,
        "lock": drift.lock,
        "slots": [{"slot": list(key), **_slot_kept(slot)} for key, slot in drift.slots.items()],
        "checks": [_check_kept(one) for one in drift.checks.values()],
        "asked_us": drift.asked_us,
    }


def begun_from(state: object, seq: int) -> Drift:
    """Tests that go on where ``state`` was kept, which counts up to ``seq``.

    Raises ``ValueError`` for what was not kept by :func:`kept`.
    """
    drift = Drift()
    try:
        if not isinstance(state, dict) or state["format"] != FORMAT or type(seq) is not int or seq < 0:
            raise ValueError("it has another format")
        drift.lock, drift.seq = str(state["lock"]), seq
        drift.slots = {_key(one["slot"]): _slot_of(one) for one in state["slots"]}
        checks = [_check_of(one) for one in state["checks"]]
        drift.checks = {(one.slot, one.tier): one for one in checks}
        drift.asked_us = {str(model): int(at) for model, at in state["asked_us"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the state of drift's tests lacks {error}") from error
    return drift


def told(drift: Drift, known: Known) -> dict[str, Any]:
    """The tests as the operation ``drift.status`` tells them: texts and whole numbers."""
    keys = {*drift.slots, *known.entries}
    rules = known.rules
    return {
        "upto": drift.seq,
        "lock": drift.lock or None,
        "alarm_at": str(rules.alarm_log),
        "warn_at": str(rules.alarm_log - rules.warn_below),
        "quarantine": [one.value for one in rules.quarantine],
        "models": [_told_slot(drift, key, known) for key in sorted(keys)],
    }


def _told_slot(drift: Drift, key: SlotKey, known: Known) -> dict[str, Any]:
    layer, role, provider, model_id = key
    slot, entry = drift.slots.get(key, Slot()), known.entries.get(key)
    streams = [_told_stream(signal.value, one, known.rules) for signal, one in slot.streams.items()]
    if slot.canary is not None:
        streams.append(_told_stream(Signal.CANARY.value, slot.canary, known.rules))
    checks = {
        tier.value: _told_check(one)
        for tier in (Tier.CANARY, Tier.TWO_SAMPLE)
        if (one := drift.checks.get((key, tier))) is not None
    }
    return {
        "layer": layer,
        "role": role,
        "provider": provider,
        "model_id": model_id,
        "state": state_of(slot, known.rules, locked=entry is not None),
        "locked": entry is not None,
        "served": sorted(slot.served),
        "fingerprints": len(slot.fingerprints),
        "unexpected": sorted(slot.unexpected),
        "detected": [{"signal": signal.value, "seen": seen} for signal, seen in sorted(slot.told)],
        "streams": streams,
        "checks": checks,
        "last_answer_at": iso(from_unix_us(slot.last_us)) if slot.last_us else None,
    }


def state_of(slot: Slot, rules: ModelDrift, *, locked: bool) -> str:
    """``drifted``, ``watch``, ``ok``, ``not_tested`` or ``unknown``; what is out of use the ledger says.

    Not tested is a model whose lock entry has nothing to test it against; unknown one without an entry, and
    one of which nothing was seen.
    """
    warn_at = float(rules.alarm_log - rules.warn_below)
    tested = [*slot.streams.values(), *([slot.canary] if slot.canary is not None else [])]
    if slot.told or any(one.rests for one in tested):
        return "drifted"
    if slot.unexpected or any(one.state.evidence >= warn_at for one in tested):
        return "watch"
    if locked and not tested:
        return "not_tested"
    return "ok" if locked and any(one.state.seen for one in tested) else "unknown"


def _told_stream(name: str, stream: Stream, rules: ModelDrift) -> dict[str, Any]:
    state = stream.state
    return {
        "name": name,
        "seen": state.seen,
        "hits": state.hits,
        "usual_pct": f"{state.p0 * 100:.3f}",
        "evidence": f"{state.shown:.2f}",
        "alarm_at": str(rules.alarm_log),
        "alarmed": stream.rests,
    }


def _told_check(one: Check) -> dict[str, Any]:
    told = {"at": one.ts, "ok": one.ok, "detail": one.detail, "seq": one.seq}
    return told | ({"incomplete": True} if one.incomplete else {})


# -- kept


def _slot_kept(slot: Slot) -> dict[str, Any]:
    return {
        "streams": {signal.value: _stream_kept(one) for signal, one in slot.streams.items()},
        "canary": None if slot.canary is None else _stream_kept(slot.canary),
        "served": dict(slot.served),
        "fingerprints": dict(slot.fingerprints),
        "unexpected": dict(slot.unexpected),
        "told": [[signal.value, seen, acts] for (signal, seen), acts in sorted(slot.told.items())],
        "last_us": slot.last_us,
    }


def _slot_of(fields: Mapping[str, Any]) -> Slot:
    return Slot(
        streams={Signal(name): _stream_of(one) for name, one in fields["streams"].items()},
        served=_counted(fields["served"]),
        fingerprints=_counted(fields["fingerprints"]),
        unexpected=_counted(fields["unexpected"]),
        canary=None if fields["canary"] is None else _stream_of(fields["canary"]),
        told={(Signal(signal), str(seen)): acts is True for signal, seen, acts in fields["told"]},
        last_us=int(fields["last_us"]),
    )


def _stream_kept(stream: Stream) -> dict[str, Any]:
    """JSON has no infinity: no evidence at all is null."""
    state = stream.state
    logs = [None if one == -math.inf else one for one in state.logs]
    return {"p0": state.p0, "logs": logs, "seen": state.seen, "hits": state.hits, "rests": stream.rests}


def _stream_of(fields: Mapping[str, Any]) -> Stream:
    logs = [-math.inf if one is None else float(one) for one in fields["logs"]]
    p0, seen, hits = float(fields["p0"]), int(fields["seen"]), int(fields["hits"])
    state = restored(p0, logs, seen, hits)
    return Stream(state if seen else detector(p0), fields["rests"] is True)


def _check_kept(one: Check) -> dict[str, Any]:
    return {
        "slot": list(one.slot),
        "tier": one.tier.value,
        "seq": one.seq,
        "ts": one.ts,
        "ok": one.ok,
        "cases": one.cases,
        "passed": one.passed,
        "p_value": one.p_value,
        "alpha": one.alpha,
        "failed": list(one.failed),
        "unanswered": one.unanswered,
    }


def _check_of(fields: Mapping[str, Any]) -> Check:
    return Check(
        _key(fields["slot"]),
        Tier(fields["tier"]),
        int(fields["seq"]),
        str(fields["ts"]),
        fields["ok"] is True,
        int(fields["cases"]),
        int(fields["passed"]),
        str(fields["p_value"]),
        str(fields["alpha"]),
        tuple(str(one) for one in fields["failed"]),
        int(fields.get("unanswered", 0)),
    )


def _key(parts: Iterable[object]) -> SlotKey:
    layer, role, provider, model_id = (str(one) for one in parts)
    return layer, role, provider, model_id


def _counted(fields: Mapping[str, Any]) -> Counter[str]:
    return Counter({str(name): int(times) for name, times in fields.items()})
