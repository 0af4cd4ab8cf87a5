"""Whether a log may stand beside signed heads of other logs: only where it is their proven successor. Pure.

Whoever can write the ledger's file can write any genesis; what he cannot make is an operator's signature over
it. So a genesis that says it goes on after another log is believed as far as that signature, the logs it
names and the head it names of the last one all hold.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peak_console.domain.events import EventDraft
from peak_console.ledger.heads.notes import Checkpoint

RECOVERED = "recovered"
"""The field of a genesis that names what the log goes on after."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a log begins: its genesis, and its first ``ledger.recovered``."""

    origin: str
    genesis: EventDraft
    """As its operator signed it."""
    told: Mapping[str, Any] | None = None
    """The body of ``ledger.recovered``; ``None`` where there is none."""


@dataclass(frozen=True, slots=True)
class OtherHead:
    """A signed head of another log, and where it was found."""

    head: Checkpoint
    where: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What an operator is said to have signed."""

    operator: str
    nonce: str
    signature: str
    """In hexadecimal."""
    genesis: EventDraft
    recovered: Mapping[str, Any]


Proved = Callable[[Claim], bool]
"""Whether that is the operator's signature over this genesis, by a key known from elsewhere than this log."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The log that another goes on after."""

    origin: str
    events: int
    """How many events are known of it."""
    lost: int
    """How many of them could not be saved."""
    operator: str


def foreign(begun: Beginning, others: Sequence[OtherHead], proved: Proved | None) -> str:
    """Why the log may not stand beside ``others``, in a sentence; empty where it may.

    ``proved`` is ``None`` where nobody can check an operator's signature: then none holds.
    """
    recovered = begun.genesis.body.get(RECOVERED)
    if recovered is None and not others:
        return ""
    if not isinstance(recovered, Mapping):
        return f"{_holds(others[0])}, and {_NOT_NAMED}" if others else _NO_LOG
    named = recovered.get("origins")
    origins = {one for one in named if isinstance(one, str)} if isinstance(named, list) else set()
    for other in others:
        if other.head.origin not in origins:
            return f"{_holds(other)}, and {_NOT_NAMED}"
    return _wrong_head(recovered, origins, others) or _unproved(begun, recovered, proved)


def succeeded(begun: Beginning, others: Iterable[OtherHead]) -> Succeeded | None:
    """What the genesis says it goes on after, and how much is lost; ``None`` where it says nothing."""
    recovered = begun.genesis.body.get(RECOVERED)
    if not isinstance(recovered, Mapping):
        return None
    origin = str(recovered.get("origin") or "")
    known = [
        _count(recovered.get("old_seq")),
        *(one.head.size for one in others if one.head.origin == origin),
    ]
    events = max(known)
    lost = max(events - _count(recovered.get("proven_seq")), 0)
    return Succeeded(origin, events, lost, str(begun.genesis.body.get("operator") or ""))


def named_head(recovered: Mapping[str, Any]) -> Checkpoint | None:
    """The head that a recovery names as the newest it knew; ``None`` where it is none."""
    told = recovered.get("checkpoint")
    if not isinstance(told, Mapping):
        return None
    origin, size, root = told.get("origin"), told.get("size"), told.get("root")
    if not isinstance(origin, str) or type(size) is not int or size < 0 or not isinstance(root, str):
        return None
    try:
        return Checkpoint(origin, size, bytes.fromhex(root))
    except ValueError:
        return None


_NO_LOG = "its genesis says that it goes on after another log, and names none"
_NOT_NAMED = "this one's genesis does not say that it goes on after it"


def _holds(other: OtherHead) -> str:
    return f"{other.where} holds heads of another log ({other.head.origin})"


def _wrong_head(recovered: Mapping[str, Any], origins: set[str], others: Sequence[OtherHead]) -> str:
    """Why the head it names is not the newest of the log that it goes on after."""
    if not others:
        return ""
    named = named_head(recovered)
    if named is None:
        return f"{_holds(others[0])}, and this one's genesis names no head of the log that it goes on after"
    last = recovered.get("origin")
    if named.origin not in origins or (
        named.origin != last and any(one.head.origin == last for one in others)
    ):
        return f"the head that its genesis names is not of the log that it goes on after ({last!s:.80})"
    for other in others:
        head = other.head
        if head.origin != named.origin:
            continue
        if head.size > named.size:
            return (
                f"{other.where} holds a head of {head.size} events of the log before it, and its genesis "
                f"goes on after an older one of {named.size}"
            )
        if head.size == named.size and head.root != named.root:
            return f"the head of {named.size} events that its genesis names is not that in {other.where}"
    return ""


def _unproved(begun: Beginning, recovered: Mapping[str, Any], proved: Proved | None) -> str:
    """Why nobody answers for this recovery."""
    told = begun.told or {}
    proof, operator = told.get("proof"), begun.genesis.body.get("operator")
    if not isinstance(proof, Mapping) or not isinstance(operator, str):
        return "it goes on after another log, and no operator's proof of that recovery is there"
    nonce, signature = proof.get("nonce"), proof.get("signature")
    if proof.get("event_id") != begun.genesis.event_id or told.get("operator") != operator:
        return "it goes on after another log, and the operator's proof is of another recovery"
    if not isinstance(nonce, str) or not isinstance(signature, str) or proved is None:
        return "it goes on after another log, and the operator's proof cannot be checked"
    if not proved(Claim(operator, nonce, signature, begun.genesis, recovered)):
        return f"it goes on after another log, and no known key of operator {operator:.40} signed that"
    return ""


def _count(value: object) -> int:
    return value if type(value) is int and value > 0 else 0
