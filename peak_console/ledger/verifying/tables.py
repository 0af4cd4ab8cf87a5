"""Whether the file's tables, triggers and indexes are those of a fresh ledger of this schema."""

import sqlite3
from functools import cache
from typing import Final, NamedTuple

from peak_console.ledger.schema import migrate
from peak_console.ledger.verifying.diagnosis import Break

_OWN_BOOKS: Final = "_sqlite_migrations"
"""Where the library that migrates keeps its own account, in a form of its own."""

_OBJECTS: Final = "SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_master ORDER BY type, name"
_INTERNAL: Final = "sqlite_"
"""Names that SQLite keeps for itself: indexes of constraints, statistics."""

_GUARD: Final = "trigger"


class Thing(NamedTuple):
    """A table, index, trigger or view, by kind and name."""

    kind: str
    name: str


def find_wrong_tables(db: sqlite3.Connection) -> Break | None:
    """The first table or index that is missing or other than it was made: nothing can be counted with it."""
    stored = things_of(db)
    for thing, text in _fresh().items():
        if thing.kind != _GUARD and stored.get(thing) != text:
            return _changed(thing) if thing in stored else _missing(thing)
    return None


def find_wrong_guards(db: sqlite3.Connection) -> Break | None:
    """The first trigger that is missing or other than it was made, or whatever is none of this schema's."""
    stored, expected = things_of(db), _fresh()
    for thing, text in expected.items():
        if thing.kind == _GUARD and stored.get(thing) != text:
            return _changed(thing) if thing in stored else _missing(thing)
    strange = next((thing for thing in stored if thing not in expected), None)
    if strange is None:
        return None
    told = f"the {strange.kind} {strange.name!r:.60} is none of this schema's: {_OPENED}"
    return Break(None, "wrong_schema", told)


def things_of(db: sqlite3.Connection) -> dict[Thing, str]:
    """What a ledger is made of, each with its text, in which only spaces may differ."""
    return {
        Thing(kind, name): "" if table == _OWN_BOOKS else " ".join(sql.split())
        for kind, name, table, sql in db.execute(_OBJECTS)
        if not name.startswith(_INTERNAL)
    }


@cache
def _fresh() -> dict[Thing, str]:
    """What a ledger that was made now is made of; tables come before what stands on them."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(db)
        found = things_of(db)
    finally:
        db.close()
    return dict(sorted(found.items(), key=lambda item: (item[0].kind != "table", item[0])))


def _changed(thing: Thing) -> Break:
    told = f"the {thing.kind} {thing.name} is not the one of this schema: {_OPENED}"
    return Break(None, "wrong_schema", told)


def _missing(thing: Thing) -> Break:
    if thing.kind == "table":
        return Break(None, "missing_table", f"the table {thing.name} is gone; restore a backup")
    what = "what keeps events from being changed" if thing.kind == _GUARD else "it was made with it"
    return Break(None, "wrong_schema", f"the {thing.kind} {thing.name} is gone, {what}: {_OPENED}")


_OPENED: Final = "somebody opened the file to change it"
