"""What verifying a pack gave: each file against as it was sealed, the proofs, and every problem."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What became of a file since it was sealed."""

    OK = "ok"
    MISSING = "missing"
    EXTRA = "extra"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FileState:
    """A file of a pack, as it is against as it was sealed; size in bytes, of what is there."""

    path: str
    size: int
    media_type: str
    state: State


@dataclass(frozen=True, slots=True)
class PackVerified:
    """What verifying a pack gave. ``ok`` only where nothing at all is wrong."""

    ok: bool
    run_id: str
    signed_by: str
    """The id of the key whose signature holds: SHA-256 of the public key. Empty where none does."""
    files: tuple[FileState, ...]
    proofs_ok: bool
    events: int
    """Events in the pack whose hashes and proofs hold."""
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What the pack says of itself that a reader must know: what was struck out, pruned or never there."""
    checkpoint_size: int = 0
    origin: str = ""
    version: str = ""
    recorded: str = ""
    """Whether the ledger recorded this seal: ``yes``, ``no``, ``differs``; empty where it was not asked."""
    recorded_seq: int | None = None
    """The place of the ``evidence.sealed`` that did."""
