"""Verifying the chain of what is shown, on the screens that show events: begun, watched, cancelled, told."""

from peak_console.domain.text import one_line
from peak_console.operations.views.work import ChainVerified
from peak_console.tui.ink import EMPTY, Line, Span, Tone
from peak_console.tui.long_work import WorkDone, WorkMoved
from peak_console.tui.screens.working import Working

TOPIC = "chain"


class ChainChecking(Working):
    """For a screen with :meth:`shown_range`: ``v`` verifies that stretch of the chain beside the feed."""

    _verified: ChainVerified | None = None

    def shown_range(self) -> tuple[int, int] | None:
        """First and last place of what is shown; ``None`` where nothing is."""
        raise NotImplementedError

    def do_chain_verify(self) -> None:
        """Verify from the first to the last event shown."""
        places, work = self.shown_range(), self._self.peak.work()
        if places is None or work is None:
            self._self.peak.say("nothing is shown that could be verified", severity="warning")
            return
        first, last = places
        self._verified, self._moved = None, WorkMoved(TOPIC, "verifying chain", 0, last - first + 1)
        self.long_work().begin(
            f"{TOPIC} {first} {last}",
            lambda progress, cancelled: work.verify_range(first, last, progress, cancelled),
        )
        self._told()

    def do_work_cancel(self) -> None:
        """Give up what takes long."""
        if self.busy():
            self.long_work().cancel()

    def on_work_moved(self, message: WorkMoved) -> None:
        """Show how far it is."""
        if self._moved is None:
            return
        if message.topic.startswith(TOPIC):
            message.what = f"verifying {message.what}"
        self._moved = message
        self._self.show_crumbs()

    def on_work_done(self, message: WorkDone) -> None:
        """Say what came of it; a proof is told where it stands."""
        if message.topic.startswith("proof"):
            return
        self._moved = None
        if message.cancelled:
            self._self.peak.say("cancelled; nothing was verified")
        elif message.problem and message.code != "pack_incomplete":
            said = ": ".join(part for part in (message.problem, message.remedy) if part)
            self._self.peak.say(said, severity="error")
        elif isinstance(message.result, ChainVerified):
            self._verified = message.result
            bad = not message.result.ok
            self._self.peak.say(verified_words(message.result), severity="error" if bad else "information")
        self._told()

    def on_unmount(self) -> None:
        """Nobody waits for it any more."""
        if self._work is not None:
            self._work.cancel()

    def chain_line(self, *, short: bool = False) -> Line:
        """How a verification stands, for the second line; ``short`` without the places."""
        if self._moved is not None:
            return (Span(progress_words(self._moved), Tone.ACCENT), Span(" · x cancels  ", Tone.DIM))
        found = self._verified
        if found is None:
            return EMPTY
        if found.ok and short:
            return (Span("✓ chain whole  ", Tone.OK),)
        if found.ok:
            return (Span(f"✓ chain #{found.first:,} to #{found.last:,}  ", Tone.OK),)
        return (Span(f"✗ chain broken at #{found.broken_seq or found.last + 1:,}  ", Tone.BAD),)

    def _told(self) -> None:
        self._self.show_crumbs()
        self._self.refresh_keys()


def progress_words(moved: WorkMoved) -> str:
    """How far long work is."""
    percent = f"{100 * moved.done // moved.total} %" if moved.total else "…"
    return f"{one_line(moved.what, 30)} {percent}"


def verified_words(found: ChainVerified) -> str:
    """What a verification says, from which place to which."""
    count = found.asked_last - found.first + 1
    if found.ok:
        return (
            f"chain whole from #{found.first:,} to #{found.last:,}: {count:,} events in {found.seconds:.1f} s"
        )
    where = f"#{found.broken_seq:,}" if found.broken_seq is not None else f"after #{found.last:,}"
    how = " ".join(part for part in (found.broken_how, found.detail) if part)
    return f"chain broken at {where}: {how}; whole before it from #{found.first:,}"
