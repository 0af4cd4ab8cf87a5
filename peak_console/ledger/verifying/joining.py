"""The chain put together from the pieces in which it was followed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from peak_console.domain.events import GENESIS_PREV_HASH
from peak_console.ledger.verifying.diagnosis import Break
from peak_console.ledger.verifying.jobs import Job, read_roots
from peak_console.ledger.verifying.memory import Verified
from peak_console.ledger.verifying.result import PrunedSeen
from peak_console.ledger.verifying.tree import WholeTree


@dataclass(slots=True)
class Chain:
    """The chain as its pieces gave it."""

    seq: int
    head: str
    tree: WholeTree
    found: Break | None = None
    pruned: PrunedSeen = field(default_factory=PrunedSeen)


def joined(pieces: Sequence[Job | None], after: int, sizes: Iterable[int], start: Verified | None) -> Chain:
    """The pieces of a chain that begins after the event ``after``, put together up to the first that breaks.

    ``sizes`` are those at which the tree's root is wanted, ``start`` where an incremental verification began.
    """
    tree = WholeTree(keep=frozenset(sizes))
    if start is not None:
        tree.frontier = start.border.copy()
    chain = Chain(after, GENESIS_PREV_HASH, tree)
    events, before, last_rule = 0, "", 0
    for number, piece in enumerate(pieces):
        if piece is None:
            break
        if number and chain.found is None and piece["began"] != chain.head:
            chain.found = Break(chain.seq, "edited_row", f"event {chain.seq} changed while it was read")
            break
        chain.seq, chain.head = piece["seq"], piece["head"]
        missing, until, rule = piece["pruned"]
        events, before, last_rule = events + missing, max(before, until), max(last_rule, rule)
        if piece["found"]:
            chain.found = Break(*piece["found"])
            break
        tree.add(read_roots(piece))
    chain.pruned = PrunedSeen(events, before)
    if chain.found is None and last_rule > chain.seq:
        chain.found = Break(last_rule, "deleted_body", "bodies are gone that no event of the chain covers")
    if chain.found is None and start is not None and tree.roots.get(start.size) != start.root:
        chain.found = Break(
            start.border.size + 1,
            "rewritten_chain",
            f"events up to {start.size} are not those that were verified and signed",
        )
    return chain
