"""What the editor opens a config with: the file as it stands, or why it cannot be edited here."""

from dataclasses import dataclass

from peak_console.config.document import Document, read_document
from peak_console.config.editing.targets import WRITTEN_APART, Target
from peak_console.config.workspace import Workspace
from peak_console.operations.workbench.shapes import Draft


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A config's text on disk. ``base`` is its SHA-256, ``None`` where there is no file."""

    target: Target
    text: str
    base: str | None
    locked: str = ""
    """Why it cannot be edited, in words."""
    draft: Draft | None = None
    """The unfinished edit that is stored of it."""


def open_file(ws: Workspace, target: Target) -> OpenedFile:
    """The file as it stands now. Never raises on what it holds or is."""
    document = read_document(ws.root / target.path, target.path)
    rule = document.trouble.rule if document.trouble is not None else ""
    if rule == "file.missing":
        return OpenedFile(target, "", None, _why_locked(target, ""))
    if rule in {"file.unreadable", "file.not_utf8", "file.too_large"} and not document.text:
        return OpenedFile(target, "", document.sha256 or None, _trouble(document))
    return OpenedFile(target, document.text, document.sha256, _why_locked(target, document.text))


def _trouble(document: Document) -> str:
    return document.trouble.message if document.trouble is not None else ""


def _why_locked(target: Target, text: str) -> str:
    if target.kind in WRITTEN_APART:
        return "the lock is signed as a whole; write it with: peak lock write"
    return why_not_lines(text)


def why_not_lines(text: str) -> str:
    """Why an editor of lines would change a text by merely holding it; empty where it would not.

    It parts lines at characters that TOML and Markdown take for text, and writes one kind of line end.
    """
    newline = next((one for one in ("\r\n", "\n", "\r") if one in text), "\n")
    lines = text.splitlines()
    if not lines or text.endswith(("\r\n", "\n", "\r")):
        lines.append("")
    if newline.join(lines) == text:
        return ""
    return "its lines end in different ways, or in characters of their own; use: peak matrix edit"
