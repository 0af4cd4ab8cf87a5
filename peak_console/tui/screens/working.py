"""What screens share that have something long done beside the feed."""

from typing import TYPE_CHECKING, cast

from peak_console.tui.long_work import LongWork, WorkMoved

if TYPE_CHECKING:
    from peak_console.tui.screens.base import PeakScreen


class Working:
    """For a screen with one long work at a time: the work, and how far it told it is."""

    _work: LongWork | None = None
    _moved: WorkMoved | None = None

    @property
    def _self(self) -> "PeakScreen":
        return cast("PeakScreen", self)

    def long_work(self) -> LongWork:
        """The screen's long work."""
        if self._work is None:
            self._work = LongWork(self._self)
        return self._work

    def busy(self) -> bool:
        """Whether something long is being done."""
        return self._moved is not None
