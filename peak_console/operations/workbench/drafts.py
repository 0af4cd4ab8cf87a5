"""Drafts as an editor keeps them: with the node where one answers, else in this user's state folder.

The folder also has a copy of what this user put there, which counts while no node answers and after the
node's file was lost. A draft is this user's own. What :meth:`DraftStore.put` gave back is durable: it is
there after the editor or the node was killed.
"""

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from peak_console.config.workspace import Workspace
from peak_console.control.keys import WORKSPACE, KeyStore, fingerprint_of, state_folder
from peak_console.control.sockets import find_socket
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.clock import SystemClock, from_iso, iso
from peak_console.domain.errors import EnvironmentUnfit, PeakError, UsageWrong
from peak_console.ledger.durable import sync_folder
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.workbench.shapes import Draft

SIZE_LIMIT: Final = 1_000_000
"""Bytes of a draft's text, and of the text it began from: as large as a config may be."""

_PATIENCE_S: Final = 2.0
_OWN_ONLY: Final = 0o700


class DraftStore:
    """The drafts of one workspace. Safe to use from any thread; each call stands alone."""

    def __init__(self, ws: Workspace, environ: Mapping[str, str] | None = None) -> None:
        self._ws = ws
        self._folder = state_folder(environ) / "drafts" / _fingerprint(ws)

    def put(
        self,
        target: str,
        text: str,
        *,
        base: str | None,
        base_text: str,
        origin: str = "editor",
        now: datetime | None = None,
    ) -> Draft:
        """Keep a draft of the config ``target``, in the place of an older one; durable when this returns.

        Raises ``UsageWrong`` (``draft_too_large``, ``drafts_full``), ``EnvironmentUnfit`` where neither the
        node nor this user's folder takes it.
        """
        refuse_too_large(text, base_text)
        draft = Draft(target, text, base, base_text, now or SystemClock().now(), "", origin)
        reply = self._ask("draft.put", draft=draft_to_json(draft))
        if reply is None:
            self._write(target, draft_to_json(draft))
            return draft
        with suppress(EnvironmentUnfit):  # the node has it
            self._write(target, reply["draft"])
        return draft_from_json(reply["draft"])

    def get(self, target: str) -> Draft | None:
        """This user's draft of a config, the newest that is kept anywhere; ``None`` without one."""
        reply = self._ask("draft.get", target=target) or {}
        return _newest(reply.get("draft"), self._read(target))

    def drop(self, target: str) -> None:
        """Forget a draft; where no node answers, one that it keeps is forgotten as well."""
        if self._ask("draft.drop", target=target) is None:
            self._write(target, {"target": target, "at": iso(SystemClock().now()), "dropped": True})
        else:
            self._forget(target)

    def drop_saved(self, target: str, text: str) -> None:
        """Forget a draft that says what was saved; one that was edited further stays."""
        local = self._read(target)
        if local is not None and local.get("text") == text:
            self._forget(target)
        self._ask("draft.drop", target=target, text_sha256=text_digest(text))

    def all(self) -> tuple[Draft, ...]:
        """Every draft of this user, by name."""
        reply = self._ask("draft.list") or {}
        local = {str(one["target"]): one for one in self._local()}
        kept = {str(one["target"]): one for one in reply.get("drafts", ())}
        for name in reply.get("others", ()):
            one = (self._ask("draft.get", target=name) or {}).get("draft")
            kept |= {name: one} if one else {}
        names = sorted({*kept, *local})
        found = (_newest(kept.get(name), local.get(name)) for name in names)
        return tuple(one for one in found if one is not None)

    # -- the node

    def _ask(self, op: str, **fields: Any) -> dict[str, Any] | None:
        """The node's reply; ``None`` where none answers, it cannot keep drafts, or knows no such thing."""
        try:
            path = find_socket(self._ws.control)
            with BlockingLedgerClient.connect(path, name="drafts", deadline_s=_PATIENCE_S) as client:
                return client.request(op, **fields)
        except (EnvironmentUnfit, TypeError):  # a text with lone surrogates does not travel
            return None
        except UsageWrong as error:
            if error.code == "unknown_operation":
                return None
            raise

    # -- the folder

    def _path(self, target: str) -> Path:
        return self._folder / f"{quote(target, safe='')}.json"

    def _write(self, target: str, fields: Mapping[str, Any]) -> None:
        try:
            self._folder.mkdir(mode=_OWN_ONLY, parents=True, exist_ok=True)
            _replace(self._path(target), json.dumps(fields).encode("ascii"))
        except OSError as error:
            raise EnvironmentUnfit(
                f"the draft could not be kept in {self._folder}: {error.strerror or error}",
                code="draft_not_kept",
                remedy="copy the text elsewhere; make room, or name another folder in PEAK_STATE_DIR",
            ) from error

    def _read(self, target: str) -> dict[str, Any] | None:
        with suppress(OSError, ValueError):
            found = json.loads(self._path(target).read_text(encoding="ascii"))
            return found if isinstance(found, dict) and isinstance(found.get("target"), str) else None
        return None

    def _local(self) -> Iterable[dict[str, Any]]:
        paths = sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []
        for path in paths:
            with suppress(OSError, ValueError):
                found = json.loads(path.read_text(encoding="ascii"))
                if isinstance(found, dict) and isinstance(found.get("target"), str):
                    yield found

    def _forget(self, target: str) -> None:
        with suppress(OSError):
            self._path(target).unlink(missing_ok=True)


def drafts_of(ws: Workspace, environ: Mapping[str, str] | None = None) -> DraftStore:
    """The drafts of a workspace."""
    return DraftStore(ws, environ)


def refuse_too_large(*texts: str) -> None:
    """Raise ``UsageWrong`` (``draft_too_large``) for a text longer than a config may be."""
    size = max(len(one.encode("utf-8", "surrogatepass")) for one in texts)
    if size > SIZE_LIMIT:
        raise UsageWrong(
            f"the draft has {size:,} bytes; at most {SIZE_LIMIT:,} are kept",
            code="draft_too_large",
            remedy="make it shorter: a config is not larger either",
        )


def text_digest(text: str) -> str:
    """Names a draft's text, whatever characters it holds."""
    return sha256_hex(text.encode("utf-8", "surrogatepass"))


def draft_to_json(draft: Draft) -> dict[str, Any]:
    """A draft as it travels and lies on disk."""
    return {
        "target": draft.target,
        "text": draft.text,
        "base": draft.base,
        "base_text": draft.base_text,
        "at": iso(draft.at),
        "operator": draft.operator,
        "origin": draft.origin,
    }


def draft_from_json(fields: Mapping[str, Any]) -> Draft:
    """The inverse of :func:`draft_to_json`; raises ``UsageWrong`` (``draft_malformed``)."""
    base = fields.get("base")
    texts = [fields.get(name) for name in ("target", "text", "base_text", "at", "operator", "origin")]
    if not all(isinstance(one, str) for one in texts) or not (base is None or isinstance(base, str)):
        raise _malformed("its fields are not texts")
    target, text, base_text, at, operator, origin = map(str, texts)
    try:
        moment = from_iso(at)
    except ValueError:
        raise _malformed("its time is none") from None
    if moment.utcoffset() is None:
        raise _malformed("its time has no zone")
    return Draft(target, text, base, base_text, moment, operator, origin)


def _replace(path: Path, data: bytes) -> None:
    """Put data in the place of a file that only this user reads, durable; raises ``OSError``."""
    private = path.with_name(f".{secrets.token_hex(8)}.new")
    try:
        handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        private.replace(path)
        sync_folder(path.parent)
    except OSError:
        with suppress(OSError):
            private.unlink(missing_ok=True)
        raise


def _malformed(why: str) -> UsageWrong:
    return UsageWrong(f"this is no draft: {why}", code="draft_malformed")


def _newest(*found: Mapping[str, Any] | None) -> Draft | None:
    """The newest of what is kept here and there; one that was dropped since hides the older."""
    known = [one for one in found if one is not None and isinstance(one.get("at"), str)]
    newest = max(known, key=lambda one: str(one["at"]), default=None)
    if newest is None or newest.get("dropped"):
        return None
    with suppress(UsageWrong):
        return draft_from_json(newest)
    return None


def _fingerprint(ws: Workspace) -> str:
    """Names the workspace by its key; one without a key by its place."""
    with suppress(PeakError):
        public = KeyStore(ws.keys).public(WORKSPACE)
        if public is not None:
            return fingerprint_of(public)
    return sha256_hex(os.fsencode(ws.root.resolve()))[:16]
