"""What the keys of a replay do: play, pause, step, jump to marks, go to a moment."""

from typing import TYPE_CHECKING, Any, Final, cast

from peak_console.domain.text import one_line
from peak_console.operations.views.bar import BarSnapshot
from peak_console.tui import figures
from peak_console.tui.messages import AnswerTaken

if TYPE_CHECKING:
    from datetime import datetime

    from peak_console.operations.views.replay_clock import ReplayClock
    from peak_console.operations.views.replay_marks import MarkFound
    from peak_console.operations.views.replay_source import ReplaySource
    from peak_console.tui.app import PeakApp

_SECOND, _SECONDS, _MINUTE, _MINUTES = 1.0, 10.0, 60.0, 600.0
_MARKS: Final = "replay.marks"
_BESIDE: Final = "replay.beside"
_MOMENT: Final = "replay.moment"
_HINT: Final = "03:12, 03:12:44, -5m, #184220 or a run's id; UTC"


def _past(source: Any) -> "ReplaySource":
    return cast("ReplaySource", source)


class ReplayActions:
    """The app's part of a replay. Each move is drawn at once, and read as soon as the feed can."""

    @property
    def _console(self) -> "PeakApp":
        return cast("PeakApp", self)

    @property
    def _clock(self) -> "ReplayClock":
        clock = self._console.replay
        if clock is None:
            raise RuntimeError("the actions of a replay are off in a console of the present")
        return clock

    def do_replay_play(self) -> None:
        """Play or pause."""
        self._clock.toggle()
        self._moved()

    def do_replay_back_second(self) -> None:
        """A second back."""
        self._step(-_SECOND)

    def do_replay_on_second(self) -> None:
        """A second on."""
        self._step(_SECOND)

    def do_replay_back_seconds(self) -> None:
        """Ten seconds back."""
        self._step(-_SECONDS)

    def do_replay_on_seconds(self) -> None:
        """Ten seconds on."""
        self._step(_SECONDS)

    def do_replay_back_minute(self) -> None:
        """A minute back."""
        self._step(-_MINUTE)

    def do_replay_on_minute(self) -> None:
        """A minute on."""
        self._step(_MINUTE)

    def do_replay_back_minutes(self) -> None:
        """Ten minutes back."""
        self._step(-_MINUTES)

    def do_replay_on_minutes(self) -> None:
        """Ten minutes on."""
        self._step(_MINUTES)

    def do_replay_faster(self) -> None:
        """The next higher speed."""
        self._clock.faster(1)
        self._moved()

    def do_replay_slower(self) -> None:
        """The next lower speed."""
        self._clock.faster(-1)
        self._moved()

    def do_replay_start(self) -> None:
        """To where the replay begins."""
        self._clock.seek(self._clock.span.start)
        self._moved()

    def do_replay_end(self) -> None:
        """To where the replay ends."""
        self._clock.seek(self._clock.span.end)
        self._moved()

    def do_replay_mark_next(self) -> None:
        """To the next marked event."""
        self._console.feed.ask(self._console, _BESIDE, lambda source: _past(source).beside(forward=True))

    def do_replay_mark_previous(self) -> None:
        """To the marked event before."""
        self._console.feed.ask(self._console, _BESIDE, lambda source: _past(source).beside(forward=False))

    async def do_replay_goto(self, text: str = "") -> None:
        """To the moment that ``text`` means; without one, ask for it."""
        if not text:
            await self._ask_for_moment()
            return
        self._console.feed.ask(self._console, _MOMENT, lambda source: _past(source).moment(text))

    async def _ask_for_moment(self) -> None:
        from peak_console.tui.screens.base import PeakScreen  # noqa: PLC0415 - it imports the app's types

        screen = self._console.screen
        if isinstance(screen, PeakScreen):
            await screen.open_command("goto ", _HINT)

    def ask_for_marks(self, cells: int) -> None:
        """Have the marks read for a scrub line of so many cells; they come once."""
        if cells not in self._console.replay_marks:
            self._console.replay_marks[cells] = ()
            self._console.feed.ask(self._console, _MARKS, lambda source: (cells, _past(source).marks(cells)))

    def on_answer_taken(self, message: AnswerTaken) -> None:
        """Take in what the replay asked for."""
        if message.topic == _MARKS:
            cells, marks = message.answer
            self._console.replay_marks[cells] = marks
            self.redraw_replay()
        elif message.topic == _BESIDE:
            self._to_mark(message.answer)
        elif message.topic == _MOMENT:
            self._to_moment(message.answer)

    def _to_mark(self, found: "MarkFound | None") -> None:
        if found is None:
            self._console.say("no marked event that way")
            return
        self._clock.seek(found.at)
        self._moved()
        self._console.say(f"#{found.seq:,} {one_line(found.kind, 40)} at {figures.clock(found.at)}")

    def _to_moment(self, found: "datetime | str") -> None:
        from peak_console.tui.screens.base import PeakScreen  # noqa: PLC0415 - it imports the app's types

        problem = found if isinstance(found, str) else ""
        screen = self._console.screen
        told = isinstance(screen, PeakScreen) and screen.answer_command(problem)
        if isinstance(found, str):
            if not told:
                self._console.say(found, severity="warning")
            return
        self._clock.seek(found)
        self._moved()

    def _step(self, seconds: float) -> None:
        self._clock.step(seconds)
        self._moved()

    def _moved(self) -> None:
        self.redraw_replay()
        self._console.feed.poke()

    def redraw_replay(self) -> None:
        """Draw the scrub line again."""
        from peak_console.tui.replay_line import ReplayLine  # noqa: PLC0415 - only in a replay

        for line in self._console.screen.query(ReplayLine):
            line.redraw()

    def replay_taken(self, before: BarSnapshot) -> None:
        """The facts of another moment were read: say what the live workspace does, and what a play passes."""
        self.redraw_replay()
        bar = self._console.bar
        live, was = bar.live_posture, before.live_posture
        if not before.complete:
            return
        if live is not None and was is not None and live.state is not was.state:
            why = ", ".join(live.reasons)
            self._console.say(
                f"LIVE posture {was.state.value} → {live.state.value} ({why})", severity="warning"
            )
        if self._clock.playing and before.posture.state is not bar.posture.state:
            self._console.say(f"then: posture {before.posture.state.value} → {bar.posture.state.value}")
