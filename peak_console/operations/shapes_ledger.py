"""The shapes of what the ledger prints with ``--json``: events, verification, backup, recovery."""

from typing import Any, Literal

from pydantic import Field

from peak_console.operations.shape import Sha256, Shape


class EventShape(Shape):
    """One ledger event: its header, and its body unless that was pruned."""

    seq: int = Field(ge=1)
    event_id: str
    ts: str
    boot_us: int
    kind: str
    actor: str
    run_id: str | None = None
    call_id: str | None = None
    layer: str | None = None
    role: str | None = None
    provider: str | None = None
    model_id: str | None = None
    body_sha256: str = Sha256
    prev_hash: str = Sha256
    hash: str = Sha256
    body: dict[str, Any] | None = None


class EventsShape(Shape):
    """``peak ledger tail``; with ``--follow`` one event a line."""

    events: list[EventShape]


class SignedHeadsShape(Shape):
    """Signed heads of this log: how many, the largest and its root, events after it, whose name they bear."""

    count: int = Field(ge=0)
    size: int = Field(ge=0)
    root: str
    unsigned_events: int = Field(ge=0)
    key: str
    problem: str


class AnchorShape(Shape):
    """An anchor or witness: what it holds, since when, how far it lags, whether it agrees."""

    kind: Literal["git", "folder", "witness"]
    place: str
    size: int = Field(ge=0)
    at: str
    lag_s: float | None
    ok: bool
    problem: str


class PrunedShape(Shape):
    """Events whose bodies retention dropped, and before when."""

    events: int = Field(ge=0)
    before: str


class VerifyShape(Shape):
    """``peak ledger verify``; exit 1 when ``ok`` is false."""

    ok: bool
    events: int
    head: str
    broken_seq: int | None
    broken_how: str | None
    detail: str
    checkpoints: SignedHeadsShape
    anchors: list[AnchorShape]
    anchor_used: str
    cannot_know: list[str]
    incremental_from: int | None
    pruned: PrunedShape
    workers: int
    seconds: float


class BackupShape(Shape):
    """``peak ledger backup``; ``same_disk`` says that it would be lost with the ledger."""

    file: str
    checkpoints: str | None
    bytes: int
    events: int
    head: str = Sha256
    verified: bool
    same_disk: bool


class RecoveryShape(Shape):
    """``peak ledger recover``: what was saved, from which backup if any, what is lost, and the new ledger."""

    broken: dict[str, str]
    saved: dict[str, Any]
    lost: dict[str, Any]
    folder: str
    operators: list[str]
    left_out: list[str]
    phase: str
    phase_from: Literal["ledger", "operator", "unknown"]
    simulated: bool
    carried: int
    spend_known: bool
    ledger: dict[str, Any]
    stop_id: str


LEDGER_SHAPES: dict[str, type[Shape]] = {
    "ledger-backup": BackupShape,
    "ledger-recover": RecoveryShape,
    "ledger-tail": EventsShape,
    "ledger-verify": VerifyShape,
}
"""These shapes by the name ``peak schema`` knows them under."""
