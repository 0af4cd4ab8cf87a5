"""Whose a draft is, in words for people. Light to load: the console draws with it."""

import socket

from peak_console.operations.workbench.shapes import Draft


def said_of(draft: Draft, *, living: bool) -> str:
    """Whose a draft is, for people."""
    editor = draft.editor
    if editor is None:
        return f"proposed by {draft.origin}"
    made = "" if draft.origin == "editor" else f", from {draft.origin}"
    if not living:
        return f"of a console that has ended (pid {editor.pid}){made}"
    where = "" if editor.host == socket.gethostname() else f" on {editor.host}"
    return f"open in another console{where} (pid {editor.pid}, since {editor.since:%m-%d %H:%M}Z){made}"
