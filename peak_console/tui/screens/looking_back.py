"""What screens share that look back over a window: the next one, longer, shorter, or as it is said."""

from typing import TYPE_CHECKING, cast

from peak_console.operations.views.live import Window

if TYPE_CHECKING:
    from peak_console.tui.screens.base import PeakScreen


class LookingBack:
    """For a screen with a window; :meth:`look_back` is its own."""

    window: Window

    def look_back(self, window: Window) -> None:
        """Show what lies within ``window``."""
        raise NotImplementedError

    def do_window_next(self) -> None:
        """The next window; after the last the first."""
        every = list(Window)
        self.look_back(every[(every.index(self.window) + 1) % len(every)])

    def do_window_longer(self) -> None:
        """Look further back."""
        self.look_back(self.window.step(1))

    def do_window_shorter(self) -> None:
        """Look less far back."""
        self.look_back(self.window.step(-1))

    def do_window_set(self, text: str = "") -> None:
        """Look back as far as ``text`` says."""
        if text in set(Window):
            self.look_back(Window(text))
            return
        cast("PeakScreen", self).peak.say(f"a window is one of {' '.join(Window)}", severity="warning")
