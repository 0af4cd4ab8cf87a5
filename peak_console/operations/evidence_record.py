"""A pack against what the ledger recorded when it was sealed.

A pack proves itself by the workspace's key; whoever stole that key can make and sign another one. The seal
that the ledger holds names the manifest that was sealed then.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventKind
from peak_console.domain.ids import is_incident_id
from peak_console.evidence.manifest import MANIFEST
from peak_console.evidence.places import PackPlace
from peak_console.evidence.sources import PackUnreadable, open_pack
from peak_console.evidence.verified import PackVerified
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.body_fields import text_of, whole

YES: Final = "yes"
NO: Final = "no"
DIFFERS: Final = "differs"

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Seal:
    """An ``evidence.sealed`` of a run: its place, and which manifest was sealed as which edition."""

    seq: int
    edition: int
    manifest_sha256: str


def seals_of(ws: Workspace, run_id: str) -> tuple[Seal, ...]:
    """A run's or an incident's seals, the first of each edition, ascending; raises ``LedgerUnavailable``."""
    of_incident = is_incident_id(run_id)
    found: dict[int, Seal] = {}
    before: int | None = None
    asked = EventFilter(kinds=(EventKind.EVIDENCE_SEALED.value,), run_id=None if of_incident else run_id)
    with LedgerReader(ws.ledger) as reader:
        while True:
            page = reader.find(asked, before, _PAGE)
            for event in page.events:
                body = event.body or {}
                if of_incident and body.get("incident_id") != run_id:
                    continue
                edition, manifest = whole(body.get("edition")) or 1, text_of(body.get("manifest_sha256"))
                if manifest is not None:
                    found[edition] = Seal(event.seq, edition, manifest)
            before = page.next_before
            if before is None:
                return tuple(found[edition] for edition in sorted(found))


def against_ledger(ws: Workspace, place: PackPlace, found: PackVerified) -> PackVerified:
    """``found`` with what the ledger says of this edition's seal: another manifest there is a problem."""
    try:
        seals = seals_of(ws, place.run_id)
    except PeakError as error:
        return _unknown(found, error)
    own = next((one for one in seals if one.edition == place.edition), None)
    if own is None:
        if is_incident_id(place.run_id):
            return _unrecorded_capture(found)
        return _unrecorded(found, place.edition, seals)
    there = _manifest_of(place.path)
    if there == own.manifest_sha256:
        return replace(found, recorded=YES, recorded_seq=own.seq)
    return _other(found, f"event {own.seq} recorded the manifest {own.manifest_sha256[:16]}…", there)


def anywhere_against_ledger(ws: Workspace, path: Path, found: PackVerified) -> PackVerified:
    """The same for a pack that lies elsewhere: it is one of the editions that this ledger recorded, or none.

    Nothing is said of a run that this ledger has no seal of.
    """
    try:
        seals = seals_of(ws, found.run_id) if found.run_id else ()
    except PeakError as error:
        return _unknown(found, error)
    if not seals:
        return found
    there = _manifest_of(path)
    own = next((one for one in seals if one.manifest_sha256 == there), None)
    if own is not None:
        return replace(found, recorded=YES, recorded_seq=own.seq)
    places = ", ".join(str(one.seq) for one in seals[:5])
    return _other(found, f"this run's seals on the ledger (event {places}) record other manifests", there)


# -- within


def _other(found: PackVerified, recorded: str, there: str) -> PackVerified:
    problem = (
        f"the ledger knows another pack: {recorded}, this one's is {there[:16] or 'missing'}…; "
        "it was changed, or made and signed anew after it was sealed"
    )
    return replace(found, ok=False, recorded=DIFFERS, problems=(problem, *found.problems))


def _unrecorded_capture(found: PackVerified) -> PackVerified:
    """A capture is made without a node as well: that nobody recorded it is no fault of it."""
    note = "the ledger has no evidence.sealed of this capture: only the key speaks for it"
    return replace(found, recorded=NO, notes=(note, *found.notes))


def _unrecorded(found: PackVerified, edition: int, seals: tuple[Seal, ...]) -> PackVerified:
    if not seals:
        note = "the ledger has no evidence.sealed of this run: only the key speaks for this pack"
        return replace(found, recorded=NO, notes=(note, *found.notes))
    known = ", ".join(f"{one.edition} (event {one.seq})" for one in seals[:5])
    problem = (
        f"the ledger has no evidence.sealed of edition {edition}, only of {known}: "
        "it was made by other means, or recording it failed and building it again would record it"
    )
    return replace(found, ok=False, recorded=NO, problems=(problem, *found.problems))


def _unknown(found: PackVerified, error: PeakError) -> PackVerified:
    note = f"not compared with the ledger's record of the seal: {error.message}"
    return replace(found, notes=(note, *found.notes))


def _manifest_of(path: Path) -> str:
    """The SHA-256 of the manifest that lies in a pack; empty where it cannot be read."""
    try:
        return sha256_hex(open_pack(path).read(MANIFEST))
    except PackUnreadable:
        return ""
