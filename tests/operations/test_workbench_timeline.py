"""Which versions were in force when, and who put them there: what the node saw and operators saved."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.config.editing.targets import target_named
from peak_console.domain.clock import iso
from peak_console.domain.events import LedgerEvent
from peak_console.operations.workbench.shapes import Version
from peak_console.operations.workbench.timeline import (
    bad_times,
    in_force_at,
    mark_known_good,
    versions_of,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
MATRIX = target_named("matrix")
DAY_S = 86_400


def at(hours: float) -> datetime:
    """So many hours after the beginning."""
    return START + timedelta(hours=hours)


class Book:
    """Events as a ledger would hold them, an hour apart unless said otherwise."""

    def __init__(self) -> None:
        self.events: list[LedgerEvent] = []
        self.hours = 0.0

    def add(self, kind: str, body: Mapping[str, Any], actor: str = "node", after_h: float = 1.0) -> int:
        """One more event; gives its place."""
        self.hours += after_h
        seq = len(self.events) + 1
        ts = iso(at(self.hours))
        self.events.append(LedgerEvent(seq, f"ev_{seq}", ts, 0, kind, actor, "", "", "", body=body))
        return seq

    def starts(self, **digests: str) -> int:
        """A node begins and sees these configs."""
        return self.add("node.started", {"digests": digests})

    def sees(self, new: str | None, file: str = "matrix", **more: Any) -> int:
        """The node sees a change."""
        return self.add("config.changed", {"file": file, "old": None, "new": new}, **more)

    def saves(self, old: str | None, new: str, *, by: str = "anna", kind: str = "matrix.changed") -> int:
        """An operator saves the matrix."""
        body = {"path": MATRIX.path, "kind": "matrix", "old": old, "new": new, "reason": f"to {new}"}
        return self.add(kind, {**body, "operator": "somebody"}, f"mara/operator:{by}")

    def versions(self, disk: str | None = None) -> tuple[Version, ...]:
        """The matrix's versions, newest first."""
        return versions_of(self.events, MATRIX, disk=disk, index=lambda _: None)


def told(versions: Sequence[Version]) -> list[tuple[str, str, str]]:
    """Digest, how and who, newest first."""
    return [(one.digest, one.how, one.actor) for one in versions]


def test_a_save_is_joined_with_what_the_node_saw_by_its_digest() -> None:
    """Who and why come from the proof of the save, since and until from the node; the rest is outside."""
    book = Book()
    book.starts(matrix="a")
    book.saves("a", "b")
    book.sees("b", after_h=0.0001)
    book.sees("c")
    book.saves("c", "b", kind="matrix.rolled_back", by="bert")
    book.sees("b")
    versions = book.versions()
    assert told(versions) == [
        ("b", "rolled_back", "bert"),
        ("c", "outside", ""),
        ("b", "saved", "anna"),
        ("a", "first", ""),
    ]
    assert versions[2].reason == "to b"
    assert versions[0].until is None
    assert all(newer.since == older.until for newer, older in pairwise(versions))


def test_a_save_that_was_recorded_and_not_carried_out_was_never_in_force() -> None:
    """The file is as it was: history names the save and does not call it a version in force."""
    book = Book()
    book.starts(matrix="a")
    book.saves("a", "b")
    versions = book.versions(disk="a")
    assert told(versions) == [("b", "never_in_force", "anna"), ("a", "first", "")]
    assert versions[0].since == versions[0].until
    assert versions[1].until is None
    assert in_force_at(versions, at(100)) == versions[1]


def test_a_save_that_no_node_saw_counts_where_the_next_save_found_it_or_it_stands_on_disk() -> None:
    """Without a node, or when two saves come within one look, the chain of saves says what was in force."""
    book = Book()
    book.starts(matrix="a")
    book.saves("a", "b")
    book.saves("b", "c")
    assert told(book.versions(disk="c"))[:2] == [("c", "saved", "anna"), ("b", "saved", "anna")]
    alone = Book()
    alone.saves("a", "b")
    assert told(alone.versions(disk="b")) == [("b", "saved", "anna"), ("a", "first", "")]


def test_other_configs_and_an_operators_events_of_them_say_nothing_of_this_one() -> None:
    """A change of prices, seen or saved, is no version of the matrix."""
    book = Book()
    book.starts(matrix="a", prices="p")
    book.sees("q", file="prices")
    body = {"path": "configs/ai/prices.toml", "kind": "prices", "old": "p", "new": "q", "reason": "r"}
    book.add("prices.changed", body, "mara/operator:anna")
    assert told(book.versions()) == [("a", "first", "")]


def test_a_file_that_goes_and_comes_back_was_not_in_force_meanwhile() -> None:
    """A gap is a gap: nothing was in force in it."""
    book = Book()
    book.starts(matrix="a")
    book.sees(None)
    book.sees("a")
    versions = book.versions()
    assert [one.digest for one in versions] == ["a", "a"]
    assert in_force_at(versions, at(2.5)) is None
    assert in_force_at(versions, at(1.5)) == versions[1]


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("scopes/L2", {"configs/ai/capability_scopes/L2.yaml": "x"}),
        ("prompts/market-outlook@1", {"market-outlook@1": "x"}),
    ],
)
def test_a_file_of_a_library_has_the_history_of_its_own_bytes(name: str, index: dict[str, str]) -> None:
    """A change of another file in the library is none of this one's; an index that is lost tells nothing."""
    target = target_named(name)
    book = Book()
    book.starts(**{target.kind: "lib1"})
    book.sees("lib2", file=target.kind)
    book.sees("lost", file=target.kind)
    book.sees("lib3", file=target.kind)
    one = next(iter(index))
    indices = {"lib1": index, "lib2": {**index, "other": "y"}, "lib3": {one: "z"}}
    versions = versions_of(book.events, target, disk=None, index=indices.get)
    assert [one.digest for one in versions] == ["z", "x"]


def test_known_good_is_the_newest_version_that_held_long_enough_without_an_incident() -> None:
    """The one in force counts from the last incident on; a short one in between does not count."""
    book = Book()
    book.starts(matrix="a")
    book.sees("b", after_h=48)
    book.sees("c", after_h=2)
    book.add("incident.opened", {}, after_h=30)
    book.add("control.stopped", {"scope": "global"}, after_h=1)
    bad = bad_times(book.events)
    versions = book.versions()
    assert versions[0].incidents == 2
    soon = mark_known_good(versions, bad, after_s=DAY_S, now=at(book.hours + 1))
    assert [one.digest for one in soon if one.known_good] == ["a"]
    later = mark_known_good(versions, bad, after_s=DAY_S, now=at(book.hours + 25))
    assert [one.digest for one in later if one.known_good] == ["c"]


_STEPS = st.lists(
    st.tuples(st.sampled_from(["seen", "saved", "torn", "gone"]), st.sampled_from("abcd")), max_size=25
)


@given(_STEPS)
def test_versions_in_force_never_overlap_and_the_node_has_the_last_word(steps: list[tuple[str, str]]) -> None:
    """Whatever is saved, lost or changed outside: at every moment one version at most, as the node saw it."""
    book, disk = Book(), "a"
    book.starts(matrix=disk)
    for what, digest in steps:
        if what == "gone":
            book.sees(None)
            disk = ""
        elif what == "torn":
            book.saves(disk or None, digest)
        elif what == "seen" and digest != disk:
            book.sees(digest)
            disk = digest
        elif what == "saved" and digest != disk:
            book.saves(disk or None, digest)
            book.sees(digest)
            disk = digest
    held = [one for one in book.versions(disk or None) if one.how != "never_in_force"]
    assert sum(one.until is None for one in held) == bool(disk)
    assert (held[0].digest if disk else "") == disk
    for newer, older in pairwise(held):
        assert older.until is not None
        assert older.since <= older.until <= newer.since


def test_what_the_first_save_found_is_a_version_whatever_saw_the_rest() -> None:
    """A command that was the node for a moment recorded the save and saw nothing: both versions are told."""
    book = Book()
    seq = book.saves("a", "b")
    expected = [("b", "saved", "anna"), ("a", "first", "")]
    assert told(book.versions(disk="b")) == expected
    assert told(book.versions(disk="a")) == [("b", "never_in_force", "anna"), ("a", "first", "")]
    book.starts(matrix="b")
    versions = book.versions(disk="b")
    assert told(versions) == expected
    assert (versions[0].since, versions[0].before) == (at(1), False)
    assert (versions[1].seq, versions[1].before) == (seq, True)
    assert in_force_at(versions, at(0.5)) == versions[1]


class Desk:
    """A file, the hands that change it, and a node that comes and goes; what was found is written down."""

    def __init__(self) -> None:
        self.book, self.disk, self.by_save = Book(), "a", False
        self.node, self.last = False, ""
        self.found: list[tuple[str, bool]] = []

    def notice(self) -> None:
        """Somebody read the file, and the ledger tells of it."""
        if not self.found or self.found[-1][0] != self.disk:
            self.found.append((self.disk, self.by_save))

    def step(self, what: str, digest: str) -> None:
        """One of the steps below."""
        if what == "outside":
            self.disk, self.by_save = digest, False
        elif what == "stop":
            self.node = False
        elif what == "look" and self.node and self.last != self.disk:
            self.notice()
            self.book.sees(self.disk)
            self.last = self.disk
        elif what == "start":
            self.notice()
            self.book.starts(matrix=self.disk)
            self.node, self.last = True, self.disk
        elif what in {"save", "torn", "meanwhile"} and digest != self.disk:
            self._save(what, digest)

    def _save(self, what: str, digest: str) -> None:
        """A save; one that dies before the file is replaced; one while a node begins that read it before."""
        self.notice()
        self.book.saves(self.disk, digest)
        if what == "meanwhile":
            self.book.starts(matrix=self.disk)
            self.node, self.last = True, self.disk
        if what != "torn":
            self.disk, self.by_save = digest, True


_ORDERS = st.lists(
    st.tuples(
        st.sampled_from(["save", "save", "outside", "start", "stop", "look", "torn", "meanwhile"]),
        st.sampled_from("abcd"),
    ),
    max_size=20,
)


@given(_ORDERS)
def test_in_whatever_order_it_was_recorded_what_was_found_on_disk_is_what_was_in_force(
    steps: list[tuple[str, str]],
) -> None:
    """Every text that a save or a node found is a version, in order; one that a save put there says so."""
    desk = Desk()
    for step in steps:
        desk.step(*step)
    desk.step("start", "")
    held = [one for one in reversed(desk.book.versions(desk.disk)) if one.how != "never_in_force"]
    assert [one.digest for one in held] == [digest for digest, _ in desk.found]
    assert all(one.how == "saved" for one, (_, by_save) in zip(held, desk.found, strict=True) if by_save)
    assert all(older.until == newer.since for older, newer in pairwise(held))
    assert in_force_at(desk.book.versions(desk.disk), at(-1)) == (held[0] if held[0].before else None)
