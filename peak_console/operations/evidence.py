"""Evidence packs as an operator handles them: list, verify at each opening, read."""

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore, raw_public
from peak_console.domain.clock import from_unix_us, iso
from peak_console.domain.errors import EnvironmentUnfit, LedgerUnavailable, PeakError, UsageWrong
from peak_console.domain.events import EventKind
from peak_console.domain.ids import is_incident_id, is_run_id
from peak_console.domain.text import one_line
from peak_console.evidence.contents import NOT_THERE
from peak_console.evidence.layout import REPORT
from peak_console.evidence.manifest import STATEMENT
from peak_console.evidence.places import PackPlace, all_packs, packs_of
from peak_console.evidence.sources import FolderFiles, PackUnreadable, open_pack
from peak_console.evidence.verified import FileState, PackVerified, State
from peak_console.evidence.verifying import Cancelled, Progress, VerificationCancelled, verify_files
from peak_console.incidents.fold import find_incident
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.evidence_record import against_ledger
from peak_console.operations.incidents.reading import one_incident, read_incidents

__all__ = [
    "FileState",
    "PackLine",
    "PackVerified",
    "State",
    "VerificationCancelled",
    "critic_report",
    "list_packs",
    "pack_meant",
    "packs_as_json",
    "read_pack_file",
    "verified_as_json",
    "verify_pack",
    "verify_path",
]

UNVERIFIED: Final = "unverified"
OK: Final = "ok"
_SHORT_ID: Final = re.compile(r"[A-Za-z0-9_]{4,40}")
"""What may be a part of an incident's id; nothing that names a file elsewhere."""
BROKEN: Final = "broken"

_PAGE: Final = 500
_Stamp = tuple[tuple[str, int, int, int], ...]

_verified: dict[Path, tuple[_Stamp, bool]] = {}
"""What this process verified, and how the files stood then: a list shows it while they still stand so."""


class EvidenceUnusable(PeakError):
    """A pack that is not there, cannot be read, or is not what was sealed."""

    default_code = "evidence_unusable"
    why = "there is no such pack, or it cannot be relied on"


@dataclass(frozen=True, slots=True)
class PackLine:
    """A sealed pack in a list. ``sealed_at`` is the ledger's time, or the file's where none is on record."""

    run_id: str
    edition: int
    sealed_at: str
    files: int
    bytes: int
    state: str
    """``ok`` or ``broken`` where this process verified it and nothing changed since, else ``unverified``."""
    path: Path
    recorded: bool
    """Whether the ledger has its ``evidence.sealed``."""


def list_packs(ws: Workspace) -> tuple[PackLine, ...]:
    """Every sealed pack, the newest first. Reads no pack and verifies none."""
    times = _sealed_times(ws)
    lines = [_line(one, times.get((one.run_id, one.edition))) for one in all_packs(ws.audits)]
    return tuple(sorted(lines, key=lambda one: (one.sealed_at, one.run_id, one.edition), reverse=True))


def verify_pack(
    ws: Workspace,
    run_id: str,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    *,
    edition: int | None = None,
    public: bytes | None = None,
) -> PackVerified:
    """Verify a run's pack (the newest edition, or the one named) with the workspace's public key, or another.

    It is also held against the ``evidence.sealed`` of the ledger, which a stolen key does not change.

    Raises :class:`EvidenceUnusable` where there is none, ``UsageWrong`` for what is no run id, and
    :class:`VerificationCancelled` when ``cancelled`` says so.
    """
    place = pack_place(ws, run_id, edition)
    stamp = _stamp(place.path)
    trusted = workspace_public(ws) if public is None else public
    found = against_ledger(ws, place, verify_path(place.path, trusted, progress, cancelled, run_id=run_id))
    _verified[place.path] = (stamp, found.ok)
    return found


def verify_path(
    path: Path,
    public: bytes,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    *,
    run_id: str | None = None,
) -> PackVerified:
    """Verify the pack in a folder or an exported archive, wherever it lies, by a public key alone.

    ``run_id`` is the run that it must be of, where that is known.
    Raises :class:`EvidenceUnusable` where it cannot be read at all.
    """
    try:
        found = verify_files(open_pack(path), public, progress, cancelled)
    except PackUnreadable as error:
        raise EvidenceUnusable(
            one_line(str(error), 300),
            code="evidence_unreadable",
            remedy="name a pack's folder or an archive made by: peak evidence build RUN_ID --export FILE",
        ) from error
    if run_id is not None and found.run_id not in {"", run_id}:
        problem = f"this is the pack of {found.run_id}, not of {run_id}"
        return replace(found, ok=False, problems=(problem, *found.problems))
    return found


def missing_from(found: PackVerified) -> int:
    """Artefacts that the run recorded and that were gone when the pack was sealed."""
    return sum(one.endswith(f"({NOT_THERE})") for one in found.notes)


def read_pack_file(ws: Workspace, run_id: str, path: str, *, edition: int | None = None) -> bytes:
    """A file of a run's pack as it lies there; verify the pack before what it says is believed.

    Raises :class:`EvidenceUnusable` for a path that is none of the pack's plain files.
    """
    place = pack_place(ws, run_id, edition)
    try:
        return FolderFiles(place.path).read(path)
    except PackUnreadable as error:
        raise EvidenceUnusable(
            f"{one_line(path, 80)!r} of run {run_id} cannot be read: {one_line(str(error))}",
            code="evidence_file_missing",
            remedy=f"see what is in it: peak evidence show {run_id}",
        ) from error


def critic_report(ws: Workspace, run_id: str, *, edition: int | None = None) -> str:
    """The critic's report of a run's pack, in Markdown that is safe to render; raises as read_pack_file."""
    return read_pack_file(ws, run_id, REPORT, edition=edition).decode("utf-8", "replace")


def verified_as_json(found: PackVerified) -> dict[str, Any]:
    """A verification as ``--json`` shows it."""
    return asdict(found)


def packs_as_json(packs: tuple[PackLine, ...]) -> dict[str, Any]:
    """A list of packs as ``--json`` shows it."""
    return {"packs": [{**asdict(one), "path": str(one.path)} for one in packs]}


def pack_place(ws: Workspace, run_id: str, edition: int | None = None) -> PackPlace:
    """Where a run's pack, or an incident's capture, lies: the newest, or the one named."""
    captured = is_incident_id(run_id)
    packs = packs_of(ws.audits, run_id if captured else checked_run_id(run_id))
    wanted = [one for one in packs if edition is None or one.edition == edition]
    if not wanted:
        which = "" if edition is None else f" {edition}. edition of a"
        raise EvidenceUnusable(
            f"there is no{which} {f'capture of {run_id}' if captured else f'pack of run {run_id}'}",
            code="evidence_missing",
            remedy=f"make one: peak capture {run_id}"
            if captured
            else f"seal one: peak evidence build {run_id}",
        )
    return wanted[-1]


def pack_meant(ws: Workspace, text: str) -> str:
    """The run's or incident's id that ``text`` means: of an incident also so much of it that one fits.

    What means none is given back as it is. Raises ``UsageWrong`` where several incidents fit.
    """
    if is_run_id(text) or is_incident_id(text) or not _SHORT_ID.fullmatch(text) or not ws.ledger.exists():
        return text
    try:
        with LedgerReader(ws.ledger) as reader:
            known = read_incidents(reader)
    except LedgerUnavailable:
        return text
    return one_incident(known, text).incident_id if find_incident(known, text) else text


def checked_run_id(run_id: str) -> str:
    """``run_id`` where it is one, also a UUID; raises ``UsageWrong``: nothing else ever becomes a path."""
    if not is_run_id(run_id) or not run_id.isascii():
        raise UsageWrong(
            f"{one_line(run_id, 60)!r} is no run id",
            code="run_id_malformed",
            remedy="a run id reads YYYYMMDD_HHMMSS_xxxxxx, or is a UUID",
        )
    return run_id


def workspace_public(ws: Workspace, environ: Mapping[str, str] | None = None) -> bytes:
    """The workspace's public key; raises ``EnvironmentUnfit`` where it is missing."""
    public = KeyStore(ws.keys, os.environ if environ is None else environ).raw_public()
    if public is None:
        raise EnvironmentUnfit(
            "configs/keys/workspace.pub is missing",
            code="key_unusable",
            remedy="restore it from version control, or name the key: peak evidence verify PATH --key FILE",
        )
    return public


def read_public(path: Path) -> bytes:
    """A workspace's public key from a file; raises ``EnvironmentUnfit``."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EnvironmentUnfit(
            f"{path} cannot be read: {error}", code="key_unusable", remedy="name the workspace.pub to trust"
        ) from error
    return raw_public(text)


# -- within


def _line(place: PackPlace, sealed_at: str | None) -> PackLine:
    stamp = _stamp(place.path)
    known = _verified.get(place.path)
    state = UNVERIFIED if known is None or known[0] != stamp else OK if known[1] else BROKEN
    written = next((mtime for name, _, mtime, _ in stamp if name == STATEMENT), 0)
    return PackLine(
        run_id=place.run_id,
        edition=place.edition,
        sealed_at=sealed_at or iso(from_unix_us(written // 1000)),
        files=len(stamp),
        bytes=sum(size for _, size, _, _ in stamp),
        state=state,
        path=place.path,
        recorded=sealed_at is not None,
    )


def _stamp(folder: Path) -> _Stamp:
    """What changes when any file of a pack does."""
    found = []
    for above, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(above, name)  # noqa: PTH118 - many files; no Path object for each
            try:
                state = os.lstat(path)
            except OSError:
                continue
            inner = os.path.relpath(path, folder)
            found.append((inner, state.st_size, state.st_mtime_ns, state.st_ctime_ns))
    return tuple(sorted(found))


def _sealed_times(ws: Workspace) -> dict[tuple[str, int], str]:
    """When packs were sealed, by the ledger; nothing where it cannot be read."""
    times: dict[tuple[str, int], str] = {}
    try:
        with LedgerReader(ws.ledger) as reader:
            before: int | None = None
            while True:
                page = reader.find(EventFilter(kinds=(EventKind.EVIDENCE_SEALED.value,)), before, _PAGE)
                for event in page.events:
                    body = event.body or {}
                    edition = body.get("edition")
                    of = str(body.get("run_id") or body.get("incident_id"))
                    times.setdefault((of, edition if type(edition) is int else 1), event.ts)
                before = page.next_before
                if before is None:
                    return times
    except PeakError:
        return times
