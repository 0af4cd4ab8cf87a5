"""Whatever bytes of a ledger are damaged: its longest prefix is saved, with no internal error."""

import random
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from node_calls import failed, requested
from node_world import World

from peak_console.budget.limits import BudgetLimits
from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import PeakError
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.heads.known_heads import KnownHeads
from peak_console.ledger.keeping.salvage import write_prefix
from peak_console.ledger.schema import open_for_reading
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.broken_ledger import Found, examined
from peak_console.node.facts import Facts
from peak_console.node.taking_over import phase_kept, take_over

PAGE = 4096
CASES = 20
"""Damages of each kind."""

Damage = Callable[[random.Random, bytearray], None]


def pages_of(data: bytearray) -> int:
    """How many pages there are."""
    return len(data) // PAGE


def whole_pages(rnd: random.Random, data: bytearray) -> None:
    """One to three pages of random bytes: interior ones, indexes, bodies, figures."""
    count = rnd.randint(1, 3)
    begin = PAGE * rnd.randrange(pages_of(data) - count)
    data[begin : begin + PAGE * count] = rnd.randbytes(PAGE * count)


def shreds(rnd: random.Random, data: bytearray) -> None:
    """64 random bytes at a few places."""
    for _ in range(rnd.randint(1, 6)):
        begin = rnd.randrange(len(data) - 64)
        data[begin : begin + 64] = rnd.randbytes(64)


def single_bytes(rnd: random.Random, data: bytearray) -> None:
    """Up to a hundred single bytes."""
    for _ in range(rnd.randint(1, 100)):
        data[rnd.randrange(len(data))] = rnd.randrange(256)


def page_headers(rnd: random.Random, data: bytearray) -> None:
    """What says how a page is to be read."""
    begin = PAGE * rnd.randrange(pages_of(data))
    for _ in range(rnd.randint(1, 4)):
        data[begin + rnd.randrange(12)] = rnd.randrange(256)


def exchanged_pages(rnd: random.Random, data: bytearray) -> None:
    """A page in another one's place."""
    here, there = (PAGE * rnd.randrange(pages_of(data)) for _ in range(2))
    data[here : here + PAGE] = data[there : there + PAGE]


def first_pages(rnd: random.Random, data: bytearray) -> None:
    """Where the schema, the tables' roots and the figures stand; the file's own header among them."""
    begin = PAGE * rnd.randrange(30)
    for _ in range(rnd.randint(1, 12)):
        data[begin + rnd.randrange(300)] = rnd.randrange(256)


def ends(rnd: random.Random, data: bytearray) -> None:
    """The first or the last page gone, or the file cut anywhere."""
    chosen = rnd.randrange(3)
    if chosen == 0:
        data[:PAGE] = rnd.randbytes(PAGE)
    elif chosen == 1:
        data[-PAGE:] = rnd.randbytes(PAGE)
    else:
        del data[rnd.randrange(len(data)) :]


@dataclass(frozen=True)
class Sound:
    """A ledger of calls before it is damaged."""

    data: bytes
    """All of it in one file."""
    events: dict[int, str]
    """The hash of each event by its place."""
    limits: BudgetLimits


@pytest.fixture(scope="module")
def sound(begun: Path, tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """One for all damages."""
    ws = Workspace(tmp_path_factory.mktemp("sound") / "w")
    shutil.copytree(begun / "w", ws.root)
    limits = ConfigCache(ws).current().budgets.limits
    clock = SystemClock()
    projections = (Rollups(), Reservations(lambda: limits, clock=clock))
    with LedgerWriter(ws.ledger, clock=clock, projections=projections) as writer:
        for number in range(110):
            told = [requested(f"c{number}", "1.000000000")]
            if number % 10 != 9:
                told.append(
                    failed(f"c{number}", cost_eur="1.000000000", basis="worst_case", model_id=f"m{number}")
                )
            writer.append([(one, "node") for one in told])
    assert not ws.ledger.with_name("ledger.db-wal").exists()
    return Sound(ws.ledger.read_bytes(), {one.seq: one.hash for one in World(ws).events()}, limits)


def verified_before(path: Path) -> int:
    """How many events ``verify`` says hold; 0 where it only says why it cannot."""
    try:
        return verify(path, figures=False).events
    except PeakError:
        return 0


def look(broken: Path, folder: Path) -> AbstractContextManager[Found]:
    """The examination, with no signed heads."""
    return examined(broken, folder, b"", KnownHeads(), lambda _: False, said=("", ""), progress=None)


def save(found: Found, path: Path, limits: Callable[[], BudgetLimits]) -> None:
    """Everything that a recovery reads of a broken file."""
    facts, prefix = Facts(), None
    if found.proven.events:
        prefix = path
        write_prefix(
            found.source, path, found.proven, (facts, Rollups(), Reservations(limits, clock=SystemClock()))
        )
    take_over(found.source, prefix, found.proven, limits, datetime.now(UTC))
    phase_kept(found.source, found.proven, facts, None)


@pytest.mark.parametrize(
    "damage",
    [whole_pages, shreds, single_bytes, page_headers, exchanged_pages, first_pages, ends],
)
def test_whatever_is_damaged_the_prefix_is_saved(sound: Sound, tmp_path: Path, damage: Damage) -> None:
    """It verifies as a ledger of its own, holds what ``verify`` said holds, and nothing unexpected arises."""
    before = sound.events
    broken, folder, saved = tmp_path / "broken.db", tmp_path / "folder", 0
    folder.mkdir()
    for case in range(CASES):
        rnd, data = random.Random(f"{damage.__name__} {case}"), bytearray(sound.data)  # noqa: S311 - damages, no secrets
        damage(rnd, data)
        broken.write_bytes(data)
        holds = verified_before(broken)
        proven = tmp_path / f"proven-{case}.db"
        with examined(
            broken, folder, b"", KnownHeads(), lambda _: False, said=("", ""), progress=None
        ) as found:
            save(found, proven, lambda: sound.limits)
            assert holds <= found.proven.events <= found.known <= len(sound.data) // 100, case
            if found.proven.events:
                assert found.proven.head == before[found.proven.events]
                again = verify(proven)
                assert (again.ok, again.events, again.head) == (
                    True,
                    found.proven.events,
                    found.proven.head,
                ), case
        saved += found.proven.events
        assert not list(folder.iterdir())
    assert saved > CASES * len(before) // 20, "damage of a few pages must not cost nearly everything"


@pytest.mark.parametrize("table", ["sqlite_master", "an index"])
def test_what_is_beside_the_events_costs_none(sound: Sound, tmp_path: Path, table: str) -> None:
    """All events are saved where the schema's pages or those of an index are damaged."""
    data, broken = bytearray(sound.data), tmp_path / "broken.db"
    broken.write_bytes(data)
    with closing(open_for_reading(broken)) as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        roots = dict(db.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'index'").fetchall())
    if table == "sqlite_master":  # the first page leads to others that hold the schema
        hurt = [page for page in range(1, pages) if b"CREATE T" in data[page * PAGE : (page + 1) * PAGE]]
        assert hurt
    else:
        hurt = [roots["ledger_kind"] - 1]
    for page in hurt:
        data[page * PAGE : (page + 1) * PAGE] = random.Random(page).randbytes(PAGE)  # noqa: S311 - no secrets
    broken.write_bytes(data)
    with examined(
        broken, tmp_path, b"", KnownHeads(), lambda _: False, said=("", ""), progress=None
    ) as found:
        assert found.proven.events == len(sound.events)
