"""Drafts as the node keeps them, each login's own, for each editor one of a config; and their operations."""

import json
import sqlite3
from dataclasses import replace
from typing import Any, Final

from peak_console.config.editing.targets import target_named
from peak_console.domain.errors import UsageWrong
from peak_console.domain.text import one_line
from peak_console.ledger.service.server import Handler
from peak_console.ledger.service.session import Session
from peak_console.ledger.service.wire import Message
from peak_console.node.state_db import rows_of
from peak_console.node.state_thread import StateThread
from peak_console.operations.workbench.drafts import (
    draft_from_json,
    draft_to_json,
    editor_of,
    refuse_too_large,
    text_digest,
)

DRAFTS_LIMIT: Final = 100
"""The most drafts of one login."""

REPLY_LIMIT: Final = 6_000_000
"""Characters of drafts in one reply to ``draft.list``; drafts beyond it are named only."""

_ONE: Final = "FROM draft WHERE login = ? AND target = ? AND editor = ?"


class DraftBook:
    """Serves ``draft.put``, ``draft.get``, ``draft.drop`` and ``draft.list``."""

    def __init__(self, state: StateThread) -> None:
        self._state = state

    @property
    def note(self) -> str:
        """What happened to the file; empty when nothing did."""
        return self._state.note

    def handlers(self) -> dict[str, Handler]:
        """The operations, by name."""
        return {
            "draft.put": self._put,
            "draft.get": self._get,
            "draft.drop": self._drop,
            "draft.list": self._all,
        }

    # -- operations

    async def _put(self, message: Message, session: Session) -> Message:
        fields = message.get("draft")
        draft = draft_from_json(fields if isinstance(fields, dict) else {})
        target_named(draft.target)
        refuse_too_large(draft.text, draft.base_text)
        login = session.credentials.login
        kept = draft_to_json(replace(draft, operator=login, origin=one_line(draft.origin, 60)))
        names = (login, draft.target, editor_of(draft))

        def work(db: sqlite3.Connection) -> None:
            others = "SELECT count(*) FROM draft WHERE login = ? AND (target <> ? OR editor <> ?)"
            if rows_of(db, others, *names)[0][0] >= DRAFTS_LIMIT:
                raise UsageWrong(
                    f"{DRAFTS_LIMIT} drafts of yours are kept already",
                    code="drafts_full",
                    remedy="save some of them, or drop them",
                )
            values = (*names, kept["at"], json.dumps(kept))
            rows_of(db, "INSERT OR REPLACE INTO draft VALUES (?, ?, ?, ?, ?)", *values)

        await self._state.do(work)
        return {"draft": kept}

    async def _get(self, message: Message, session: Session) -> Message:
        names = (session.credentials.login, _target(message), _editor(message))
        found = await self._state.do(lambda db: rows_of(db, f"SELECT fields {_ONE}", *names))
        return {"draft": json.loads(found[0][0]) if found else None}

    async def _drop(self, message: Message, session: Session) -> Message:
        names = (session.credentials.login, _target(message), _editor(message))
        only = message.get("text_sha256")

        def work(db: sqlite3.Connection) -> bool:
            found = rows_of(db, f"SELECT fields {_ONE}", *names)
            if not found or only not in {None, text_digest(json.loads(found[0][0])["text"])}:
                return False
            rows_of(db, f"DELETE {_ONE}", *names)
            return True

        return {"dropped": await self._state.do(work)}

    async def _all(self, message: Message, session: Session) -> Message:
        only = None if message.get("target") is None else _target(message)
        query = (
            "SELECT target, editor, fields FROM draft WHERE login = ? AND (? IS NULL OR target = ?)"
            " ORDER BY at DESC"
        )
        found = await self._state.do(lambda db: rows_of(db, query, session.credentials.login, only, only))
        room, drafts = REPLY_LIMIT, list[Any]()
        for *_, fields in found:
            room -= len(fields)
            if room < 0:
                break
            drafts.append(json.loads(fields))
        others = [{"target": target, "editor": editor} for target, editor, _ in found[len(drafts) :]]
        return {"drafts": drafts, "others": others}


def _target(message: Message) -> str:
    target = message.get("target")
    if not isinstance(target, str):
        raise UsageWrong("name the config whose draft is meant", code="draft_malformed")
    return target


def _editor(message: Message) -> str:
    editor = message.get("editor", "")
    if not isinstance(editor, str):
        raise UsageWrong("an editor is named by its id", code="draft_malformed")
    return editor
