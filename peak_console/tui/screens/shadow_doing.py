"""What is done from the screens of shadow: run now, cancel, pause, resume, release, edit; in threads."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from peak_console.domain.jobs import RunState
from peak_console.domain.text import one_line
from peak_console.operations.views.shadow import JobRunLine
from peak_console.operations.views.shadow_desk import ShadowDesk
from peak_console.tui.action import ActionState, ShadowChosen
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit
from peak_console.tui.long_work import LongWork, WorkDone, WorkMoved

if TYPE_CHECKING:
    from peak_console.tui.screens.base import PeakScreen

_BESIDE: Final = 46
"""Cells of the second line that breadcrumbs, windows and the age of the facts take."""
_WATCHED: Final = "run"
_ENDS: Final = {RunState.DONE: "information", RunState.ABORTED: "warning"}


class ShadowDoing:
    """For a screen over jobs and models. A run that was asked for is watched until it ends."""

    _watching: LongWork | None = None
    _acting: LongWork | None = None
    _told: WorkMoved | None = None
    _watched_key: str = ""

    @property
    def _over(self) -> "PeakScreen":
        return cast("PeakScreen", self)

    def chosen(self) -> ShadowChosen:
        """What stands under the cursor, or what the page is about."""
        raise NotImplementedError

    def watching(self) -> LongWork:
        """What waits for the end of a run."""
        if self._watching is None:
            self._watching = LongWork(self._over)
        return self._watching

    def acting(self) -> LongWork:
        """What cancels and pauses: never held up by what waits."""
        if self._acting is None:
            self._acting = LongWork(self._over)
        return self._acting

    def with_chosen(self, state: ActionState) -> ActionState:
        """The state with what is chosen in it."""
        from dataclasses import replace  # noqa: PLC0415 - two lines of it

        return replace(state, shadow=self.chosen())

    def doing_line(self) -> Line:
        """How far the run is that was asked for from here."""
        if not self._watched_key:
            return EMPTY
        step = one_line(self._told.what, 40) if self._told is not None else "asked for"
        job = one_line(self._watched_key.partition("@")[0], 30)
        told = fit((Span(f"● {job}: {step}", Tone.ACCENT),), max(20, self._over.size.width - _BESIDE))
        return (*told, Span("  "))

    # -- actions

    def do_shadow_run(self) -> None:
        """Ask why, then run it."""
        from peak_console.tui.screens.shadow_forms import RunForm  # noqa: PLC0415 - when it is asked for

        job = self.chosen().job
        if job is not None:
            self._over.app.push_screen(RunForm(job, self.watch_run))

    def watch_run(self, key: str) -> None:
        """Follow a run that was asked for."""
        desk = self._over.peak.shadow_desk()
        if desk is None:
            return
        self._watched_key, self._told = key, None
        self.watching().begin(_WATCHED, lambda progress, cancelled: desk.watch(key, progress, cancelled))
        self._over.show_crumbs()

    def do_shadow_cancel(self) -> None:
        """End the newest run of the job under the cursor."""
        job = self.chosen().job
        if job is None or not job.running:
            self._over.peak.say("no run of a job is under the cursor", severity="warning")
            return
        key = job.running[0].key
        self._act("cancel", lambda desk, who: desk.cancel(key, "cancelled on the Shadow screen", who))

    def do_shadow_pause(self, reason: str = "") -> None:
        """Pause the job under the cursor."""
        job = self.chosen().job
        if job is None:
            self._over.peak.say("no job is under the cursor", severity="warning")
            return
        name, why = job.name, reason or "paused on the Shadow screen"
        self._act("pause", lambda desk, who: desk.pause(name, why, who))

    def _act(self, topic: str, do: Callable[[ShadowDesk, str], str]) -> None:
        peak = self._over.peak
        desk, who = peak.shadow_desk(), peak.bar.operator or ""
        if desk is None:
            return
        if self.acting().busy:
            peak.say("wait: something is being done", severity="warning")
            return
        self.acting().begin(topic, lambda _progress, _cancelled: do(desk, who))

    def do_shadow_resume(self) -> None:
        """Ask for reason and operator."""
        from peak_console.tui.screens.shadow_forms import ResumeForm  # noqa: PLC0415 - when it is asked for

        job = self.chosen().job
        if job is not None:
            self._over.app.push_screen(ResumeForm(job))

    def do_shadow_release(self) -> None:
        """Show the evidence, ask for the word."""
        from peak_console.tui.screens.shadow_forms import ReleaseForm  # noqa: PLC0415 - when it is asked for

        model = self.chosen().model
        if model is not None:
            self._over.app.push_screen(ReleaseForm(model))

    def do_shadow_edit(self) -> None:
        """The jobs' text, at the line of the one under the cursor."""
        job = self.chosen().job
        peak = self._over.peak
        peak.go("matrix")
        screen: Any = peak.screen_stack[0]
        name = "" if job is None else job.name
        screen.call_after_refresh(lambda: screen.want_config("jobs", f'name = "{name}"' if name else ""))

    # -- what came of it

    def on_work_moved(self, message: WorkMoved) -> None:
        """The run's step."""
        if message.topic == _WATCHED and self._watched_key:
            self._told = message
            self._over.show_crumbs()

    def on_work_done(self, message: WorkDone) -> None:
        """Say what came of it, and read again."""
        peak = self._over.peak
        if message.topic == _WATCHED:
            self._watched_key, self._told = "", None
        if message.problem:
            said = "; ".join(part for part in (message.problem, message.remedy) if part)
            peak.say(f"{message.topic}: {one_line(said, 400)}", severity="error")
        elif isinstance(message.result, JobRunLine):
            self._ended(message.result)
        elif isinstance(message.result, str):
            peak.say(one_line(message.result, 300))
        self._over.show_crumbs()
        self._over.refresh_keys()
        peak.feed.poke()

    def _ended(self, run: JobRunLine) -> None:
        word = one_line(run.outcome, 60).replace("_", " ") or run.state.value
        detail = f": {one_line(run.detail, 200)}" if run.detail else ""
        good = run.state is RunState.DONE
        stopped = run.state is RunState.ABORTED
        severity = "information" if good else "warning" if stopped else "error"
        self._over.peak.say(f"{one_line(run.job, 60)} ended: {word}{detail}", severity=severity)  # type: ignore[arg-type]
