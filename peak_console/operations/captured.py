"""A capture that lies on disk: what is in it, what is not, and what to do about that."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peak_console.domain.text import one_line
from peak_console.evidence.manifest import LeftOut


@dataclass(frozen=True, slots=True)
class Captured:
    """A capture that lies on disk."""

    incident_id: str
    opened: bool
    """Whether the incident was opened by this: none stood open."""
    path: Path
    number: int
    """Which capture of the incident it is, from 1."""
    sealed: bool
    """Whether the workspace's key signed it; ``unsealed`` says why not."""
    unsealed: str
    outside: str
    """Why it lies outside the workspace; empty where it lies in ``audits/``."""
    files: int
    bytes: int
    events: int
    runs: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    manifest_sha256: str
    checkpoint_size: int
    ms: int
    seq: int | None = None
    """The place of its ``evidence.sealed``; ``None`` where there is none."""
    unrecorded: str = ""
    """Why the ledger was not told; empty where it was."""
    waits: bool = False
    """Whether what is not recorded is kept, and the next node records it."""
    runs_left_out: tuple[str, ...] = ()
    """Runs that were alive and of which nothing was taken, though something lies there."""

    @property
    def ok(self) -> bool:
        """Whether it is sealed and lies where it belongs."""
        return self.sealed and not self.outside

    @property
    def complete(self) -> bool:
        """Whether it is :attr:`ok`, and holds something of every run that was alive and left anything."""
        return self.ok and not self.runs_left_out

    @property
    def without(self) -> str:
        """The runs that are left out, as many as a line holds."""
        return one_line(", ".join(self.runs_left_out), 160)

    @property
    def line(self) -> str:
        """The outcome in one line, for people."""
        where = f" OUTSIDE THE WORKSPACE ({self.outside})" if self.outside else ""
        seal = "sealed" if self.sealed else f"NOT SEALED ({self.unsealed})"
        missing = f", {len(self.left_out)} things left out" if self.left_out else ""
        missing += f", NOTHING OF {self.without}" if self.without else ""
        return (
            f"{seal}{where}: {self.files} files, {self.events:,} events, {len(self.runs)} runs{missing}, "
            f"in {self.path}"
        )

    @property
    def remedy(self) -> str:
        """What to do about what is not as it should be."""
        if self.outside:
            return f"when audits/ can be written again: peak capture {self.incident_id}; keep {self.path}"
        if not self.sealed:
            return f"capture it again as who holds the workspace's key: peak capture {self.incident_id}"
        if self.runs_left_out:
            return f"keep what is left out by itself: peak evidence build {self.runs_left_out[0]}"
        return ""

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "incident_id": self.incident_id,
            "opened": self.opened,
            "path": str(self.path),
            "number": self.number,
            "sealed": self.sealed,
            "unsealed": self.unsealed or None,
            "outside": self.outside or None,
            "files": self.files,
            "bytes": self.bytes,
            "events": self.events,
            "runs": list(self.runs),
            "runs_left_out": list(self.runs_left_out),
            "left_out": [one.as_dict() for one in self.left_out],
            "manifest_sha256": self.manifest_sha256,
            "checkpoint_size": self.checkpoint_size,
            "ms": self.ms,
            "seq": self.seq,
            "unrecorded": self.unrecorded or None,
            "remedy": self.remedy or None,
        }
