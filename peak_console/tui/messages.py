"""What travels from the feed's thread and from workers to screens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual.message import Message

from peak_console.operations.views.bar import BarSnapshot


class BarTaken(Message):
    """The posture bar's facts were read."""

    def __init__(self, bar: BarSnapshot) -> None:
        super().__init__()
        self.bar = bar


class SnapshotTaken(Message):
    """The snapshot that a screen watches was read."""

    def __init__(self, snapshot: Any) -> None:
        super().__init__()
        self.snapshot = snapshot


class AnswerTaken(Message):
    """A question asked once was answered; ``topic`` is what the asker called it."""

    def __init__(self, topic: str, answer: Any) -> None:
        super().__init__()
        self.topic = topic
        self.answer = answer


class FeedFailed(Message):
    """A source raised, which it must not: a defect, told and not hidden."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


@dataclass(frozen=True, slots=True)
class StepShown:
    """One step of an action as the panel shows it: what, whether it held, detail, ms since the key."""

    title: str
    ok: bool
    detail: str = ""
    remedy: str = ""
    at_ms: float | None = None


class ActionDone(Message):
    """A control action came back: its steps, and one line that sums it up."""

    def __init__(self, action_id: str, *, ok: bool, summary: str, steps: Sequence[StepShown] = ()) -> None:
        super().__init__()
        self.action_id = action_id
        self.ok = ok
        self.summary = summary
        self.steps = tuple(steps)
