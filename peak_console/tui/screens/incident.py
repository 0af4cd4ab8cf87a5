"""The incident panel, over any screen: ``!`` opens it, ``s`` in it stops everything, no question asked."""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.containers import Vertical
from textual.widget import Widget

from peak_console.config.workspace import Workspace
from peak_console.domain.posture import Posture, PostureState
from peak_console.domain.text import one_line
from peak_console.operations.views.bar import BarSnapshot
from peak_console.tui.actions import BY_ID, bindings_for
from peak_console.tui.bar_drawing import posture_chip
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell, fit, rule
from peak_console.tui.messages import ActionDone, StepShown
from peak_console.tui.screens.base import PeakModal
from peak_console.tui.widgets.document import wrapped
from peak_console.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from peak_console.operations.stop import Recorded
    from peak_console.operations.stop_background import BackgroundStep

_WIDTH = 72
_CALLS_NAMED = 2
"""Background calls that may run on which the smallest screen has room for."""


class IncidentPanel(PeakModal):
    """Posture in the runbook's words, the keys that make it safer, and what they did, with times."""

    NAME = "incident"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("incident")]
    DEFAULT_CSS = "IncidentPanel .panel { border: round $ink-bad; }"

    def __init__(self) -> None:
        super().__init__()
        self._done: ActionDone | None = None
        self._busy = False

    def panel(self) -> Iterable[Widget]:
        """The lines."""
        framed = Vertical(Lines(id="incident-lines"), classes="panel")
        framed.border_title = "incident"
        yield framed

    def on_mount(self) -> None:
        """Draw."""
        self._draw()

    def bar_taken(self) -> None:
        """The posture is new: the read-back stands in the panel too."""
        super().bar_taken()
        self._draw()

    def _draw(self) -> None:
        lines = incident_lines(self.peak.bar, self._done, busy=self._busy)
        self.query_one("#incident-lines", Lines).show_lines(lines)

    def do_incident_open(self) -> None:
        """It is open."""

    def do_incident_stop(self, reason: str = "") -> None:
        """Stop now, in a thread of its own: nothing on the screen can hold it up."""
        workspace = self.peak.opening.workspace
        if workspace is None or self._busy:
            return
        self._busy, self._done = True, None
        self._draw()
        operator = self.peak.bar.operator or ""
        self.run_worker(lambda: self._stop(workspace, reason, operator), thread=True, exclusive=False)

    def _stop(self, workspace: Workspace, reason: str, operator: str) -> None:
        for message in stop_and_record(workspace, reason or "stopped from the console", operator):
            self.post_message(message)

    def on_action_done(self, message: ActionDone) -> None:
        """Show what it did; read everything back."""
        again = self._done is not None
        self._busy, self._done = False, message
        self._draw()
        if not again:
            self.peak.say(message.summary, severity="warning" if message.ok else "error")
        self.peak.feed.poke()


def stop_and_record(workspace: Workspace, reason: str, operator: str) -> Iterator[ActionDone]:
    """Stop by the control folder, then record it; each step with the milliseconds since the key.

    Told at once; and once more with the step that ends background work, where there was any.
    """
    pressed = time.clock_gettime_ns(_BOOT_CLOCK) // 1000
    from peak_console.control.stop import stop_now  # noqa: PLC0415 - small, and loaded when it is needed

    outcome = stop_now(Path(workspace.control), reason=reason, operator=operator)
    remedies = {step.step: remedy for step, remedy in outcome.failed}
    steps = [
        StepShown(one.step, one.ok, one.detail, remedies.get(one.step, ""), (one.at_us - pressed) / 1000)
        for one in outcome.report.steps
    ]
    from peak_console.operations.stop import record_stop  # noqa: PLC0415 - only after the unlinks

    recorded = record_stop(workspace, outcome)
    after = (time.clock_gettime_ns(_BOOT_CLOCK) // 1000 - pressed) / 1000
    steps.append(_record_step(recorded, after))
    word = "STOPPED, read back" if outcome.effective else "NOT STOPPED: ENABLED could not be removed"
    yield ActionDone("incident.stop", ok=outcome.effective, summary=word, steps=steps)
    from peak_console.operations.stop_background import cancel_background  # noqa: PLC0415 - only after it

    background = _background_steps(cancel_background([workspace])[0], pressed)
    if background:
        yield ActionDone("incident.stop", ok=outcome.effective, summary=word, steps=[*steps, *background])


def _record_step(recorded: "Recorded", at_ms: float) -> StepShown:
    if recorded.seq is not None:
        return StepShown("record", ok=True, detail=f"#{recorded.seq:,}", at_ms=at_ms)
    remedy = "nothing: the next node records it from the files"
    return StepShown("record", ok=False, detail=f"not yet: {recorded.why}", remedy=remedy, at_ms=at_ms)


def _background_steps(step: "BackgroundStep", pressed_us: int) -> list[StepShown]:
    """Background work, where there was any: what became of it, and each call that may run on."""
    if step.ok and not step.calls:
        return []
    at_ms = (step.at_us - pressed_us) / 1000
    shown = [StepShown("background", step.ok, step.detail, step.remedy, at_ms)]
    for one in step.failed[:_CALLS_NAMED]:
        detail = f"{one.work.provider} {one.work.model_id}: {one.detail}"
        shown.append(StepShown(f"  {one.work.call_id}", ok=False, detail=detail, remedy=one.remedy))
    if len(step.failed) > _CALLS_NAMED:
        more = f"{len(step.failed) - _CALLS_NAMED} more"
        shown.append(StepShown(more, ok=False, remedy="peak call --pending"))
    return shown


_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


_LIVE_LINES: tuple[Line, ...] = (
    (
        Span(" REPLAY ", Tone.CHIP_WARN),
        Span("  behind this panel is the past. What you press here", Tone.WARN),
    ),
    (Span("          acts on the live workspace, now. Its posture now:", Tone.WARN),),
)
"""What the panel says first where everything else is of the past."""


def incident_lines(bar: BarSnapshot, done: ActionDone | None, *, busy: bool) -> list[Line]:
    """The panel's lines; they fit the smallest screen, results and the way back included."""
    replay = bar.live_posture is not None
    posture = bar.live_posture or bar.posture
    enabled = posture.calls if replay else bar.ai_enabled
    armed = posture.state is PostureState.ARMED if replay else bar.ai_armed
    reasons = ", ".join(one_line(one, 40) for one in posture.reasons)
    lines: list[Line] = [
        *(_LIVE_LINES if replay else ()),
        fit((posture_chip(posture), Span(f"  {reasons}", Tone.DIM)), _WIDTH),
        (_word("AI_ENABLED", on=enabled), Span("   "), _word("AI_ARMED", on=armed)),
    ]
    if done is None:
        lines += _stop_lines()
    if busy:
        lines += [EMPTY, (Span("  stopping …", Tone.WARN),)]
    if done is not None:
        lines += _result_lines(done)
    return [*lines, *_way_back(posture, replay=replay)]


def _stop_lines() -> list[Line]:
    return [
        EMPTY,
        (
            Span(" s ", Tone.CHIP_BAD),
            Span("  STOP", Tone.STRONG),
            Span("   every call and every order, now; no question is asked"),
        ),
        (Span("     $ ", Tone.FAINT), Span(BY_ID["incident.stop"].cli, Tone.ACCENT)),
        EMPTY,
    ]


def _word(name: str, *, on: bool) -> Span:
    return Span(f" {name} {'true' if on else 'false'}", Tone.OK if on else Tone.DIM)


def _result_lines(done: ActionDone) -> list[Line]:
    """What it did, step by step; a repeated unlink only where it failed."""
    sign, tone = ("✓", Tone.OK) if done.ok else ("✗", Tone.BAD)
    lines: list[Line] = [rule((Span(f"{sign} {done.summary}", tone),), _WIDTH)]
    for step in done.steps:
        if step.ok and step.title.endswith(" again"):
            continue
        lines.append(_step_line(step))
        if not step.ok and step.remedy:
            lines += wrapped(f"do: {one_line(step.remedy, 300)}", _WIDTH, indent="      ", tone=Tone.WARN)
    return lines


def _step_line(step: StepShown) -> Line:
    sign, tone = ("✓", Tone.OK) if step.ok else ("✗", Tone.BAD)
    at = "" if step.at_ms is None else f"{step.at_ms:,.1f} ms"
    return fit(
        (
            Span(f"  {sign} ", tone),
            cell(one_line(step.title, 24), 24),
            cell(at, 11, Tone.DIM, right=True),
            Span(f"   {one_line(step.detail, 200)}", Tone.DIM),
        ),
        _WIDTH,
    )


def _way_back(posture: Posture, *, replay: bool) -> Sequence[Line]:
    if posture.state not in {PostureState.STOPPED, PostureState.UNKNOWN}:
        return ()
    enable = BY_ID["control.enable"]
    head = rule((Span("to go on later", Tone.DIM),), _WIDTH)
    if replay:
        return (head, (Span("     $ ", Tone.FAINT), Span(enable.cli, Tone.ACCENT)))
    return (
        head,
        (
            Span(" e ", Tone.KEY),
            Span("  enable", Tone.STRONG),
            Span("   a named operator, a reason, the typed word ENABLE"),
        ),
        (Span("     $ ", Tone.FAINT), Span(enable.cli, Tone.ACCENT)),
    )
