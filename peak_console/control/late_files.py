"""What people did about an incident while no node answered, kept until one records it.

A file ``unrecorded-<incident_id>-<number>.json`` in ``audits/control``, or in the user's state folder where
that cannot be written: ``{"v": 1, "incident_id", "events": [{"event_id", "kind", "body"}]}``; ``at`` in a
body is when it was left. What was sent
to a node that hung has the same ids, so whatever became of that, each is recorded once.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from peak_console.control.folder import RealFolder
from peak_console.domain.clock import from_iso, iso
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import is_incident_id
from peak_console.domain.text import one_line

FILE_LIMIT: Final = 65_536
"""Bytes of such a file; a larger one is not read."""

PEOPLES: Final = frozenset({"disarm", "reduce", "stop", "capture"})
"""The actions that such a file may tell of."""

_NAME: Final = re.compile(r"unrecorded-(inc_[0-9]{8}_[0-9]{6}_[a-z0-9]{1,12})-[0-9a-z-]{1,40}\.json")
_EVENT_ID: Final = re.compile(r"ev_[0-9a-z_]{8,64}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_EVENTS_MOST: Final = 16
_ASIDE: Final = "set-aside-"
_TEXTS: Final = {"cause": 100, "scope": 160, "summary": 400, "next_action": 300, "detail": 400, "path": 400}
_COUNTS: Final = ("files", "bytes", "edition", "checkpoint_size")


@dataclass(frozen=True, slots=True)
class Late:
    """What a file tells, and who wrote it, by the file's owner."""

    incident_id: str
    drafts: tuple[EventDraft, ...]
    uid: int


def places(root: Path, control: Path, state: Path) -> tuple[Path, Path]:
    """The folders where such files may lie; the first is the better one."""
    mark = hashlib.sha256(os.fspath(root.resolve()).encode()).hexdigest()[:16]
    return control, state / "unrecorded" / mark


def leave(folders: Sequence[Path], incident_id: str, drafts: Sequence[EventDraft]) -> Path:
    """Keep events for the next node in the first folder that takes them; ``OSError`` where none does."""
    at = iso(datetime.now(UTC))
    events = [{"event_id": one.event_id, "kind": one.kind, "body": {"at": at, **one.body}} for one in drafts]
    data = json.dumps({"v": 1, "incident_id": incident_id, "events": events}).encode()
    name = f"unrecorded-{incident_id}-{time.time_ns() // 1_000_000:013d}-{secrets.token_hex(3)}.json"
    failed: OSError | None = None
    for number, folder in enumerate(folders):
        try:
            if number:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            RealFolder(folder).replace(name, data)
        except OSError as error:
            failed = failed or error
        else:
            return folder / name
    raise failed or OSError("there is no folder for it")


def left(folders: Sequence[Path]) -> Iterator[Path]:
    """Files that wait, in the order in which each incident's were left."""
    for folder in folders:
        with contextlib.suppress(OSError):
            yield from (one for one in sorted(folder.iterdir()) if _NAME.fullmatch(one.name))


def read(path: Path) -> Late:
    """What a file tells. Raises ``ValueError`` for what :func:`leave` does not write, or ``OSError``."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode) or state.st_size > FILE_LIMIT:
            raise ValueError("it is no file, or too large")
        data = os.read(handle, FILE_LIMIT + 1)
    finally:
        os.close(handle)
    return _late(path.name, json.loads(data), state.st_uid)


def set_aside(path: Path) -> None:
    """Have a file never be read again, and keep it to be looked at."""
    with contextlib.suppress(OSError):
        path.rename(path.with_name(_ASIDE + path.name))


def _late(name: str, told: Any, uid: int) -> Late:
    known = _NAME.fullmatch(name)
    incident_id = told.get("incident_id") if isinstance(told, Mapping) else None
    events = told.get("events") if isinstance(told, Mapping) else None
    if known is None or incident_id != known[1] or not is_incident_id(incident_id):
        raise ValueError("it names no incident, or another than its name")
    if told.get("v") != 1 or not isinstance(events, list) or not 0 < len(events) <= _EVENTS_MOST:
        raise ValueError("it is of another form")
    return Late(incident_id, tuple(_draft(incident_id, one) for one in events), uid)


def _draft(incident_id: str, told: Any) -> EventDraft:
    """One event, made anew of the fields that are known: nothing else of a file reaches the ledger."""
    body = told.get("body") if isinstance(told, Mapping) else None
    event_id = told.get("event_id") if isinstance(told, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(event_id, str) or not _EVENT_ID.fullmatch(event_id):
        raise ValueError("an event has no id or no body")
    maker = _MAKERS.get(str(told.get("kind")))
    if maker is None or body.get("incident_id") != incident_id:
        raise ValueError("an event is of another kind, or of another incident")
    return EventDraft(event_id, str(told["kind"]), {"incident_id": incident_id, **maker(body), **_at(body)})


def _at(body: Mapping[str, Any]) -> dict[str, str]:
    """When it was left, where that is told as the ledger tells times."""
    if "at" not in body:
        return {}
    at = from_iso(str(body["at"]))
    if at.tzinfo is None:
        raise ValueError("a time without a zone is none")
    return {"at": iso(at)}


def _opened(body: Mapping[str, Any]) -> dict[str, Any]:
    if (body.get("trigger"), body.get("auto")) != ("operator", "none"):
        raise ValueError("only the node opens incidents of its triggers")
    texts = _texts(body, "cause", "scope", "summary", "next_action")
    return {"trigger": "operator", "figures": {}, "auto": "none", **texts}


def _acted(body: Mapping[str, Any]) -> dict[str, Any]:
    action, ok, ms = body.get("action"), body.get("ok"), body.get("ms")
    if action not in PEOPLES or not isinstance(ok, bool) or type(ms) is not int or not 0 <= ms < 1 << 53:
        raise ValueError("an action is none that people take")
    return {"action": action, "ok": ok, "ms": ms, **_texts(body, *({"detail", "path"} & set(body)))}


def _sealed(body: Mapping[str, Any]) -> dict[str, Any]:
    counts, digest = {name: body.get(name) for name in _COUNTS}, body.get("manifest_sha256")
    if any(type(one) is not int or not 0 <= one < 1 << 53 for one in counts.values()):
        raise ValueError("a seal has no figures")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ValueError("a seal has no digest")
    return {"manifest_sha256": digest, **counts}


def _texts(body: Mapping[str, Any], *names: str) -> dict[str, str]:
    return {name: one_line(str(body.get(name, "")), _TEXTS[name]) for name in names}


_MAKERS: Final = {
    EventKind.INCIDENT_OPENED.value: _opened,
    EventKind.INCIDENT_ACTION_TAKEN.value: _acted,
    EventKind.EVIDENCE_SEALED.value: _sealed,
}
