"""Capture: everything around an incident in one sealed pack, whatever state the workspace is in.

``audits/<incident_id>/capture`` holds it, or a folder of the user's where that cannot be written. A second
one lies beside it in ``capture-2``; nothing is ever written over. It appears whole or not at all.
"""

import hashlib
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore, state_folder
from peak_console.control.sockets import find_socket
from peak_console.control.stop import login
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import crockford, is_incident_id, new_event_id
from peak_console.domain.redaction import redactor, secrets_of
from peak_console.domain.signing import Signer
from peak_console.domain.text import one_line
from peak_console.evidence.capturing import Capturing
from peak_console.evidence.dsse import key_id
from peak_console.evidence.manifest import MANIFEST
from peak_console.evidence.places import PackPlace
from peak_console.evidence.sealing import PackUnwritable, write_files
from peak_console.evidence.striking import remembering
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.capture_gathering import About, Gathering, Limits, Told
from peak_console.operations.captured import Captured
from peak_console.operations.containing import at_hand, kept, opening_draft
from peak_console.operations.evidence_record import seals_of
from peak_console.operations.incidents.reading import one_incident, read_incidents

__all__ = ["Limits", "capture"]

_CONNECT_S: Final = 1.0
_SIGN_S: Final = 2.0
"""How long the node may take to sign its head, so that the newest events can be proved."""
_RECORD_S: Final = 2.0
_CAPTURES: Final = "captures"


def capture(
    ws: Workspace,
    incident_id: str = "",
    *,
    reason: str = "",
    operator: str = "",
    told: Told | None = None,
    limits: Limits | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    record: bool = True,
) -> Captured:
    """Capture what surrounds ``incident_id``, or the newest incident that is open, or one that is opened now.

    Needs no node and no ledger: what cannot be had is listed with its reason. Bounded by ``limits``. A second
    capture lies beside the first. With ``record`` false, for a drill, the ledger is not told.

    Raises ``UsageWrong`` for what names no incident (``LedgerUnavailable`` where part of an id does), and
    ``PackUnwritable`` where neither ``audits/`` nor the user's state folder can be written.
    """
    incident_id = _named(ws, incident_id.strip())
    wish = _Wish(
        ws,
        operator or login(),
        one_line(reason, 500),
        told or _nobody,
        limits or Limits(),
        os.environ if environ is None else environ,
        clock or SystemClock(),
    )
    found, opened = at_hand(ws, incident_id)
    return wish.carry_out(found, opened=opened, record=record)


@dataclass(slots=True)
class _Wish:
    ws: Workspace
    operator: str
    reason: str
    told: Told
    limits: Limits
    environ: Mapping[str, str]
    clock: Clock
    began: float = field(default_factory=time.monotonic)

    def carry_out(self, incident_id: str, *, opened: bool, record: bool) -> Captured:
        node = _Node(self.ws) if record else None
        try:
            if node is not None and opened:
                summary = f"{self.operator} asked for: capture"
                node.append([opening_draft(incident_id, self.operator, f"{summary}: {self.reason}")])
            if node is not None:
                node.sign()
            captured = self._captured(incident_id, opened=opened)
            captured = captured if node is None else node.recorded(captured)
        except BaseException:
            if node is not None and node.unsent:
                kept(self.ws, incident_id, node.unsent)
            raise
        finally:
            if node is not None:
                node.close()
        if node is None or not node.unsent:
            return captured
        lost = kept(self.ws, incident_id, node.unsent)
        return replace(captured, waits=not lost, unrecorded=f"{captured.unrecorded}{lost}")

    def _captured(self, incident_id: str, *, opened: bool) -> Captured:
        no_ledger = _unreadable(self.ws)
        triggered_at = _by_id(incident_id) if no_ledger else _triggered(self.ws, incident_id)
        about = About(incident_id, triggered_at, self.clock.now(), self.operator, self.reason)
        into = Capturing(incident_id, remembering(redactor(secrets_of(self.environ))))
        gathering = Gathering(
            self.ws,
            about,
            into,
            limits=self.limits,
            left_s=self._left_s,
            clock=self.clock,
            environ=self.environ,
            no_ledger=no_ledger,
        )
        gathering.everything(self.told)
        signer, unsealed = _signer(self.ws, self.environ)
        files = into.sealed(signer, "nobody signed this" if signer is None else key_id(signer.public))
        edition = 1 if no_ledger else self._edition(incident_id)
        place, outside = self._written(incident_id, files, edition)
        return Captured(
            incident_id=incident_id,
            opened=opened,
            path=place.path,
            number=place.edition,
            sealed=signer is not None,
            unsealed=unsealed,
            outside=outside,
            files=len(files),
            bytes=sum(map(len, files.values())),
            events=gathering.events,
            runs=gathering.runs,
            runs_left_out=gathering.runs_left_out,
            left_out=tuple(into.contents.left_out),
            manifest_sha256=sha256_hex(files[MANIFEST]),
            checkpoint_size=into.checkpoint_size,
            ms=round((time.monotonic() - self.began) * 1000),
        )

    def _edition(self, incident_id: str) -> int:
        """From which number on a free one is looked for: one that was taken away keeps its own."""
        with suppress(PeakError, OSError):
            return 1 + max((one.edition for one in seals_of(self.ws, incident_id)), default=0)
        return 1

    def _written(self, incident_id: str, files: Mapping[str, bytes], edition: int) -> tuple[PackPlace, str]:
        """Write it into the workspace, else into the user's state folder; why, where it is the latter."""
        try:
            return write_files(self.ws.audits, incident_id, files, edition), ""
        except PackUnwritable as error:
            why = error.message
        root = hashlib.sha256(str(self.ws.root.resolve()).encode()).hexdigest()[:16]
        folder = state_folder(self.environ) / _CAPTURES / root
        return write_files(folder, incident_id, files, edition), why

    def _left_s(self) -> float:
        return self.limits.seconds - (time.monotonic() - self.began)


class _Node:
    """The node as far as it answers; what it does not take is told, and nothing waits for it twice."""

    def __init__(self, ws: Workspace) -> None:
        self.why = ""
        self.unsent: list[EventDraft] = []
        """What it did not take: kept for the next one."""
        self._client: BlockingLedgerClient | None = None
        self._try(lambda: self._open(ws))

    def sign(self) -> None:
        """Have the head signed, so that what is newest can be proved."""
        why, self.why = self.why, ""
        self._try(lambda: self._asked().request("checkpoint", deadline_s=_SIGN_S))
        self.why = why or (self.why if self._client is None else "")

    def append(self, drafts: Sequence[EventDraft]) -> list[int]:
        """Append; gives the places, nothing where it could not."""
        found: list[int] = []
        self._try(lambda: found.extend(ack.seq for ack in self._asked().append(drafts, deadline_s=_RECORD_S)))
        if not found:
            self.unsent += drafts
        return found

    def recorded(self, done: Captured) -> Captured:
        """Record the seal and that it was captured; gives the capture with its place, or why not."""
        drafts = [_seal_draft(done)] if done.sealed and not done.outside else []
        places = self.append([*drafts, _action_draft(done)])
        seq = places[0] if places and drafts else None
        return replace(done, seq=seq, unrecorded=self.why)

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()

    def _open(self, ws: Workspace) -> None:
        self._client = BlockingLedgerClient.connect(
            find_socket(ws.control), name="peak capture", deadline_s=_CONNECT_S
        )

    def _asked(self) -> BlockingLedgerClient:
        if self._client is None:
            raise PeakError(self.why or "no node answers", code="node_unreachable")
        return self._client

    def _try(self, action: Any) -> None:
        try:
            action()
        except PeakError as error:
            self.why = error.message
        except OSError as error:
            self.why = error.strerror or str(error)


def _signer(ws: Workspace, environ: Mapping[str, str]) -> tuple[Signer | None, str]:
    try:
        return KeyStore(ws.keys, environ).signer(), ""
    except PeakError as error:
        return None, error.message
    except OSError as error:
        return None, error.strerror or str(error)


def _named(ws: Workspace, text: str) -> str:
    """The id that ``text`` means: one as it is, or what the ledger knows by so much of it. Never a path."""
    if not text or is_incident_id(text):
        return text
    with LedgerReader(ws.ledger) as reader:
        found = one_incident(read_incidents(reader), text).incident_id
    if is_incident_id(found):
        return found
    raise UsageWrong(
        f"{one_line(text, 60)!r} is no incident's id",
        code="incident_id_malformed",
        remedy="an incident's id reads inc_YYYYMMDD_HHMMSS_xxxxxx; see: peak incident list",
    )


def _triggered(ws: Workspace, incident_id: str) -> datetime:
    """When the incident was opened, by the ledger; by its id where that cannot say."""
    with suppress(PeakError, OSError), LedgerReader(ws.ledger) as reader:
        known = read_incidents(reader).get(incident_id)
        if known is not None:
            return known.opened_at
    return _by_id(incident_id)


def _unreadable(ws: Workspace) -> str:
    """Why the ledger cannot be read; asked once, because a locked one makes everybody wait."""
    try:
        with LedgerReader(ws.ledger) as reader:
            reader.head()
    except PeakError as error:
        return error.message
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _by_id(incident_id: str) -> datetime:
    """When an incident was opened, to the second, as its id has it."""
    return datetime.strptime(incident_id[4:19], "%Y%m%d_%H%M%S").replace(tzinfo=UTC)


def _seal_draft(done: Captured) -> EventDraft:
    """The seal's record; the same seal again is the same event."""
    body = {
        "incident_id": done.incident_id,
        "manifest_sha256": done.manifest_sha256,
        "files": done.files,
        "bytes": done.bytes,
        "edition": done.number,
        "checkpoint_size": done.checkpoint_size,
    }
    name = f"{done.incident_id}/{done.number}/{done.manifest_sha256}"
    event_id = "ev_" + crockford(hashlib.sha256(name.encode()).digest()[:15])
    return EventDraft(event_id, EventKind.EVIDENCE_SEALED.value, body)


def _action_draft(done: Captured) -> EventDraft:
    place = str(done.path) if done.outside else f"audits/{done.incident_id}/{done.path.name}"
    body = {
        "incident_id": done.incident_id,
        "action": "capture",
        "ok": done.ok,
        "ms": done.ms,
        "path": place,
        "detail": one_line(done.line, 400),
    }
    return EventDraft(new_event_id(secrets.token_bytes), EventKind.INCIDENT_ACTION_TAKEN.value, body)


def _nobody(_what: str, _done: int, _total: int) -> None:
    pass
