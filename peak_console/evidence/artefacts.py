"""The artefacts of a run as its events record them."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from peak_console.domain.events import EventKind, LedgerEvent

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def recorded_artefacts(run: list[LedgerEvent]) -> set[str]:
    """The SHA-256 of every artefact that a run's end names."""
    return {digest for path, digest in artefacts_on_record(run)}


def artefacts_on_record(run: list[LedgerEvent]) -> Iterator[tuple[str, str]]:
    """Every artefact that a run's end names: its path below the run's folder and its SHA-256."""
    for event in run:
        if event.kind != EventKind.RUN_FINISHED or event.body is None:
            continue
        listed = event.body.get("artefacts")
        for one in listed if isinstance(listed, list) else []:
            path, digest = (one.get("path"), one.get("sha256")) if isinstance(one, Mapping) else (None, None)
            if isinstance(path, str) and isinstance(digest, str) and _SHA256.fullmatch(digest):
                yield path, digest
