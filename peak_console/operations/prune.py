"""Retention: an operator drops details of old calls to their hashes, and the texts of runs that ended."""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import is_run_id, new_event_id
from peak_console.domain.text import one_line
from peak_console.ledger.keeping.pruning import PRUNABLE, PrunedRange, RangeDigest
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import append_proved, choose_operator
from peak_console.operations.ledger import existing
from peak_console.operations.moments import moment_of
from peak_console.operations.settings import ledger_settings
from peak_console.operations.views.texts import SEGMENT

CONFIRM_WORD: Final = "PRUNE"
"""What an operator types."""

REASON_LIMIT: Final = 500

_STILL_S: Final = 30.0
"""How long a node may make no progress before the command leaves it alone."""
_POLL_S: Final = 0.05

Progress = Callable[[str, int, int], None]
"""Told now and then: what is done, how much of it, and how much there is."""


@dataclass(frozen=True, slots=True)
class KindCount:
    """Bodies of one kind that would go."""

    kind: str
    events: int
    bytes: int


@dataclass(frozen=True, slots=True)
class RunTexts:
    """The texts of a run that ended."""

    run_id: str
    bytes: int


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What a prune would drop."""

    before: str
    """Ledger time; only what is dated before it."""
    upto_seq: int
    kinds: tuple[KindCount, ...]
    events: int
    """Events that the range covers, those whose bodies are gone already among them."""
    digest: str
    """Of places and body hashes of these events: see :class:`RangeDigest`."""
    held: int
    """Bodies that stay, because their calls' bills are open."""
    texts: tuple[RunTexts, ...]

    @property
    def bodies(self) -> int:
        """How many bodies would go."""
        return sum(one.events for one in self.kinds)

    @property
    def bytes(self) -> int:
        """How much room they take, in bytes; texts aside."""
        return sum(one.bytes for one in self.kinds)

    @property
    def text_bytes(self) -> int:
        """How much room the texts take."""
        return sum(one.bytes for one in self.texts)

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to drop."""
        return not self.bodies and not self.texts

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "before": self.before,
            "upto_seq": self.upto_seq,
            "kinds": {one.kind: {"events": one.events, "bytes": one.bytes} for one in self.kinds},
            "bodies": self.bodies,
            "bytes": self.bytes,
            "held": self.held,
            "covered_events": self.events,
            "digest": self.digest,
            "texts": {"runs": len(self.texts), "bytes": self.text_bytes},
        }


@dataclass(frozen=True, slots=True)
class Pruned:
    """A prune on record; ``done`` says whether the node has carried it out by now."""

    seq: int
    operator: str
    done: bool
    done_seq: int
    texts: int
    """How many runs' texts were dropped."""
    left: tuple[str, ...]
    """Runs whose texts could not be dropped, and why."""


def plan(
    ws: Workspace, date: str, *, clock: Clock | None = None, progress: Progress | None = None
) -> PrunePlan:
    """What ``date`` would drop; raises ``UsageWrong`` for no date, ``ControlRefused`` for too young a one."""
    clock = clock or SystemClock()
    before = moment_of(date)
    least = ledger_settings(ws).retention.least_days
    latest = clock.now() - timedelta(days=least)
    if before > latest:
        raise ControlRefused(
            f"{date.strip():.60} is younger than the {least} days that are kept",
            code="retention_too_young",
            remedy=f"name a day up to {latest:%Y-%m-%d}; least_days stands in configs/ledger.toml",
            least_days=least,
            latest=iso(latest),
        )
    tell = progress or _silent
    with LedgerReader(existing(ws).ledger) as reader:
        return _plan(ws, reader, iso(before), tell)


def _plan(ws: Workspace, reader: LedgerReader, before: str, tell: Progress) -> PrunePlan:
    upto = reader.last_before(before)
    digest, held = RangeDigest(), 0
    counts: dict[str, list[int]] = {}
    for rows in reader.prunable(before, upto):
        for seq, kind, body_sha256, size, is_held in rows:
            digest.add(seq, body_sha256)
            if size is not None and is_held:
                held += 1
            elif size is not None:
                count = counts.setdefault(kind, [0, 0])
                count[0] += 1
                count[1] += size
        tell("looking at events", rows[-1][0] if rows else 0, upto)
    kinds = tuple(KindCount(kind, *counts[kind]) for kind in sorted(counts))
    texts = tuple(_texts(ws.runs, reader, before)) if upto else ()
    return PrunePlan(before, upto, kinds, digest.events, digest.hexdigest(), held, texts)


def prune(
    ws: Workspace,
    client: BlockingLedgerClient,
    planned: PrunePlan,
    *,
    reason: str,
    confirm: str,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Pruned:
    """Have ``planned`` recorded, proved by an operator, and wait until it is carried out.

    Raises ``UsageWrong`` without a reason or the typed word, ``ControlRefused`` where the node refuses.
    """
    why = check_words(reason, confirm)
    store = KeyStore(ws.keys, os.environ if environ is None else environ)
    signer = choose_operator(store, operator)
    body = {
        "before": planned.before,
        "upto_seq": planned.upto_seq,
        "kinds": list(PRUNABLE),
        "events": planned.events,
        "digest": planned.digest,
        "reason": why,
        "operator": signer,
    }
    draft = EventDraft(new_event_id(secrets.token_bytes), EventKind.LEDGER_PRUNED.value, body)
    seq = append_proved(client, store, signer, draft)
    found = _await(ws, seq, progress or _silent)
    dropped, left = _drop_texts(ws.runs, planned.texts)
    done_seq = found.done_seq if found else 0
    return Pruned(seq, signer, bool(found and found.done), done_seq, dropped, left)


def check_words(reason: str, confirm: str) -> str:
    """The reason as it is recorded; raises ``UsageWrong`` without one, or without the typed word."""
    why = one_line(reason, REASON_LIMIT).strip()
    if not why:
        raise UsageWrong("a prune needs a reason", code="reason_missing", remedy='add: --reason "..."')
    if confirm != CONFIRM_WORD:
        raise UsageWrong(
            f"the word {CONFIRM_WORD} was not typed",
            code="confirm_missing",
            remedy=f"what is dropped cannot be brought back; if that is right: --confirm {CONFIRM_WORD}",
        )
    return why


def _await(ws: Workspace, seq: int, tell: Progress) -> PrunedRange | None:
    """The range once it is carried out, or as it stands when the node makes no progress."""
    found: PrunedRange | None = None
    since = time.monotonic()
    with LedgerReader(ws.ledger) as reader:
        while True:
            now = next((one for one in reader.pruned_ranges() if one.seq == seq), None)
            if now is None or now.done:
                return now
            if found is None or now.done_seq > found.done_seq:
                since = time.monotonic()
            elif time.monotonic() - since > _STILL_S:
                return now
            found = now
            tell("dropping bodies", now.done_seq, now.upto_seq)
            time.sleep(_POLL_S)


# -- texts


def _texts(runs: Path, reader: LedgerReader, before: str) -> Iterator[RunTexts]:
    """Texts of runs whose last event is older, unless a call of theirs has an open bill."""
    for folder in sorted(runs.iterdir()) if runs.is_dir() else ():
        size = _size(folder / SEGMENT) if is_run_id(folder.name) and not folder.is_symlink() else None
        if size is None:
            continue
        last = reader.last_of_run(folder.name)
        if last is not None and last.ts < before and not reader.holds_open(folder.name):
            yield RunTexts(folder.name, size)


def _size(path: Path) -> int | None:
    """Bytes of a regular file, a link not followed; ``None`` for anything else."""
    try:
        return path.lstat().st_size if path.is_file() and not path.is_symlink() else None
    except OSError:
        return None


def _drop_texts(runs: Path, texts: tuple[RunTexts, ...]) -> tuple[int, tuple[str, ...]]:
    dropped, left = 0, []
    for one in texts:
        try:
            (runs / one.run_id / SEGMENT).unlink(missing_ok=True)
        except OSError as error:
            left.append(f"{one.run_id}: {error.strerror or error}")
        else:
            dropped += 1
    return dropped, tuple(left)


def _silent(what: str, done: int, total: int) -> None:
    """No progress is wanted."""
