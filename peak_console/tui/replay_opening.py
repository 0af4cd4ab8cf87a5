"""How a console is opened on the past."""

from dataclasses import replace
from typing import TYPE_CHECKING

from peak_console.config.workspace import Workspace
from peak_console.operations.views.replay_clock import ReplayClock, ReplaySpan

if TYPE_CHECKING:
    from peak_console.operations.views.source import Source
    from peak_console.tui.app import Opening


def replayed(opening: "Opening", workspace: Workspace, span: ReplaySpan) -> "Opening":
    """``opening`` on a part of the past, held at its begin; its clock drives all that is drawn."""
    clock = ReplayClock(span)

    def past() -> "Source":
        from peak_console.operations.views.replay_source import ReplaySource  # noqa: PLC0415 - slow

        return ReplaySource(workspace, clock)

    said = f"replay: {span.note}; space plays" if span.note else ""
    return replace(
        opening,
        source=past,
        clock=clock,
        replay=clock,
        flags=replace(opening.flags, replay=True),
        notice=opening.notice or said,
    )
