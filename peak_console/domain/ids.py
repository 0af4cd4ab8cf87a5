"""Identifiers. Randomness is passed in as bytes, so that this module stays pure."""

import re
from base64 import b32encode
from collections.abc import Callable
from datetime import datetime
from typing import NewType
from uuid import UUID

RunId = NewType("RunId", str)
CallId = NewType("CallId", str)
EventId = NewType("EventId", str)
IncidentId = NewType("IncidentId", str)

RandomBytes = Callable[[int], bytes]
"""A source of random bytes, for example :func:`secrets.token_bytes`."""

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_TO_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _CROCKFORD.encode())
_RUN_ID = re.compile(rf"[0-9]{{8}}_[0-9]{{6}}_[{_CROCKFORD}]{{6}}")
_INCIDENT_ID = re.compile(rf"inc_{_RUN_ID.pattern}")


def crockford(raw: bytes) -> str:
    """Lower-case Crockford base32, five bits a character, highest first; leftover bits are dropped."""
    return b32encode(raw).translate(_TO_CROCKFORD)[: len(raw) * 8 // 5].decode()


def new_run_id(now: datetime, random: RandomBytes) -> RunId:
    """``YYYYMMDD_HHMMSS_<short>`` in UTC, six random characters (decision 2)."""
    return RunId(f"{now:%Y%m%d_%H%M%S}_{crockford(random(4))[:6]}")


def is_run_id(text: str) -> bool:
    """Whether ``text`` reads as a run id: our own form, or a UUID."""
    if _RUN_ID.fullmatch(text):
        return True
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def new_incident_id(now: datetime, random: RandomBytes) -> IncidentId:
    """``inc_YYYYMMDD_HHMMSS_<short>`` in UTC; the one who opens it makes it, so it stands without a node."""
    return IncidentId(f"inc_{new_run_id(now, random)}")


def is_incident_id(text: str) -> bool:
    """Whether ``text`` reads as an incident's id."""
    return _INCIDENT_ID.fullmatch(text) is not None


def new_call_id(random: RandomBytes, at: datetime | None = None) -> CallId:
    """``call_`` and 20 characters; see :func:`new_event_id`."""
    return CallId("call_" + crockford(_prefix(at) + random(7)) if at else "call_" + crockford(random(13)))


def new_event_id(random: RandomBytes, at: datetime | None = None) -> EventId:
    """``ev_`` and 24 characters; made by the client, so that a repeated append finds the first.

    With ``at`` the first 48 bits are its milliseconds and 72 are random, so that ids sort by time: an index
    of them grows at its end, and the ledger writes fewer pages. Without, 120 bits are random.
    """
    return EventId("ev_" + crockford(_prefix(at) + random(9)) if at else "ev_" + crockford(random(15)))


def _prefix(at: datetime) -> bytes:
    return int(at.timestamp() * 1000).to_bytes(6, "big")
