"""How a ledger is broken, and how far what is left of it can be proven."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import state_folder
from peak_console.domain.errors import ControlRefused, LedgerUnavailable
from peak_console.domain.events import GENESIS_PREV_HASH
from peak_console.ledger.faults import sqlite_faults
from peak_console.ledger.heads.anchors import survey
from peak_console.ledger.heads.first_events import read_beginning
from peak_console.ledger.heads.known_heads import KnownHeads, known_heads
from peak_console.ledger.heads.notes import origin_of
from peak_console.ledger.heads.succession import Proved, foreign
from peak_console.ledger.keeping.salvage import Progress, Proven, mended_copies, prove
from peak_console.ledger.schema import open_for_reading
from peak_console.operations.ledger import verify
from peak_console.operations.settings import ledger_settings

_NOT_BROKEN: Final = frozenset(
    {"ledger_locked", "ledger_read_only", "ledger_full", "ledger_schema_newer", "ledger_schema_older"}
)
"""Why a ledger cannot be read or written now although nothing of it is lost."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to recover from."""

    source: Path
    """The file that is read: the broken one, or a copy whose beginning was mended."""
    proven: Proven
    heads: KnownHeads
    origin: str
    how: str
    """How it is broken, in the verifier's words."""
    detail: str
    beside: Path
    """Whose own tables and unproven events are heard too: the broken file, also where a backup is read."""
    backup: Path | None = None
    """The backup that is read instead of the broken file."""

    @property
    def signed(self) -> int:
        """Up to which place heads of this log were signed."""
        return max(self.heads.of(self.origin), default=0)

    @property
    def known(self) -> int:
        """The last place that the file or a signed head tells of."""
        return max(self.proven.seen, self.signed, self.proven.events)


def signed_heads(ws: Workspace, key: bytes, environ: Mapping[str, str]) -> KnownHeads:
    """What was signed with ``key``, by files and anchors."""
    rules, state = ledger_settings(ws).anchors, state_folder(environ)
    found = survey(ws.root, rules, key, state)
    return known_heads(ws.checkpoints, key, found.anchors, found.git.witnesses() if found.git else ())


def verdict(ws: Workspace, heads: KnownHeads, *, force: bool) -> tuple[str, str]:
    """How the ledger is broken, in the verifier's words; empty where it is not and ``force`` says go on.

    Raises ``ControlRefused`` where nothing is broken, ``LedgerUnavailable`` where it only cannot be read now.
    """
    if not ws.ledger.exists():
        if heads.newest is None and not force:
            raise ControlRefused(
                f"{ws.root} never had a ledger that anything tells of",
                code="nothing_to_recover",
                remedy="begin one: peak init",
            )
        return "ledger_missing", f"{ws.ledger.name} is gone"
    try:
        result = verify(ws)
    except LedgerUnavailable as error:
        if error.code in _NOT_BROKEN and not force:
            raise
        return error.code, error.message
    if not result.ok:
        return result.broken_how or "broken", result.detail
    if not force:
        raise ControlRefused(
            f"the ledger verifies: {result.events:,} events, nothing to recover",
            code="nothing_to_recover",
            remedy="look at: peak status; to begin anew all the same: --force",
        )
    return "", ""


@contextmanager
def examined(
    ledger: Path,
    folder: Path,
    key: bytes,
    heads: KnownHeads,
    proved: Proved,
    *,
    said: tuple[str, str],
    progress: Progress | None,
    backup: Path | None = None,
    fewer: bool = False,
) -> Iterator[Found]:
    """How far ``ledger`` holds; where nothing does, how far a copy in ``folder`` with a mended beginning.

    With ``backup`` how far that one holds, by the same proofs; raises ``ControlRefused`` where that is no
    further than the ledger itself, unless ``fewer``. ``said`` is the verdict, how and detail; where it is
    empty the reading itself tells.
    """

    def signed(genesis: str) -> Mapping[int, bytes]:
        return heads.of(origin_of(key, genesis))

    source, proven = ledger, prove(ledger, signed, progress)
    with ExitStack() as stack:
        if not proven.events:
            copies = mended_copies(ledger, folder)
            stack.callback(copies.close)
            for copy in copies:
                again = prove(copy, signed, progress)
                if again.events:
                    source, proven = copy, again
                    break
        beside = source
        if backup is not None:
            if not backup.is_file() or (ledger.exists() and backup.samefile(ledger)):
                raise _useless(
                    backup, "it is the ledger itself" if backup.is_file() else "there is no such file"
                )
            source, proven = backup, _further(backup, prove(backup, signed, progress), proven, fewer=fewer)
        origin = heads.newest.origin if heads.newest else ""
        why = _foreign(source, proven, heads, key, proved)
        if why and backup is not None:
            raise _useless(backup, why)
        if why:  # nothing of it is of the log that was signed
            proven = Proven(0, GENESIS_PREV_HASH, 0, "foreign_genesis", why)
        elif proven.genesis:
            origin = origin_of(key, proven.genesis)
        how, detail = said if said[0] else (proven.broken_how or "asked_for", proven.detail)
        yield Found(source, proven, heads, origin, how, detail, beside, backup)


def _further(backup: Path, there: Proven, here: Proven, *, fewer: bool) -> Proven:
    """What the backup proves, and up to where either file tells of events."""
    if not there.events:
        raise _useless(backup, there.detail or "it holds no events")
    if there.events <= here.events and not fewer:
        raise _useless(
            backup,
            f"it holds {there.events:,} events that can be proven, the ledger itself {here.events:,}",
            "leave --from out: nothing is lost by it; to go on from the backup all the same: --force",
        )
    return replace(there, seen=max(there.seen, here.seen))


def _useless(
    backup: Path, why: str, remedy: str = "name another backup, or leave --from out"
) -> ControlRefused:
    return ControlRefused(f"{backup.name} is of no use here: {why}", code="backup_useless", remedy=remedy)


def _foreign(source: Path, proven: Proven, heads: KnownHeads, key: bytes, proved: Proved) -> str:
    """Why the chain in the file is not of the log that was signed; empty where it is, or nothing was."""
    if not proven.genesis or not key:
        return ""
    origin = origin_of(key, proven.genesis)
    try:
        with closing(open_for_reading(source)) as db, sqlite_faults(source):
            return foreign(read_beginning(db, origin), heads.others(origin), proved)
    except LedgerUnavailable as error:
        # the index may be damaged: what has a signed head of its own was judged when that was signed
        return "" if heads.of(origin) or not heads.roots else f"its beginning cannot be read: {error.message}"
