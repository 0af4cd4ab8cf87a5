"""What a verification could not know, in plain words; and which place outside the database it relied on."""

from collections.abc import Iterator, Sequence

from peak_console.ledger.verifying.heads import Sources
from peak_console.ledger.verifying.result import AnchorSeen, VerifyResult

_STRENGTH = ("witness", "git", "folder")


def strongest(anchors: Sequence[AnchorSeen]) -> str:
    """The strongest anchor that agreed, by kind and place; empty where none did."""
    agreed = [one for one in anchors if one.ok]
    if not agreed:
        return ""
    best = min(agreed, key=lambda one: (_STRENGTH.index(one.kind), -one.size))
    return f"{best.kind} {best.place}"


def cannot_know(result: VerifyResult, sources: Sources, *, figures: bool, key_named: bool) -> tuple[str, ...]:
    """What stays open even where everything agreed, the most important first."""
    found = list(_unknown(result, sources, figures=figures))
    if result.checkpoints.size and not key_named:
        found.append("whether the key was exchanged together with every head: this genesis names no key")
    return tuple(found)


def _unknown(result: VerifyResult, sources: Sources, *, figures: bool) -> Iterator[str]:
    signed = result.checkpoints.size
    if result.succeeded is not None:
        lost = f"{result.succeeded.lost:,} of its {result.succeeded.events:,} events are lost"
        yield f"what became of the log {result.succeeded.origin} that it goes on after: {lost}"
    if not signed:
        yield (
            "no head of this ledger is signed: whether its end was cut off, or all of it written anew, "
            "cannot be seen"
        )
    else:
        yield (
            f"whether events after {signed:,} were cut off: no later head is signed"
            if not result.checkpoints.unsigned_events
            else f"whether events after {signed:,}, the last that is signed, were changed with all that "
            "follow, or cut off"
        )
    if not sources.own and result.ok:
        yield "this is not the workspace's own ledger: heads of more events than it has say nothing of it"
    yield from _about_anchors(result)
    if signed and sources.key_here:
        yield "the key that signs lies on this machine: who reads it can sign another ledger"
    if result.incremental_from is not None:
        yield (
            f"events up to {result.incremental_from:,} were not looked at again, nor figures counted: "
            "see without --incremental"
        )
    elif not figures:
        yield "figures and breakers were not counted again"
    if result.pruned.events:
        yield (
            f"what {result.pruned.events:,} events from before {result.pruned.before} held: retention "
            "dropped it; their hashes hold, figures were counted from the first minute after them"
        )


def _about_anchors(result: VerifyResult) -> Iterator[str]:
    agreed = [one for one in result.anchors if one.ok]
    if not agreed:
        yield "no head kept outside the database was there: an older copy of everything looks the same"
    elif not any(one.kind == "witness" for one in agreed):
        yield (
            "the anchor is on this machine: who owns it may have changed both; a head kept elsewhere tells "
            "(--witness FILE, or a pushed and fetched refs/peak/checkpoints)"
        )
    else:
        size = max(one.size for one in agreed if one.kind == "witness")
        if size < result.events:
            yield f"what the owner of this machine did with events after {size:,}, the last that is witnessed"
