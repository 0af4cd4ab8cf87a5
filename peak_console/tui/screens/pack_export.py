"""Writing a pack into an archive, on the screens that show packs."""

from pathlib import Path
from typing import Final

from peak_console.domain.text import one_line
from peak_console.tui.ink import EMPTY, Line, Span, Tone
from peak_console.tui.long_work import WorkDone, WorkMoved
from peak_console.tui.screens.chain_check import progress_words
from peak_console.tui.screens.working import Working

_ROOM: Final = 28
"""Cells of a path that a line of a toast has room for."""


class PackExporting(Working):
    """For a screen with :meth:`exported`: ``E`` writes that pack into an archive."""

    def exported(self) -> tuple[str, int] | None:
        """Run and edition of the pack that is meant."""
        raise NotImplementedError

    def do_pack_export(self) -> None:
        """Write the pack into an archive."""
        pack, work, now = self.exported(), self._self.peak.work(), self._self.peak.now()
        if pack is None or work is None:
            return
        run_id, edition = pack
        self._moved = WorkMoved("export", "writing the archive", 0, 0)
        self.long_work().begin(
            f"export {run_id}", lambda _progress, _cancelled: work.export(run_id, edition, now)
        )
        self._self.show_crumbs()
        self._self.refresh_keys()

    def do_work_cancel(self) -> None:
        """Give up what takes long."""
        if self.busy():
            self.long_work().cancel()

    def on_work_moved(self, message: WorkMoved) -> None:
        """Show how far it is."""
        if self._moved is not None:
            self._moved = message
            self._self.show_crumbs()

    def on_work_done(self, message: WorkDone) -> None:
        """Say where the archive is, and copy its path."""
        self._moved = None
        if message.topic.startswith("export") and isinstance(message.result, str):
            place = "/".join(Path(message.result).parent.parts[-2:])
            said = f"archive in {one_line(place, _ROOM)}; path copied"
            self._self.peak.copy(message.result, "evidence-archive", said)
        elif message.topic.startswith("export") and message.problem:
            said = ": ".join(part for part in (message.problem, message.remedy) if part)
            self._self.peak.say(said, severity="error")
        self._self.show_crumbs()
        self._self.refresh_keys()

    def on_unmount(self) -> None:
        """Nobody waits for it any more."""
        if self._work is not None:
            self._work.cancel()

    def export_line(self) -> Line:
        """How long work stands, short: for the second line."""
        if self._moved is None:
            return EMPTY
        return (Span(progress_words(self._moved), Tone.ACCENT), Span(" · x cancels  ", Tone.DIM))
