"""The shapes of what runs, evidence packs, proofs and exports print with ``--json``."""

from typing import Any, Literal

from pydantic import Field

from peak_console.operations.shape import Sha256, Shape


class RunLineShape(Shape):
    """A run in a list; money as text in EUR. ``finished`` is null while it has not ended."""

    run_id: str
    seq: int = Field(ge=1)
    last_seq: int = Field(ge=1)
    started: str
    finished: str | None
    last_event: str
    phase: str | None
    layer: str | None
    layers: list[str]
    purpose: str
    actor: str
    outcome: str
    calls: int = Field(ge=0)
    hops: int = Field(ge=0)
    in_flight: int = Field(ge=0)
    failed: int = Field(ge=0)
    refused: int = Field(ge=0)
    fallbacks: int = Field(ge=0)
    verdict: Literal["PASS", "REVIEW", "FAIL"] | None
    gate: str | None
    orders: int
    cost_eur: str
    at_bound_eur: str
    tokens_in: int
    tokens_out: int
    artefacts: int
    simulated: bool
    evidence: str | None
    pruned: int


class RunsShape(Shape):
    """``peak runs list``; ``next_before`` is the run to go on behind, null at the end."""

    runs: list[RunLineShape]
    next_before: str | None
    looked_at: int
    seq: int


class StepShape(Shape):
    """One event of a run's timeline; ``told`` is what it says in a line."""

    seq: int = Field(ge=1)
    event_id: str
    ts: str
    kind: str
    actor: str
    call_id: str | None
    layer: str | None
    role: str | None
    provider: str | None
    model_id: str | None
    told: str
    cost_eur: str | None
    pruned: bool


class ArtefactShape(Shape):
    """A file that the run recorded, against what lies there now."""

    path: str
    sha256: str
    bytes: int | None
    state: Literal["ok", "changed", "missing", "unreadable"]


class RunShape(RunLineShape):
    """``peak runs show``; ``cut`` says that the run has more events than were read."""

    timeline: list[StepShape]
    artefacts_checked: list[ArtefactShape]
    texts_kept: bool
    cut: bool


class DifferenceShape(Shape):
    """A recorded decision that comes out otherwise."""

    kind: str
    seq: int
    call_id: str
    what: str
    recorded: str
    replayed: str


class SkippedShape(Shape):
    """A decision that could not be judged again."""

    kind: str
    seq: int
    why: str


class ReplayShape(Shape):
    """``peak runs replay``; ``checked`` counts by kind of decision. Exit 1 when ``holds`` is false."""

    run_id: str
    holds: bool
    events: int
    checked: dict[str, int]
    differs: list[DifferenceShape]
    skipped: list[SkippedShape]
    cut: bool


class GatePlaceShape(Shape):
    """A recorded decision of the gate, and what is the matter with it."""

    seq: int
    run_id: str
    why: str


class GateReplayShape(Shape):
    """``peak gate replay``; the lists name the newest places. Exit 1 when ``holds`` is false."""

    holds: bool
    decisions: int
    decided_again: int
    allowed: int
    blocked: int
    differ: int
    not_decidable: int
    reasons: dict[str, int]
    differences: list[GatePlaceShape]
    left_out: list[GatePlaceShape]
    first_seq: int | None
    last_seq: int | None


class LeftOutShape(Shape):
    """What a pack could not take, and why."""

    what: str
    reason: str


class PackBuiltShape(Shape):
    """``peak evidence build``; ``seq`` is the place of its ``evidence.sealed``."""

    run_id: str
    path: str
    edition: int = Field(ge=1)
    files: int
    bytes: int
    manifest_sha256: str = Sha256
    checkpoint_size: int
    events: int
    existed: bool
    redacted: list[str]
    left_out: list[LeftOutShape]
    seq: int | None
    exported: str | None


class PackFileShape(Shape):
    """A file of a pack against what was sealed."""

    path: str
    size: int
    media_type: str
    state: Literal["ok", "missing", "extra", "changed"]


class PackVerifiedShape(Shape):
    """``peak evidence verify``; exit 1 when ``ok`` is false. ``recorded`` is by the ledger's seal."""

    ok: bool
    run_id: str
    signed_by: str
    files: list[PackFileShape]
    proofs_ok: bool
    events: int
    problems: list[str]
    notes: list[str]
    checkpoint_size: int
    origin: str
    version: str
    recorded: Literal["", "yes", "no", "differs"]
    recorded_seq: int | None


class PackShape(Shape):
    """A pack in a list."""

    run_id: str
    edition: int
    sealed_at: str
    files: int
    bytes: int
    state: Literal["ok", "broken", "unverified"]
    path: str
    recorded: bool


class PacksShape(Shape):
    """``peak evidence list``."""

    packs: list[PackShape]


class CheckpointShape(Shape):
    """``peak ledger checkpoint``: the signed head, the key to verify it by, where it is anchored."""

    state: str
    size: int
    root: str
    at: str
    origin: str
    vkey: str
    note: str
    moved: bool
    problem: str
    remedy: str
    anchors: list[dict[str, Any]]


class InclusionShape(Shape):
    """``peak ledger prove``: the event, its audit path and the signed head, as text, that it leads to."""

    proof: Literal["inclusion"]
    index: int = Field(ge=0)
    header: dict[str, Any]
    body: dict[str, Any] | None
    path: list[str]
    checkpoint: str
    vkey: str


class ConsistencyShape(Shape):
    """``peak ledger consistency``: that the second tree begins with the first."""

    proof: Literal["consistency"]
    first: int
    first_root: str
    second: int
    second_root: str
    path: list[str]
    checkpoint: str
    vkey: str


class ProofProblemShape(Shape):
    """What does not hold of a proof."""

    code: str
    message: str


class ProofJudgedShape(Shape):
    """``peak ledger verify-proof``; exit 1 when ``ok`` is false. What it says depends on ``proof``."""

    ok: bool
    proof: Literal["inclusion", "consistency", "unreadable"]
    problems: list[ProofProblemShape]
    key: str
    own_key: bool


class ExportShape(Shape):
    """``peak ledger export --out``."""

    file: str
    format: Literal["jsonl", "parquet"]
    origin: str
    first: int
    last: int
    events: int
    head: str
    run_id: str | None
    bodies: bool
    checkpoint: str | None
    vkey: str | None


class ImportShape(Shape):
    """``peak ledger import``; ``ledger`` is null where the events are no ledger by themselves."""

    folder: str
    origin: str
    first: int
    last: int
    run_id: str | None
    events: int
    bodies: int
    missing: int
    included: int
    tree_size: int
    signed: bool
    complete: bool
    proven: list[str]
    unproven: list[str]
    ledger: str | None


RECORD_SHAPES: dict[str, type[Shape]] = {
    "evidence-build": PackBuiltShape,
    "evidence-list": PacksShape,
    "evidence-verify": PackVerifiedShape,
    "gate-replay": GateReplayShape,
    "ledger-checkpoint": CheckpointShape,
    "ledger-consistency": ConsistencyShape,
    "ledger-export": ExportShape,
    "ledger-import": ImportShape,
    "ledger-prove": InclusionShape,
    "ledger-verify-proof": ProofJudgedShape,
    "runs-list": RunsShape,
    "runs-replay": ReplayShape,
    "runs-show": RunShape,
}
"""These shapes by the name ``peak schema`` knows them under."""
