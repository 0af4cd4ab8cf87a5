"""Headers as the writer makes them: what may stand in one, and the bytes its hash is taken of."""

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventDraft

TEXT_LIMIT: Final = 300
"""The longest text a header field may hold, in characters."""

_KIND = re.compile(r"[a-z][a-z0-9_]{0,30}(\.[a-z][a-z0-9_]{0,30}){1,4}")
_EVENT_ID = re.compile(r"[!-~]{1,100}")
_OPTIONAL = ("run_id", "call_id", "layer", "role", "provider", "model_id")


class Header(NamedTuple):
    """One event's header as the table has it, in the order of its columns, and who sent it."""

    seq: int
    event_id: str
    ts: str
    boot_us: int
    kind: str
    actor: str
    run_id: str | None
    call_id: str | None
    layer: str | None
    role: str | None
    provider: str | None
    model_id: str | None
    body_sha256: str
    prev_hash: str
    hash: str
    client: str = ""
    """The client's id, for those who look after lost callers; neither stored nor hashed."""


def check_draft(draft: EventDraft) -> None:
    """Refuse a draft whose header cannot be written; raises ``UsageWrong`` with code ``event_malformed``."""
    if not _fits(_EVENT_ID, draft.event_id):
        raise malformed("event_id", "is not 1 to 100 printable ASCII characters without spaces")
    kind: object = draft.kind
    if not (isinstance(kind, str) and _is_kind(kind)):
        raise malformed("kind", "is not dotted lower-case words")
    texts = (draft.run_id, draft.call_id, draft.layer, draft.role, draft.provider, draft.model_id)
    for name, text in zip(_OPTIONAL, texts, strict=True):
        if text is not None and not (type(text) is str and text.isascii() and 0 < len(text) <= TEXT_LIMIT):
            _check_text(name, text)


def header_bytes(fields: dict[str, Any]) -> bytes:
    """The canonical JSON of a header's present fields but its hash."""
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def malformed(name: str, why: str) -> UsageWrong:
    """The refusal of an event that does not have the form of its contract."""
    return UsageWrong(
        f"the event's {name} {why}",
        code="event_malformed",
        remedy="send events as docs/ledger.md describes them",
        field=name,
    )


@lru_cache(maxsize=512)
def _is_kind(kind: str) -> bool:
    return _KIND.fullmatch(kind) is not None


def _fits(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _check_text(name: str, text: object) -> None:
    if not isinstance(text, str) or not 0 < len(text) <= TEXT_LIMIT:
        raise malformed(name, f"is not text of 1 to {TEXT_LIMIT} characters")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise malformed(name, "holds a lone surrogate") from None
