"""Each trigger in few words, with the key and the command that look into it. Pure."""

from dataclasses import dataclass
from typing import Final

from peak_console.domain.incidents import Trigger


@dataclass(frozen=True, slots=True)
class Guidance:
    """A trigger in words: its ``title``, what to do ``next``, the key and the command to begin with."""

    title: str
    next: str
    key: str
    cli: str


_SHOW: Final = "peak incident show {id}"

GUIDANCE: Final[dict[Trigger, Guidance]] = {
    Trigger.POLICY_VIOLATION: Guidance(
        "policy violated",
        "look at the denied call, keep its layer stopped until you know who asked",
        "!",
        _SHOW,
    ),
    Trigger.BUDGET_RUNAWAY: Guidance(
        "budget runs away",
        "look at what the layer calls and how often, keep it stopped until that ended",
        "!",
        "peak budget show",
    ),
    Trigger.MODEL_DRIFT: Guidance(
        "model drifted",
        "compare what is served with the lock, keep the model out of use until it is verified",
        "!",
        "peak drift status",
    ),
    Trigger.LATENCY_SPIKE: Guidance(
        "latency spikes",
        "look at the provider's status, move the slot to its fallback if it lasts",
        "!",
        "peak breaker list",
    ),
    Trigger.LEDGER_BROKEN: Guidance(
        "ledger broken",
        "verify the ledger and keep a copy before anything is mended",
        "!",
        "peak ledger verify",
    ),
    Trigger.LAPSE: Guidance(
        "node was gone", "find out why the node ended, see that it runs again", "!", "peak node status"
    ),
    Trigger.CRITIC_FAIL_RATE: Guidance(
        "critic fails much",
        "read the newest verdicts of the layer, look for what changed before them",
        "!",
        "peak runs list",
    ),
    Trigger.POSTURE_CONFLICT: Guidance(
        "posture contradicts itself", "stop, then find out who wrote the control folder", "!", "peak status"
    ),
    Trigger.WORKER_LOST: Guidance(
        "worker did not answer",
        "find the process and end it: it may not know that it must not call",
        "!",
        "peak node status",
    ),
    Trigger.ARM_LOCKOUT: Guidance(
        "arming locked",
        "find out who typed the tokens or phrases; stopping and disarming are not locked",
        "!",
        _SHOW,
    ),
    Trigger.OPERATOR: Guidance(
        "opened by an operator",
        "contain it: disarm, stop, capture; then write down what is known",
        "!",
        'peak incident note {id} "what is known"',
    ),
    Trigger.TEST: Guidance("test alert", "nothing: it only proves the way to you", "", _SHOW),
}
"""What every trigger asks for; ``{id}`` is the incident's."""
