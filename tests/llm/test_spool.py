from collections.abc import Sequence
from pathlib import Path

import pytest

from peak_console.domain.errors import EnvironmentUnfit, NodeUnreachable, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Ack
from peak_console.llm.spool import Spool


class Ledger:
    """Takes events, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.taken: list[EventDraft] = []

    async def append(self, drafts: Sequence[EventDraft]) -> list[Ack]:
        """Take ``drafts``."""
        if self.error is not None:
            raise self.error
        self.taken += drafts
        return [Ack(draft.event_id, 1, "h", "t") for draft in drafts]

    async def close(self) -> None:
        """Nothing to do."""


def draft(number: int) -> EventDraft:
    """An event with everything an event has."""
    return EventDraft(
        f"ev_{number}", "llm.call.completed", {"hop": 1, "ü": None}, "run", "call", "L2", "primary", "p", "m"
    )


async def test_what_is_kept_comes_back_word_for_word(tmp_path: Path) -> None:
    """Events go in and out unchanged, in order, and their files are removed."""
    spool, ledger = Spool(tmp_path, "a"), Ledger()
    spool.keep([draft(1), draft(2)])
    spool.keep([draft(3)])
    assert spool.waiting
    assert await spool.hand_in(ledger) == 3
    assert ledger.taken == [draft(1), draft(2), draft(3)]
    assert not spool.waiting
    assert not spool.left_over()


async def test_a_client_hands_in_what_others_left_behind(tmp_path: Path) -> None:
    """A process that ended leaves its files to the next."""
    Spool(tmp_path, "dead").keep([draft(1)])
    spool, ledger = Spool(tmp_path, "b"), Ledger()
    assert spool.waiting
    assert await spool.hand_in(ledger) == 1


async def test_while_the_ledger_is_away_nothing_is_removed(tmp_path: Path) -> None:
    """A failed handing in leaves everything for the next."""
    spool = Spool(tmp_path, "a")
    spool.keep([draft(1)])
    with pytest.raises(NodeUnreachable):
        await spool.hand_in(Ledger(NodeUnreachable("away")))
    assert spool.waiting
    assert await spool.hand_in(Ledger()) == 1


async def test_what_the_ledger_refuses_for_itself_is_set_aside(tmp_path: Path) -> None:
    """One bad file does not keep the others back, and is not thrown away."""
    spool = Spool(tmp_path, "a")
    spool.keep([draft(1)])
    assert await spool.hand_in(Ledger(UsageWrong("malformed"))) == 0
    assert not spool.left_over()
    assert len(list((tmp_path / ".spool").glob("*.refused"))) == 1


async def test_a_file_that_was_cut_off_breaks_nothing(tmp_path: Path) -> None:
    """A crash in mid-write leaves no readable file, or none at all."""
    spool = Spool(tmp_path, "a")
    spool.keep([draft(1)])
    (path,) = spool.left_over()
    path.write_bytes(path.read_bytes()[:-20])
    assert await spool.hand_in(Ledger()) == 0


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The last resort fails loudly."""
    (tmp_path / ".spool").write_text("a file in the way")
    with pytest.raises(EnvironmentUnfit) as caught:
        Spool(tmp_path, "a").keep([draft(1)])
    assert caught.value.code == "spool_unwritable"
