"""Who may append which kind: anyone the safe ones, an operator with proof the dangerous, the node its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from peak_console.domain.canonical import canonical, sha256_hex
from peak_console.domain.drift import puts_gold_case
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.incidents import Trigger
from peak_console.domain.text import one_line

NONCE_VALID_US: Final = 120 * 1_000_000
"""How long a challenge may be answered, in microseconds of the boot clock."""

_OPEN_KINDS = frozenset(
    {
        EventKind.CONTROL_STOPPED,
        EventKind.CONTROL_REDUCED,
        EventKind.CONTROL_DISARMED,
        EventKind.INCIDENT_OPENED,
        EventKind.INCIDENT_ACTION_TAKEN,
        EventKind.POLICY_DENIED,
        EventKind.CRITIC_JUDGED,
        EventKind.EVIDENCE_SEALED,
    }
)
_OPEN_FAMILIES = ("run.", "llm.")
_NODE_KINDS = frozenset(
    {
        EventKind.CONFIG_CHANGED,
        EventKind.WORKSPACE_INITIALISED,
        EventKind.BREAKER_TRIPPED,
        EventKind.CONTROL_RAMPED,
        EventKind.CONTROL_ACKNOWLEDGED,
        EventKind.ARM_GRANTED,
        EventKind.ARM_REFUSED,
        EventKind.ARM_EXPIRED,
        EventKind.ARM_ENDED,
        EventKind.DRIFT_DETECTED,
    }
)
_NODE_FAMILIES = ("node.", "ledger.", "budget.", "job.")
_OPERATORS_KINDS = frozenset(
    {EventKind.BUDGET_SETTLED, EventKind.CONFIG_CHANGED, EventKind.LEDGER_PRUNED, EventKind.JOB_RESUMED}
)
"""Kinds of the node's families that an operator may append with proof."""

_JOBS_KINDS: Final = frozenset(
    {EventKind.GATE_DECIDED, EventKind.SHADOW_CYCLE_FINISHED, EventKind.DRIFT_CHECKED}
)
"""Kinds that only a worker of a job appends, which the node itself has started."""

_PEOPLES_ACTIONS: Final = frozenset({"disarm", "reduce", "stop", "capture"})
"""What people do about an incident; every other action of one is what the node saw, did or told."""

_PEOPLES_TRIGGERS: Final = frozenset({Trigger.OPERATOR.value, Trigger.TEST.value})


@dataclass(frozen=True, slots=True)
class Proof:
    """An operator's signature over :func:`challenge_message`, answering a nonce of the node's."""

    operator: str
    nonce: str
    signature: str


Authorise = Callable[[Proof, bytes], bool]
"""Whether ``proof.signature`` is ``proof.operator``'s over these bytes, by the enrolled keys."""


def challenge_message(nonce: str, draft: EventDraft) -> bytes:
    """What an operator signs for ``draft``: canonical ``{nonce, event_id, kind, body_sha256}``."""
    return canonical(
        {
            "nonce": nonce,
            "event_id": draft.event_id,
            "kind": draft.kind,
            "body_sha256": sha256_hex(canonical(dict(draft.body))),
        }
    )


def is_open(kind: str) -> bool:
    """Whether any client may append this kind. Stopping is among them, always."""
    return kind in _OPEN_KINDS or kind.startswith(_OPEN_FAMILIES)


def is_nodes_own(kind: str) -> bool:
    """Whether only the node itself appends this kind."""
    return kind not in _OPERATORS_KINDS and (kind in _NODE_KINDS or kind.startswith(_NODE_FAMILIES))


def is_jobs_own(kind: str) -> bool:
    """Whether only a worker that the node has started for a job appends this kind."""
    return kind in _JOBS_KINDS


def is_jobs_word(kind: str, body: Mapping[str, Any]) -> bool:
    """Whether an event of a kind that is open says what only a job's worker does: it puts a gold case."""
    return puts_gold_case(kind, body)


def is_nodes_word(kind: str, body: Mapping[str, Any]) -> bool:
    """Whether an event says what only the node sees: that a config came in force, that a trigger fired.

    Of incidents also what happened by itself, how often its cause was seen, and which hook was told.

    An operator's ``config.changed`` names the ``path`` of what was saved, and no ``file``; an incident that
    people open has their trigger.
    """
    if kind == EventKind.INCIDENT_OPENED:
        return str(body.get("trigger")) not in _PEOPLES_TRIGGERS
    if kind == EventKind.INCIDENT_ACTION_TAKEN:
        return str(body.get("action")) not in _PEOPLES_ACTIONS
    return kind == EventKind.CONFIG_CHANGED and ("file" in body or "path" not in body)


def is_peoples_word(kind: str, body: Mapping[str, Any]) -> bool:
    """Whether an event says what people did about an incident; agents and jobs never say that."""
    sealed = kind == EventKind.EVIDENCE_SEALED and "incident_id" in body
    return kind == EventKind.INCIDENT_ACTION_TAKEN or sealed


def unproven(draft: EventDraft, proof: Proof, authorise: Authorise) -> str:
    """Why a proof is none for this event; empty where it is one.

    A body that says who did it must say what the proof says: in ``operator``, and in ``by`` of operators' own
    events, whose ``operator`` is whom they are about.
    """
    if not authorise(proof, challenge_message(proof.nonce, draft)):
        return f"the signature is not {proof.operator!r:.60}'s"
    key = "by" if draft.kind.startswith("operator.") else "operator"
    if key in draft.body and draft.body[key] != proof.operator:
        return f"it says that another did it than {proof.operator!r:.60}, who signed"
    return ""


def proof_from_wire(fields: Any) -> Proof | None:
    """A proof as it came; raises ``UsageWrong`` when it has not its three texts."""
    if fields is None:
        return None
    names = ("operator", "nonce", "signature")
    if not isinstance(fields, Mapping) or not all(isinstance(fields.get(name), str) for name in names):
        raise UsageWrong("a proof has operator, nonce and signature", code="proof_malformed")
    return Proof(*(fields[name] for name in names))


def refuse_nodes_own(kind: str) -> ControlRefused:
    """The refusal of a kind that no client may append."""
    return ControlRefused(f"{kind} is the node's own to record", code="kind_reserved")


def refuse_no_job(kind: str, actor: str) -> ControlRefused:
    """The refusal of what only a job's worker records, of a client that is none."""
    said = f"{kind} is recorded by the worker of a job, and {actor} is not one that this node has started"
    return ControlRefused(
        said, code="kind_reserved", remedy="ask the node to run it: peak shadow run --job NAME"
    )


def refuse_beyond_claim(kind: str, why: str) -> ControlRefused:
    """The refusal of what the worker of one run says of another, or of what its job does not do."""
    return ControlRefused(
        f"{kind} is not this worker's to record: {one_line(why, 200)}",
        code="kind_reserved",
        remedy="a worker records what its own run did, and no more",
    )


def refuse_agents(kind: str, actor: str) -> ControlRefused:
    """The refusal of what people say of an incident, of a client that is none."""
    said = f"{kind} is people's to record, and {actor} is an agent or a job"
    return ControlRefused(said, code="kind_reserved")


def refuse_unproven(kind: str, why: str) -> ControlRefused:
    """The refusal of a privileged kind without good proof."""
    return ControlRefused(
        f"{kind} needs an enrolled operator's proof: {why}",
        code="proof_required",
        remedy="enrol with: peak operator enroll, and try again",
    )
