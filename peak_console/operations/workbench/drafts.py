"""Drafts as an editor keeps them: with the node where one answers, else in this user's state folder.

Every editor keeps a draft of its own of each config, so two consoles never write over each other. The folder
also has a copy of what this user put there, which counts while no node answers and after the node's file was
lost. A draft is this user's own. What :meth:`DraftStore.put` gave back is durable: it is there after the
editor or the node was killed.
"""

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import WORKSPACE, KeyStore, fingerprint_of, state_folder
from peak_console.control.sockets import find_socket
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.clock import SystemClock, from_iso, iso
from peak_console.domain.errors import EnvironmentUnfit, PeakError, UsageWrong
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.workbench.draft_editors import Parted, lives, part
from peak_console.operations.workbench.draft_folder import DraftFolder
from peak_console.operations.workbench.shapes import Draft, Editor

SIZE_LIMIT: Final = 1_000_000
"""Bytes of a draft's text, and of the text it began from: as large as a config may be."""

WITH_NODE: Final = "with_node"
"""Of a copy in the folder: whether the node may have the draft, too."""

_PATIENCE_S: Final = 2.0
_EDITOR_WORDS: Final = ("id", "host", "space", "boot", "started")
_EDITOR_ID: Final = re.compile(r"[0-9a-z-]{1,64}")
_WORD_LIMIT: Final = 255
_PID_LIMIT: Final = 2**31


Key = tuple[str, str]
"""What a draft is kept under: the config, and the editor's id; empty for a proposal."""


class DraftStore:
    """The drafts of one workspace, as one editor has them. Safe from any thread; each call stands alone."""

    def __init__(
        self, ws: Workspace, environ: Mapping[str, str] | None = None, editor: Editor | None = None
    ) -> None:
        self._ws, self._editor = ws, editor
        self._folder = DraftFolder(state_folder(environ) / "drafts" / _fingerprint(ws))

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
        """Keep this editor's draft of ``target``, in the place of its older one; durable when this returns.

        Without an editor it is a proposal. Raises ``UsageWrong`` (``draft_too_large``, ``drafts_full``),
        ``EnvironmentUnfit`` where neither the node nor this user's folder takes it.
        """
        moment = now or SystemClock().now()
        return self._put(Draft(target, text, base, base_text, moment, "", origin, self._editor))

    def of(self, target: str) -> tuple[Draft, ...]:
        """Every draft of a config that this user's editors keep, the newest first."""
        return tuple(sorted(self._found(target), key=lambda one: one.at, reverse=True))

    def get(self, target: str) -> Draft | None:
        """The newest draft of a config, whosever it is; ``None`` without one."""
        return next(iter(self.of(target)), None)

    def mine(self, target: str) -> Draft | None:
        """This editor's own draft; without an editor the proposal."""
        key = (target, "" if self._editor is None else self._editor.id)
        reply = self._ask("draft.get", target=target, editor=key[1]) or {}
        return _newest(reply.get("draft"), self._folder.read(key))

    def parted(self, target: str) -> Parted:
        """The drafts of a config: this editor's, what it may take up, and what is open elsewhere."""
        return part(self.of(target), "" if self._editor is None else self._editor.id, lives)

    def all(self) -> tuple[Draft, ...]:
        """Every draft of this user, by config, the newest of each first."""
        newest_first = sorted(self._found(), key=lambda one: one.at, reverse=True)
        return tuple(sorted(newest_first, key=lambda one: one.target))

    def take(self, draft: Draft) -> Draft | None:
        """Make a draft that was offered this editor's own; ``None`` where another was quicker.

        It is kept anew before it is taken away from where it was: a crash leaves it twice, never lost.
        """
        mine = self._put(replace(draft, operator="", editor=self._editor))
        if self.forget(draft):
            return mine
        self.drop(draft.target)
        return None

    def drop(self, target: str) -> None:
        """Forget this editor's draft; where no node answers, one that the node keeps is forgotten as well."""
        self._drop((target, "" if self._editor is None else self._editor.id))

    def forget(self, draft: Draft) -> bool:
        """Forget a draft, unless it says something else by now; whether it was there."""
        return self._drop(key_of(draft), draft.text)

    def drop_saved(self, target: str, text: str) -> None:
        """Forget drafts that say what was saved; one edited further, and one open elsewhere, stay."""
        found = self.parted(target)
        for one in (*found.offered, *([found.mine] if found.mine else [])):
            if one.text == text:
                self.forget(one)

    # -- both places

    def _put(self, draft: Draft) -> Draft:
        refuse_too_large(draft.text, draft.base_text)
        fields, key = draft_to_json(draft), key_of(draft)
        reply = self._ask("draft.put", draft=fields)
        if reply is None:
            held = self._folder.read(key)
            self._folder.write(key, {**fields, WITH_NODE: bool((held or {}).get(WITH_NODE))})
            return draft
        with suppress(EnvironmentUnfit):  # the node has it
            self._folder.write(key, {**reply["draft"], WITH_NODE: True})
        return draft_from_json(reply["draft"])

    def _drop(self, key: Key, text: str | None = None) -> bool:
        target, editor = key
        held = self._folder.read(key)
        only = {} if text is None else {"text_sha256": text_digest(text)}
        reply = self._ask("draft.drop", target=target, editor=editor, **only)
        here = held is not None and not held.get("dropped") and text in {None, held.get("text")}
        if reply is None:
            with_node = text is None if held is None else bool(held.get(WITH_NODE))
            gone = (here or text is None) and self._folder.forget(key, leave_word=with_node)
            return here and gone
        if here and not reply["dropped"]:
            self._drop_older(key, held or {})
        gone = (here or reply["dropped"]) and self._folder.forget(key, leave_word=False)
        return bool(reply["dropped"]) or (here and gone)

    def _drop_older(self, key: Key, held: Mapping[str, Any]) -> None:
        """What the node still has of a draft that went on while it did not answer."""
        kept = (self._ask("draft.get", target=key[0], editor=key[1]) or {}).get("draft")
        if kept is not None and str(kept["at"]) <= str(held.get("at")):
            self._ask("draft.drop", target=key[0], editor=key[1])

    def _found(self, target: str | None = None) -> Iterable[Draft]:
        """The drafts of both places; of one that both have, the newer counts."""
        reply = self._ask("draft.list", target=target)
        kept = self._with_node(reply or {})
        local = {_key(one): one for one in self._folder.all() if target in {None, one["target"]}}
        for key, one in local.items():
            if reply is not None and one.get("dropped"):
                self._pass_on(key, one, kept.get(key))
        for key in {**kept, **local}:
            found = _newest(kept.get(key), local.get(key))
            if found is not None:
                yield found

    def _with_node(self, reply: Mapping[str, Any]) -> dict[Key, dict[str, Any]]:
        kept = {_key(one): one for one in reply.get("drafts", ())}
        for name in reply.get("others", ()):
            one = (self._ask("draft.get", **name) or {}).get("draft")
            kept |= {_key(one): one} if one else {}
        return kept

    def _pass_on(self, key: Key, word: Mapping[str, Any], kept: Mapping[str, Any] | None) -> None:
        """Tell the node what was dropped while it did not answer."""
        if kept is not None and str(kept["at"]) <= str(word["at"]):
            self._ask("draft.drop", target=key[0], editor=key[1])
        self._folder.forget(key, leave_word=False)

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


def drafts_of(
    ws: Workspace, environ: Mapping[str, str] | None = None, editor: Editor | None = None
) -> DraftStore:
    """The drafts of a workspace; what is put there is ``editor``'s, or a proposal."""
    return DraftStore(ws, environ, editor)


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
        "editor": None if draft.editor is None else _editor_to_json(draft.editor),
    }


def draft_from_json(fields: Mapping[str, Any]) -> Draft:
    """The inverse of :func:`draft_to_json`; raises ``UsageWrong`` (``draft_malformed``)."""
    base = fields.get("base")
    texts = [fields.get(name) for name in ("target", "text", "base_text", "at", "operator", "origin")]
    if not all(isinstance(one, str) for one in texts) or not (base is None or isinstance(base, str)):
        raise _malformed("its fields are not texts")
    target, text, base_text, at, operator, origin = map(str, texts)
    editor = _editor_from_json(fields.get("editor"))
    return Draft(target, text, base, base_text, _moment(at), operator, origin, editor)


def editor_of(draft: Draft) -> str:
    """The second part of what a draft is kept under: its editor's id; empty for a proposal."""
    return "" if draft.editor is None else draft.editor.id


def key_of(draft: Draft) -> Key:
    """What a draft is kept under."""
    return draft.target, editor_of(draft)


def _key(fields: Mapping[str, Any]) -> Key:
    editor = fields.get("editor")
    return str(fields["target"]), str(editor.get("id")) if isinstance(editor, dict) else ""


def _editor_to_json(editor: Editor) -> dict[str, Any]:
    return {**{name: getattr(editor, name) for name in (*_EDITOR_WORDS, "pid")}, "since": iso(editor.since)}


def _editor_from_json(fields: object) -> Editor | None:
    if fields is None:
        return None
    if not isinstance(fields, dict):
        raise _malformed("its editor is none")
    words = [fields.get(name) for name in _EDITOR_WORDS]
    pid, since = fields.get("pid"), fields.get("since")
    if not all(isinstance(one, str) and len(one) <= _WORD_LIMIT for one in words):
        raise _malformed("its editor is not said in short words")
    if not isinstance(pid, int) or isinstance(pid, bool) or not 0 < pid < _PID_LIMIT:
        raise _malformed("its editor has no process")
    name, host, space, boot, started = map(str, words)
    if not _EDITOR_ID.fullmatch(name):
        raise _malformed("its editor has no id")
    return Editor(name, host, space, boot, pid, started, _moment(since))


def _moment(text: object) -> datetime:
    try:
        moment = from_iso(str(text))
    except ValueError:
        raise _malformed("its time is none") from None
    if moment.utcoffset() is None:
        raise _malformed("its time has no zone")
    return moment


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
