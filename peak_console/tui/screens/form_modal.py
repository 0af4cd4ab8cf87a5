"""A dialogue of fields: Enter leads on and confirms nothing, leaving by it asks once more."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.widgets import Input

from peak_console.tui.screens.base import PeakModal
from peak_console.tui.widgets.form import type_into
from peak_console.tui.widgets.prompt import PlainInput


class FormModal(PeakModal):
    """A subclass names its fields, says what is missing, and draws its state."""

    FIELDS: ClassVar[tuple[str, ...]] = ()
    """The ids of the fields, in the order in which what is typed on Cancel fills them."""
    LAST_FIELD: ClassVar[str] = ""
    """The field on which Enter says that it confirms nothing; by default the last one."""

    def __init__(self) -> None:
        super().__init__()
        self._asked_to_leave = False

    def lacking(self) -> str:
        """What is missing; empty where nothing is."""
        raise NotImplementedError

    def show_state(self) -> None:
        """Say what is missing, or by which key it is done."""
        raise NotImplementedError

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Lead on to the next field; from the last one say that Enter confirms nothing."""
        event.stop()
        if event.input.id != (self.LAST_FIELD or self.FIELDS[-1]):
            self.focus_next()
            return
        self._asked_to_leave = not self.lacking()
        self.show_state()

    def type_on(self, text: str) -> None:
        """What is typed on Cancel goes into the first field that is empty."""
        type_into([self.query_one(f"#{one}", PlainInput) for one in self.FIELDS], text)

    def typing(self) -> bool:
        """On Cancel as in a field: what is printable is typed."""
        return True

    def key_hints(self) -> Sequence[tuple[str, str]]:
        """Where ``tab`` leads."""
        return (("tab", "next field"),)

    def key_words(self) -> Mapping[str, str]:
        """What leaving means here."""
        return {"back": "cancel"}

    def leave_by_enter(self) -> None:
        """Close; where all is filled in, ask once more, since Enter may have been meant to confirm."""
        if self.lacking() or self._asked_to_leave:
            self.do_back()
            return
        self._asked_to_leave = True
        self.show_state()
