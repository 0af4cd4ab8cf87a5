"""The shapes of what the commands of the lock print with ``--json``."""

from typing import Annotated, Any

from peak_console.operations.shape import Sha256, Shape

_Digest = Annotated[str, Sha256]


class LockWrittenShape(Shape):
    """``peak lock write``; ``digest`` and ``seq`` are null with ``--dry-run``."""

    digest: _Digest | None
    seq: int | None
    previous: _Digest | None
    signer: str
    expires_at: str
    matrix_sha256: _Digest
    entries: list[dict[str, Any]]
    """As the file has them: docs/reference/config-keys.md."""
    evidence: dict[str, int]
    """How many entries stand on an eval, and how many are attested."""
    left_out: list[dict[str, str]]
    notes: list[str]


class LockSlotShape(Shape):
    """A slot's model; ``verified`` is the word of a route's row, ``enough`` by the phase."""

    slot: str
    verified: str
    enough: bool


class LockProblemShape(Shape):
    """What is wrong with a lock; ``fatal`` where a model is not verified by it."""

    code: str
    message: str
    remedy: str
    fatal: bool


class LockCheckedShape(Shape):
    """``peak lock check``; exit 1 when ``ok`` is false. ``recorded`` is the event that wrote this lock."""

    ok: bool
    phase: str
    digest: _Digest | None
    signer: str | None
    expires_at: str | None
    recorded: int | None
    slots: list[LockSlotShape]
    problems: list[LockProblemShape]


class LockShownShape(Shape):
    """``peak lock show``; a lock that is none has no ``lock`` and no ``entry``."""

    digest: _Digest
    standing: bool
    sound: bool
    counts: bool
    trouble: dict[str, str] | None
    lock: dict[str, Any] | None = None
    entry: list[dict[str, Any]] | None = None


class LockDiffShape(Shape):
    """``peak lock diff``."""

    old: _Digest
    new: _Digest
    same: bool
    lock: list[dict[str, Any]]
    entries: list[dict[str, Any]]


class LockRolledBackShape(Shape):
    """``peak lock rollback``."""

    digest: _Digest
    replaced: _Digest | None
    seq: int
    signer: str
    expires_at: str | None
    entries: int


LOCK_SHAPES: dict[str, type[Shape]] = {
    "lock-check": LockCheckedShape,
    "lock-diff": LockDiffShape,
    "lock-rollback": LockRolledBackShape,
    "lock-show": LockShownShape,
    "lock-write": LockWrittenShape,
}
