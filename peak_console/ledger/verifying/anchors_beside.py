"""What anchors hold beside a ledger that breaks before all of them could be compared with it."""

from collections.abc import Mapping
from datetime import datetime

from peak_console.domain.clock import iso
from peak_console.ledger.heads.anchors import RefusedAnchor
from peak_console.ledger.verifying.heads import Heads, Held, Sources
from peak_console.ledger.verifying.result import AnchorSeen

_NOT_REACHED = "not compared: the events under it cannot be verified to their end"


def anchors_beside(
    heads: Heads | None, sources: Sources, roots: Mapping[int, bytes], reached: int
) -> tuple[AnchorSeen, ...]:
    """Every anchor and witness with what it holds; compared where that is of ``reached`` events at most.

    ``heads`` is ``None`` where the ledger could not be read so far as to have them.
    """
    if heads is not None:
        return tuple(_seen(one, heads.origin, roots, reached) for one in (*heads.witnesses, *heads.held))
    there = sources.anchors.anchors if sources.anchors is not None else ()
    held = (Held(one.kind, one.place, one.newest(), isinstance(one, RefusedAnchor)) for one in there)
    return tuple(_seen(one, "", roots, reached) for one in held)


def _seen(one: Held, origin: str, roots: Mapping[int, bytes], reached: int) -> AnchorSeen:
    head, problem, agrees = one.head.checkpoint, one.head.problem, False
    size = head.size if head is not None else 0
    if head is None:
        problem = problem or "it holds no head yet"
    elif origin and head.origin != origin:
        problem, size = problem or "it holds heads of another log only", 0
    elif not origin or size > reached or size not in roots:
        problem = problem or _NOT_REACHED
    elif roots[size] != head.root:
        problem = problem or "its head is of other events"
    else:
        agrees = not problem
    at = iso(one.head.at) if isinstance(one.head.at, datetime) else ""
    return AnchorSeen(one.kind, one.place, size, at, None, agrees, problem)
