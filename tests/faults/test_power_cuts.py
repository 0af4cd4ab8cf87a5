"""Power cuts and a failing disk under the product's own writer: what was acknowledged is there."""

import random
from pathlib import Path

import apsw
import pytest
from power_cut import Content, Disk, drafts, new_ledger, power_cuts, writer_over

from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.ledgering import Ack
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.verifying.verify import verify

MOST_CALLS = 400


def test_no_acknowledged_event_is_lost_by_power_cuts() -> None:
    """Forty cuts at random moments of appends and of folding the log in: nothing lost, every chain whole."""
    found = power_cuts(40)
    assert (found.cuts, found.lost, found.broken) == (40, 0, 0)
    assert found.acknowledged > 100


def test_the_cuts_bite() -> None:
    """The same cuts without a sync at every commit lose acknowledged events: the test can fail."""
    found = power_cuts(15, synchronous="NORMAL")
    assert found.lost > 10
    assert found.losing_cuts >= 5


def test_a_cut_keeps_what_was_synced_and_part_of_the_rest() -> None:
    """The model itself: sectors that were synced stay, of the others some are lost and none is half."""
    content = Content()
    content.change((0, b"a" * 2048))
    content.sync()
    content.change((0, b"b" * 2048))
    left = {content.after_cut(random.Random(seed)) for seed in range(40)}  # noqa: S311 - chance, not secrets
    assert b"a" * 2048 in left
    assert any({97, 98} == set(one) for one in left)
    assert all(len(set(one[at : at + 512])) == 1 for one in left for at in range(0, 2048, 512))


@pytest.mark.parametrize(
    ("code", "kind"),
    [(apsw.SQLITE_IOERR, "ledger_io_error"), (apsw.SQLITE_FULL, "ledger_full")],
)
def test_the_disk_fails_once_at_every_call_in_turn(tmp_path: Path, code: int, kind: str) -> None:
    """At the first, second, … call to the disk: the caller is told, nothing acknowledged is lost, it goes on.

    An append that was told to have failed is repeated, as clients do: each event stands there once.
    """
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    new_ledger(ledger)
    template = {path.name: path.read_bytes() for path in ledger.iterdir()}
    told, number = 0, 0
    for number in range(1, MOST_CALLS):
        for name, data in template.items():
            (ledger / name).write_bytes(data)
        disk, failures = _fail_at(ledger, number, code, kind)
        told += failures
        if not disk.faults:
            break  # fewer calls than that are made
    assert number < MOST_CALLS - 1
    assert told > 10


def _fail_at(folder: Path, number: int, code: int, kind: str) -> tuple[Disk, int]:
    """Appends over a disk that fails at one call: the disk, and how often a caller was told."""
    kinds = {kind, "ledger_io_error"}  # a read that fails is no full disk

    def fault(call: str, calls: int) -> int | None:
        if calls != number:
            return None
        return apsw.SQLITE_IOERR if call == "read" else code

    disk = Disk(fault)
    disk.load(folder)
    acks: dict[str, Ack] = {}
    told = 0
    while True:
        try:
            with writer_over(disk, "ledger.db") as writer:
                for step in range(4):
                    results = []
                    for _ in range(2):  # the second time repeats what failed, or changes nothing
                        results = writer.append([(one, "a") for one in drafts(0, step)])
                        told += any(isinstance(one, LedgerUnavailable) for one in results)
                        assert {one.code for one in results if isinstance(one, LedgerUnavailable)} <= kinds
                        if all(isinstance(one, Ack) for one in results):
                            break
                    assert all(isinstance(one, Ack) for one in results), results
                    acks |= {one.event_id: one for one in results if isinstance(one, Ack)}
            break
        except LedgerUnavailable as error:  # at the opening: told, and opened again
            told += error.code in kinds
    disk.lay_down(folder)
    disk.unregister()
    assert verify(folder / "ledger.db").ok
    with LedgerReader(folder / "ledger.db") as reader:
        places = [(one.event_id, one.seq, one.hash) for one in reader.read(limit=1000)][1:]
    assert places == [(one.event_id, one.seq, one.hash) for one in acks.values()]
    return disk, told


def test_a_disk_that_stays_broken_is_told_every_time(tmp_path: Path) -> None:
    """No append is acknowledged while the disk fails; once it is mended the same writer goes on."""
    new_ledger(tmp_path)
    broken = [False]
    disk = Disk(lambda call, calls: apsw.SQLITE_IOERR if broken[0] else None)
    disk.load(tmp_path)
    with writer_over(disk, "ledger.db") as writer:
        (first,) = writer.append([(drafts(0, 0)[0], "a")])
        assert isinstance(first, Ack)
        broken[0] = True
        for step in range(1, 6):
            (result,) = writer.append([(drafts(0, step)[0], "a")])
            assert isinstance(result, LedgerUnavailable)
            assert result.remedy
        broken[0] = False
        (after,) = writer.append([(drafts(0, 9)[0], "a")])
        assert isinstance(after, Ack)
        assert after.seq == first.seq + 1
    disk.lay_down(tmp_path)
    disk.unregister()
    assert verify(tmp_path / "ledger.db").ok
