"""One file of an evidence pack: Markdown and JSON drawn as such, anything else as it stands."""

import json
from collections.abc import Iterable
from typing import ClassVar, Final

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.domain.text import plain
from peak_console.tui import figures as fig
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone
from peak_console.tui.long_work import WorkDone
from peak_console.tui.screens.base import PeakScreen
from peak_console.tui.screens.json_drawing import json_lines
from peak_console.tui.screens.pack_drawing import FILE_SIGNS
from peak_console.tui.screens.working import Working
from peak_console.tui.widgets.document import Document, wrapped

_LARGEST: Final = 4 * 1024**2
"""Bytes that are shown."""


class PackedScreen(Working, PeakScreen):
    """A file. Its state is that of the verification it was opened from."""

    NAME = "packed"
    AUTO_FOCUS = "#page"
    DEFAULT_CSS = "PackedScreen #page { height: 1fr; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("packed")]

    def __init__(self, run_id: str, edition: int, path: str, state: str) -> None:
        super().__init__()
        self._run_id, self._edition, self._path, self._state = run_id, edition, path, state
        self._data: bytes | None = None

    def body(self) -> Iterable[Widget]:
        """The page."""
        yield Document(id="page")

    def on_mount(self) -> None:
        """Begin to read."""
        super().on_mount()
        self.query_one(Document).show_lines(lambda _: [EMPTY, (Span("  reading …", Tone.DIM),)])
        work = self.peak.work()
        if work is not None:
            self.long_work().begin(
                "file", lambda _progress, _cancelled: work.read_file(self._run_id, self._edition, self._path)
            )

    def trail(self) -> list[str]:
        """The pack, and the file."""
        return ["Evidence", self._run_id, self._path]

    def state_line(self) -> Line:
        """What verifying said of it."""
        sign, tone = FILE_SIGNS.get(self._state, ("?", Tone.UNKNOWN))
        size = "" if self._data is None else f"{fig.size(len(self._data))}  "
        return (Span(size, Tone.DIM), Span(f"{sign} {self._state}", tone))

    def on_work_done(self, message: WorkDone) -> None:
        """Show the file."""
        if isinstance(message.result, bytes):
            self._data = data = message.result
            path = self._path
            self.query_one(Document).show_lines(lambda width: file_lines(path, data, width), top=True)
        else:
            words = " ".join(part for part in (message.problem, message.remedy) if part)
            self.query_one(Document).show_lines(
                lambda width: [EMPTY, *wrapped(words, width, tone=Tone.BAD)], top=True
            )
        self.show_crumbs()
        self.refresh_keys()

    def has_selection(self) -> bool:
        """Whether there is something to copy."""
        return self._data is not None

    def do_copy(self) -> None:
        """Copy the file's text."""
        if self._data is not None:
            self.peak.copy(self._data.decode("utf-8", "replace"), self._path.rpartition("/")[2])


def file_lines(path: str, data: bytes, width: int) -> list[Line]:
    """A file's content by what its name says it is."""
    if len(data) > _LARGEST or b"\0" in data[:4096]:
        what = "too large to be shown" if len(data) > _LARGEST else "no text"
        return [EMPTY, (Span(f"  {fig.size(len(data))}, {what}; E on the pack writes an archive", Tone.DIM),)]
    text = plain(data.decode("utf-8", "replace"))
    if path.endswith(".md"):
        from peak_console.tui.screens.markdown_drawing import markdown_lines  # noqa: PLC0415 - loads a parser

        return [EMPTY, *markdown_lines(text, width)]
    if path.endswith(".json"):
        return [EMPTY, *_json(text, width)]
    return [EMPTY, *wrapped(text, width)]


def _json(text: str, width: int) -> list[Line]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return wrapped(text, width)
    return list(json_lines(value, width))
