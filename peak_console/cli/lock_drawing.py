"""What ``peak lock`` tells people."""

from collections.abc import Iterator, Sequence

from peak_console.cli.output import counted, table
from peak_console.config.lock import Baseline, LockEntry
from peak_console.domain.clock import iso
from peak_console.domain.money import NanoEur, text_from_nano
from peak_console.operations.locking.checking import Checked
from peak_console.operations.locking.differing import Changed, LockDiff
from peak_console.operations.locking.rolling_back import RolledBack
from peak_console.operations.locking.showing import Shown
from peak_console.operations.locking.writing import Written


def written_lines(done: Written) -> Iterator[str]:
    """A lock that was written, or would be."""
    head = done.file.lock
    entries, until = counted(len(done.file.entry), "entry", "entries"), iso(head.expires_at)
    if done.seq:
        yield f"the lock {done.digest[:12]} stands: {entries}, until {until} (event {done.seq})"
    else:
        yield f"would be written: {entries}, until {until}; nothing was changed"
    yield from _entry_table(done.file.entry)
    for one in done.drafted.left:
        yield f"left out: {one.name}: {one.why}"
    for note in done.notes:
        yield f"note: {note}"


def checked_lines(found: Checked) -> Iterator[str]:
    """A lock as it stands in a phase."""
    said = "the lock holds" if found.ok else "the lock does not hold"
    if found.digest is None:
        yield f"there is no lock; judged for {found.phase}"
    else:
        ends = f", until {iso(found.expires_at)}" if found.expires_at else ""
        by = f", signed by {found.signer}" if found.signer else ""
        yield f"{said} for {found.phase}: {found.digest[:12]}{by}{ends}"
    rows = [[one.name, one.standing.value, "yes" if one.enough else "no"] for one in found.slots]
    yield from table(["slot and model", "verified", "enough"], rows)
    for problem in found.problems:
        yield f"{'wrong' if problem.fatal else 'note'}: {problem.message}"
        yield f"  do: {problem.remedy}"


def shown_lines(found: Shown) -> Iterator[str]:
    """One lock."""
    lock = found.lock
    place = "in its place" if found.standing else "kept, not in its place"
    yield f"lock {lock.digest} ({place})"
    if found.trouble is not None:
        yield f"it does not count: {found.trouble.message}"
        yield f"  do: {found.trouble.remedy}"
    if lock.file is None:
        return
    head = lock.file.lock
    yield f"signed by {head.signer}, written {iso(head.created_at)}, until {iso(head.expires_at)}"
    yield f"reason: {head.reason}"
    yield f"for the matrix {head.matrix_sha256[:12]}; before it: {(head.previous or 'none')[:12]}"
    yield from _entry_table(lock.file.entry)


def diff_lines(found: LockDiff) -> Iterator[str]:
    """How two locks differ."""
    yield f"{found.old[:12]} → {found.new[:12]}" + (": they say the same" if found.same else "")
    yield from (f"  {_changed(one)}" for one in found.head)
    for entry in found.entries:
        yield f"{entry.how}: {entry.name}"
        yield from (f"  {_changed(one)}" for one in entry.values)


def rolled_back_lines(done: RolledBack) -> Iterator[str]:
    """A lock that was put back."""
    ends = done.lock.expires_at
    until = f", until {iso(ends)}" if ends else ""
    yield f"the lock {done.lock.digest[:12]} stands again (event {done.seq}){until}"
    if done.replaced:
        yield f"the one it replaces is kept: {done.replaced[:12]}"


def _entry_table(entries: Sequence[LockEntry]) -> Iterator[str]:
    rows = [
        [
            one.name,
            f"{one.evidence.kind} by {one.evidence.by}",
            f"{one.price.input_usd_per_mtok}/{one.price.output_usd_per_mtok}",
            f"{one.baseline.calls:,}",
            _counts(one.baseline),
            _p95(one.baseline),
            ", ".join(one.snapshots) or "-",
        ]
        for one in entries
    ]
    heads = ["slot and model", "evidence", "USD/M in/out", "hops", "failed/critic", "p95", "answers as"]
    yield from table(heads, rows)


def _counts(baseline: Baseline) -> str:
    return f"{baseline.failed}/{baseline.critic_failed} of {baseline.judged}"


def _p95(baseline: Baseline) -> str:
    if baseline.latency_p95_ms is None:
        return "-"
    cost = baseline.cost_p95_nano_eur
    euros = "" if cost is None else f", € {text_from_nano(NanoEur(cost))}"
    return f"{baseline.latency_p95_ms:,} ms{euros}"


def _changed(one: Changed) -> str:
    return f"{one.what}: {one.old or '(none)'} → {one.new or '(none)'}"
