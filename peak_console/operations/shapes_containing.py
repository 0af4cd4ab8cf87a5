"""The shapes of what captures and checklists print with ``--json``."""

from typing import Annotated, Literal

from peak_console.operations.shape import Sha256, Shape

_Digest = Annotated[str, Sha256]


class CapturedShape(Shape):
    """``peak capture``; exit 1 where it is not sealed or lies outside the workspace (``outside`` says why).

    So it is where it holds nothing of a run that was alive (``runs_left_out``). ``seq`` is the place of its
    ``evidence.sealed``, null where the ledger was not told (``unrecorded``).
    """

    incident_id: str
    opened: bool
    path: str
    number: int
    sealed: bool
    unsealed: str | None
    outside: str | None
    files: int
    bytes: int
    events: int
    runs: list[str]
    runs_left_out: list[str]
    left_out: list[dict[str, str]]
    manifest_sha256: _Digest
    checkpoint_size: int
    ms: int
    seq: int | None
    unrecorded: str | None
    remedy: str | None


class ChecklistItemShape(Shape):
    """An item; ``at`` is when its evidence was so. Only green is green: signed alone is amber, mostly."""

    id: str
    title: str
    state: Literal["green", "amber", "red", "unknown"]
    evidence: str
    at: str | None
    age_s: float | None
    remedy: str
    signed_by: str | None
    note: str | None
    signable: bool


class ChecklistShape(Shape):
    """``peak checklist pre-live``; exit 1 when ``green`` is false."""

    checklist: Literal["pre-merge", "pre-shadow", "pre-live"]
    green: bool
    at: str
    items: list[ChecklistItemShape]


class ChecklistsShape(Shape):
    """``peak checklist``: all of them."""

    checklists: list[ChecklistShape]


class SignedShape(Shape):
    """``peak checklist sign``: how the item stands now, and where the word is on record."""

    checklist: str
    item: str
    state: Literal["green", "amber", "red", "unknown"]
    note: str
    operator: str
    seq: int


CONTAINING_SHAPES: dict[str, type[Shape]] = {
    "capture": CapturedShape,
    "checklist": ChecklistsShape,
    "checklist-pre-merge": ChecklistShape,
    "checklist-pre-shadow": ChecklistShape,
    "checklist-pre-live": ChecklistShape,
    "checklist-sign": SignedShape,
}
