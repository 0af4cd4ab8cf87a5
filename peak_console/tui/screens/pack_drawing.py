"""How evidence packs look: the list, one pack as verified, and its files. Pure."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from peak_console.domain.text import one_line
from peak_console.operations.views.packs import PackRow
from peak_console.tui import figures as fig
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell, fit
from peak_console.tui.widgets.document import wrapped
from peak_console.tui.widgets.table import Column

if TYPE_CHECKING:
    from peak_console.operations.evidence import FileState, PackVerified

_STATES: Final = {
    "ok": ("✓", Tone.OK),
    "broken": ("✗", Tone.BAD),
    "unverified": ("?", Tone.UNKNOWN),
}
FILE_SIGNS: Final = {
    "ok": ("✓", Tone.OK),
    "missing": ("✗", Tone.BAD),
    "extra": ("✗", Tone.BAD),
    "changed": ("✗", Tone.BAD),
}
_LABEL: Final = 10
_PROBLEMS: Final = 4

Ages = Callable[[PackRow], datetime | None]


def pack_columns(now: Callable[[], datetime], verified_at: Ages) -> Sequence[Column[PackRow]]:
    """The columns of the list; a good state stands with its age."""

    def state(row: PackRow) -> Span:
        sign, tone = _STATES.get(row.state, ("?", Tone.UNKNOWN))
        at = verified_at(row)
        age = f" {fig.age((now() - at).total_seconds())} ago" if at is not None and row.state == "ok" else ""
        return Span(f"{sign} {one_line(row.state, 12)}{age}", tone)

    return (
        Column("SEALED", 12, lambda row: Span(f"{row.sealed_at:%m-%d %H:%M}Z", Tone.DIM)),
        Column("RUN", 22, lambda row: Span(one_line(row.run_id, 60), Tone.STRONG), flex=1),
        Column("ED", 3, lambda row: Span(str(row.edition), Tone.DIM), right=True),
        Column("FILES", 5, lambda row: Span(f"{row.files:,}"), right=True),
        Column("SIZE", 7, lambda row: Span(fig.size(row.size)), right=True),
        Column("STATE", 12, state),
        Column("LEDGER", 8, _recorded),
        Column("WHERE", 20, lambda row: Span(one_line(row.path, 160), Tone.FAINT), least=110, flex=2),
    )


def _recorded(row: PackRow) -> Span:
    return Span("recorded", Tone.DIM) if row.recorded else Span("▲ not", Tone.WARN)


def _file_state(file: "FileState") -> Span:
    sign, tone = FILE_SIGNS.get(file.state.value, ("?", Tone.UNKNOWN))
    return Span(f"{sign} {file.state.value}", tone)


FILE_COLUMNS: "Final[Sequence[Column[FileState]]]" = (
    Column("STATE", 10, _file_state),
    Column("FILE", 30, lambda file: Span(one_line(file.path, 200)), flex=1),
    Column("SIZE", 9, lambda file: Span(fig.size(file.size)), right=True),
    Column("TYPE", 24, lambda file: Span(one_line(file.media_type, 60), Tone.DIM), least=90),
)
"""A file of a pack; what is wrong stands first."""


def files_in_order(found: "PackVerified") -> "list[FileState]":
    """The pack's files, those that are wrong first."""
    return sorted(found.files, key=lambda file: (file.state.value == "ok", file.path))


def missing_from(found: "PackVerified") -> int:
    """Artefacts that were gone when the pack was sealed."""
    from peak_console.operations.evidence import missing_from as missing  # noqa: PLC0415 - loads cryptography

    return missing(found)


def verified_lines(
    found: "PackVerified", pack: tuple[str, int], at: datetime, width: int, now: datetime
) -> Iterator[Line]:
    """What verifying a pack (its run and edition) gave, above its files."""
    run_id, edition = pack
    age = fig.age((now - at).total_seconds())
    counts = {state: sum(file.state.value == state for file in found.files) for state in FILE_SIGNS}
    if found.ok:
        gone = missing_from(found)
        lacks = Span(f" ▲ sealed, {gone} artefact{'s' * (gone > 1)} missing", Tone.WARN)
        yield (
            lacks if gone else Span(" ✓ whole", Tone.OK),
            Span(
                f"   verified {age} ago: {counts['ok']} files, {found.events:,} events with proofs", Tone.DIM
            ),
        )
    else:
        wrong = ", ".join(f"{count} {state}" for state, count in counts.items() if count and state != "ok")
        yield fit(
            (Span(" ✗ broken", Tone.BAD), Span(f"   {wrong or 'see below'}   verified {age} ago")), width
        )
    yield fit(
        _pair("run", Span(one_line(run_id, 60), Tone.STRONG), Span(f"   edition {edition}", Tone.DIM)), width
    )
    signed = (
        Span(f"sha256 {found.signed_by[:32]}…") if found.signed_by else Span("✗ by nobody known", Tone.BAD)
    )
    yield fit(_pair("signed by", signed), width)
    proofs = Span("✓ hold", Tone.OK) if found.proofs_ok else Span("✗ do not hold", Tone.BAD)
    size = Span(f"   against the signed head at #{found.checkpoint_size:,}", Tone.DIM)
    yield fit(_pair("proofs", proofs, size), width)
    for problem in found.problems[:_PROBLEMS]:
        yield from wrapped(one_line(problem, 300), width, indent="   ", tone=Tone.BAD)
    if len(found.problems) > _PROBLEMS:
        yield (Span(f"   {len(found.problems) - _PROBLEMS:,} more; y copies all", Tone.BAD),)
    for note in found.notes[:2]:
        yield from wrapped(one_line(note, 300), width, indent="   ", tone=Tone.WARN)


def _pair(label: str, *value: Span) -> Line:
    return (Span(" "), cell(label, _LABEL, Tone.DIM), *value)


def pack_text(found: "PackVerified", run_id: str, edition: int) -> str:
    """A verification as it is copied."""
    lines = [f"evidence of {run_id}, edition {edition}: {'whole' if found.ok else 'BROKEN'}"]
    lines += [f"problem: {one}" for one in found.problems] + [f"note: {one}" for one in found.notes]
    lines += [
        f"{file.state.value:8} {file.size:>10} {one_line(file.path, 200)}" for file in files_in_order(found)
    ]
    return "\n".join(lines) + "\n"


def no_packs(problem: str) -> list[Line]:
    """Why no pack is listed."""
    if problem:
        return [(Span(one_line(problem, 300), Tone.BAD),)]
    return [
        (Span("No evidence is sealed in this workspace yet.", Tone.DIM),),
        (Span("b", Tone.KEY), Span(" on a run's page seals one, or:  ", Tone.DIM), *_example()),
        EMPTY,
    ]


def _example() -> Line:
    return (Span("peak evidence build RUN_ID", Tone.ACCENT),)
