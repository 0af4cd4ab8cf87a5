"""Signed heads held against the chain: what a sound chain alone cannot show.

A head beyond the ledger's end, or with another root, was signed of other events; what the ledger or an anchor
tells of and the files do not have was taken away.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from peak_console.ledger.heads.anchor_heads import key_name
from peak_console.ledger.heads.notes import Checkpoint
from peak_console.ledger.heads.succession import Proved, foreign
from peak_console.ledger.verifying.diagnosis import Break
from peak_console.ledger.verifying.heads import Heads, anchors_told


def find_changed_key(heads: Heads, key: bytes | None) -> Break | None:
    """A key that is not the one under which this ledger began."""
    if key is None or not heads.key_named or hashlib.sha256(key).hexdigest() == heads.key_named:
        return None
    told = f"the genesis names the key {heads.key_named:.16}, and heads are signed with {key_name(key)}"
    return Break(1, "key_changed", f"{told}; restore configs/keys/workspace.pub")


def find_forged(heads: Heads, *, has_key: bool) -> Break | None:
    """Notes that the workspace's key did not sign, or that are none."""
    notes = heads.notes
    if notes.unreadable:
        return _break("unreadable", notes.unreadable)
    if notes.wrong:
        return _break("checkpoint_forged", notes.wrong)
    if not has_key and (notes.count or notes.others):
        return _break(
            "checkpoint_forged",
            "no key is there to check the signed heads with; restore configs/keys/workspace.pub",
        )
    genesis = heads.origin.rpartition("/")[2]
    for other, file in notes.others.items():
        if other.rpartition("/")[2] == genesis:
            return _break(
                "checkpoint_forged", f"{file} holds a head of this log under another key's name: {other}"
            )
    for other in heads.strangers:
        return _break("checkpoint_forged", f"git holds heads of this log under another key's name: {other}")
    for one in (*heads.witnesses, *heads.held):
        if one.head.forged:
            return _break("checkpoint_forged", f"the {one.kind} {one.place}: {one.head.problem}")
    return _recorded_elsewhere(heads) if has_key else None


def _recorded_elsewhere(heads: Heads) -> Break | None:
    """A head that the ledger tells of under a name that its key and genesis do not have."""
    for seq, body in heads.recorded:
        other = str(body.get("origin", ""))
        if other != heads.origin:
            told = f"event {seq} tells of a head under another name: {other:.80}"
            return Break(seq, "checkpoint_forged", f"{told}; was the workspace's key exchanged?")
    return None


def find_rewritten(heads: Heads, roots: Mapping[int, bytes], *, after: int = 0) -> Break | None:
    """The first signed size at which the events are others."""
    good = after
    for size, root, where in sorted(heads.all()):
        if size not in roots:
            continue
        if roots[size] != root:
            between = f"events {good + 1} to {size} are not those"
            return Break(good + 1, "rewritten_chain", f"{between} whose head of {size} was signed ({where})")
        good = size
    return None


def find_beyond(heads: Heads, end: int, *, figures_fit: bool) -> Break | None:
    """A signed head beyond the ledger's end: its tail was cut, or an older copy took its place."""
    beyond = [(size, where) for size, _, where in heads.all() if size > end]
    if not beyond:
        return None
    size, where = max(beyond)
    told = f"the ledger ends with event {end}, and a head of {size} events was signed ({where})"
    if figures_fit:
        return Break(
            end + 1, "rolled_back", f"{told}: the file is an older copy, or was cut with its figures"
        )
    return Break(end + 1, "truncated_tail", f"{told}: its tail was cut, and its figures tell of more events")


def find_missing(heads: Heads) -> Break | None:
    """Heads that the ledger or an anchor tells of, and that are not where they were kept."""
    for seq, body in heads.recorded:
        head = _told_head(body)
        if head is None or not heads.notes.has(head):
            size = body.get("size")
            return _break(
                "checkpoints_missing",
                f"event {seq} tells of the signed head of {size} events; audits/checkpoints does not have it",
            )
    for one, head in heads.elsewhere():
        if one.kind != "witness" and not heads.notes.has(head):
            return _break(
                "checkpoints_missing",
                f"the {one.kind} {one.place} holds the head of {head.size} events; "
                "audits/checkpoints does not have it",
            )
    return _lost_from_anchor(heads)


def find_foreign(heads: Heads, proved: Proved | None) -> Break | None:
    """Heads of another log of this workspace, whose proven successor this one is not."""
    why = foreign(heads.begun, heads.others(), proved)
    if why:
        return _break("foreign_genesis", why)
    places = {one.head.checkpoint.origin: one.place for one in heads.held if one.head.checkpoint}
    newest = heads.notes.newest_origin
    for origin, place in {**heads.notes.others, **places}.items():
        if origin == heads.origin:
            continue
        is_last = heads.notes.count > 0 and (
            origin == newest or (origin in places and _anchored_since(heads))
        )
        if is_last:
            return _break(
                "foreign_genesis",
                f"{place} holds heads of the log before this one ({origin}) that were signed after its own",
            )
    return None


def _anchored_since(heads: Heads) -> bool:
    """Whether the ledger says that an anchor kept a head of it already."""
    return any(told.get("size") for _, body in heads.recorded for told in anchors_told(body))


def _lost_from_anchor(heads: Heads) -> Break | None:
    """An anchor that holds less than the ledger says it took."""
    wanted: dict[tuple[str, str], int] = {}
    for _, body in heads.recorded:
        for told in anchors_told(body):
            place = (str(told.get("kind", "")), str(told.get("place", "")))
            size = told.get("size")
            if type(size) is int:
                wanted[place] = max(wanted.get(place, 0), size)
    for one in heads.held:
        size = wanted.get((one.kind, one.place), 0)
        have = one.head.checkpoint.size if one.head.checkpoint else 0
        if have < size:
            said = f" ({one.head.problem})" if one.head.problem else ""
            return _break(
                "checkpoints_missing",
                f"the {one.kind} {one.place} was given the head of {size} events and holds {have}{said}",
            )
    return None


def _told_head(body: Mapping[str, Any]) -> Checkpoint | None:
    try:
        return Checkpoint(str(body["origin"]), int(body["size"]), bytes.fromhex(body["root"]))
    except (KeyError, TypeError, ValueError):
        return None


def _break(how: str, detail: str) -> Break:
    return Break(None, how, detail)
