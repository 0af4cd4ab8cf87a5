"""What must stand in the bodies of events that figures and budgets are folded from."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from peak_console.domain.canonical import DEPTH_LIMIT, canonical
from peak_console.domain.clock import from_iso
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventKind
from peak_console.domain.verdict import Verdict
from peak_console.ledger.folds.run_limits import check_limits
from peak_console.ledger.headers import malformed
from peak_console.ledger.keeping.carried import CARRIED, check_carried

BODY_LIMIT: Final = 1024 * 1024
"""The largest canonical body, in bytes; longer texts belong into a run's files, by hash."""

_MONEY = re.compile(r"-?[0-9]{1,7}\.[0-9]{9}")
_TOKENS = ("input", "cached", "cache_write", "output", "reasoning")
_MAYBE_FLOAT = re.compile(rb"[:\[,]-?[0-9]+[.eE]")
_COUNT_LIMIT = 2**53

Check = Callable[[Any], bool]


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _COUNT_LIMIT


def _is_money(value: Any) -> bool:
    return isinstance(value, str) and _MONEY.fullmatch(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_moment(value: Any) -> bool:
    """A time as the ledger writes times: aware, so that it can be compared."""
    try:
        return isinstance(value, str) and from_iso(value).utcoffset() is not None
    except ValueError:
        return False


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_usage(value: Any) -> bool:
    return isinstance(value, Mapping) and all(_is_count(value.get(name, 0)) for name in _TOKENS)


_REQUIRED: Final[Mapping[str, Mapping[str, Check]]] = {
    EventKind.CALL_REQUESTED: {"hop": _is_count, "bound_eur": _is_money, "bound_tokens": _is_count},
    EventKind.CALL_COMPLETED: {
        "hop": _is_count,
        "cost_eur": _is_money,
        "latency_us": _is_count,
        "usage": _is_usage,
        "attempts": _is_list,
    },
    EventKind.CALL_FAILED: {
        "hop": _is_count,
        "reason": _is_text,
        "cost_eur": _is_money,
        "latency_us": _is_count,
        "attempts": _is_list,
    },
    EventKind.CALL_REFUSED: {"reason": _is_text},
    EventKind.CALL_ACCEPTED: {
        "hop": _is_count,
        "response_id": _is_name,
        "status": _is_text,
        "base_url": _is_name,
        "endpoint": _is_name,
        "expires_at": _is_moment,
    },
    EventKind.BUDGET_SETTLED: {
        "hop": _is_count,
        "cost_eur": _is_money,
        "was_eur": _is_money,
        "reason": _is_name,
        "operator": _is_name,
    },
    EventKind.CRITIC_JUDGED: {"verdict": lambda value: isinstance(value, str) and value in set(Verdict)},
    EventKind.POLICY_DENIED: {"rule": _is_text, "where": _is_text},
}
_NEEDS_CALL = frozenset(
    {
        EventKind.CALL_REQUESTED,
        EventKind.CALL_ACCEPTED,
        EventKind.CALL_COMPLETED,
        EventKind.CALL_FAILED,
        EventKind.BUDGET_SETTLED,
    }
)


def check_body(kind: str, body: Mapping[str, Any], call_id: str | None, run_id: str | None = None) -> None:
    """Refuse a body without the fields its kind is folded by; raises ``UsageWrong``."""
    if kind == EventKind.RUN_STARTED and body.get("limits") is not None:
        check_limits(body["limits"])
        if run_id is None:
            raise malformed("run_id", f"is missing in {kind} with limits")
        return
    if kind == EventKind.LEDGER_RECOVERED and CARRIED in body:
        check_carried(body)
    required = _REQUIRED.get(kind)
    if required is None:
        return
    if kind in _NEEDS_CALL and call_id is None:
        raise malformed("call_id", f"is missing in {kind}")
    for name, fits in required.items():
        if not fits(body.get(name)):
            raise malformed(f"body of {kind}", f"has no usable {name!r}: {body.get(name)!r:.60}")


def body_bytes(body: Mapping[str, Any]) -> bytes:
    """The canonical bytes of a body; raises ``NotCanonical``, or ``UsageWrong`` when it is too long."""
    data = canonical(dict(body))
    return _within_limit(data)


def parsed_body_bytes(body: Any) -> bytes:
    """:func:`body_bytes` of what a JSON parser gave, without walking it.

    A parser gives no NaN, no lone surrogate and no foreign type. So only a float, a large integer or a
    non-ASCII key can lie outside the domain, and each shows in the bytes; any doubt takes the long way.
    """
    if type(body) is not dict:
        raise malformed("body", "is not an object")
    try:
        data = orjson.dumps(body, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    except orjson.JSONEncodeError:
        data = b""
    if (
        not data
        or not data.isascii()
        or _MAYBE_FLOAT.search(data)
        or data.count(b"{") + data.count(b"[") > DEPTH_LIMIT
    ):
        return body_bytes(body)
    return _within_limit(data)


def _within_limit(data: bytes) -> bytes:
    if len(data) > BODY_LIMIT:
        raise PeakError(
            f"the event's body has {len(data)} bytes; at most {BODY_LIMIT} are kept",
            code="body_too_large",
            remedy="store the text with the run and refer to it by its hash",
        )
    return data
