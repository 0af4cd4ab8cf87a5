"""Where packs lie: ``audits/<run_id>/evidence``; later editions are ``evidence.2``, ``evidence.3`` and on."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from peak_console.domain.ids import is_incident_id, is_run_id
from peak_console.evidence.manifest import STATEMENT

FOLDER: Final = "evidence"
REPORT_COPY: Final = "critic_report.md"
"""The critic's report beside the packs, by the output contract of its role."""

CAPTURE: Final = "capture"
"""A capture's folder below its incident's; a later one lies in ``capture-2`` and so on."""

_EDITION: Final = re.compile(rf"{FOLDER}(?:\.([2-9]|[1-9][0-9]{{1,5}}))?")
_CAPTURE: Final = re.compile(rf"{CAPTURE}(?:-([2-9]|[1-9][0-9]{{1,5}}))?")


@dataclass(frozen=True, slots=True)
class PackPlace:
    """A sealed pack's folder, of which run and edition."""

    run_id: str
    edition: int
    path: Path


def folder_of(audits: Path, run_id: str, edition: int) -> Path:
    """Where an edition lies, or will; of an incident its captures."""
    first, sign = (CAPTURE, "-") if is_incident_id(run_id) else (FOLDER, ".")
    name = first if edition == 1 else f"{first}{sign}{edition}"
    return audits / run_id / name


def packs_of(audits: Path, run_id: str) -> list[PackPlace]:
    """The sealed packs of one run, or the captures of one incident, the first first."""
    form = _CAPTURE if is_incident_id(run_id) else _EDITION
    try:
        names = [one.name for one in (audits / run_id).iterdir()]
    except OSError:
        return []
    found = [
        PackPlace(run_id, int(known[1] or 1), audits / run_id / known[0])
        for name in names
        if (known := form.fullmatch(name))
    ]
    whole = [one for one in found if not one.path.is_symlink() and (one.path / STATEMENT).is_file()]
    return sorted(whole, key=lambda one: one.edition)


def all_packs(audits: Path) -> Iterator[PackPlace]:
    """Every sealed pack of a workspace, by run or incident, and edition."""
    try:
        runs = sorted(one.name for one in audits.iterdir() if is_run_id(one.name) or is_incident_id(one.name))
    except OSError:
        return
    for run_id in runs:
        yield from packs_of(audits, run_id)
