"""A log stands beside heads of others only as their proven successor: each thing that may be missing."""

from dataclasses import replace
from typing import Any

import pytest

from peak_console.domain.events import EventDraft
from peak_console.ledger.heads.notes import Checkpoint
from peak_console.ledger.heads.succession import (
    Beginning,
    Claim,
    OtherHead,
    Succeeded,
    foreign,
    named_head,
    succeeded,
)

KEY = "peak-console/0123456789abcdef/"
FIRST, SECOND, THIRD = (KEY + digit * 16 for digit in "123")
ROOT = b"\x07" * 32


def head(origin: str, size: int, root: bytes = ROOT) -> OtherHead:
    """A head that was signed."""
    return OtherHead(Checkpoint(origin, size, root), "a.notes")


def begun(origins: list[str], last: str, named: OtherHead, **fields: Any) -> Beginning:
    """A recovery of ``last``, proven by anna, that knew of ``named`` as the newest head."""
    checkpoint = {"origin": named.head.origin, "size": named.head.size, "root": named.head.root.hex()}
    recovered = {
        "origins": origins,
        "origin": last,
        "checkpoint": checkpoint,
        "old_seq": 60,
        "proven_seq": 50,
    }
    genesis = EventDraft("ev_1", "workspace.initialised", {"recovered": recovered, "operator": "anna"})
    proof = {"event_id": "ev_1", "nonce": "00", "signature": "ff"}
    return replace(Beginning(SECOND, genesis, {"operator": "anna", "proof": proof}), **fields)


def by_anna(claim: Claim) -> bool:
    """Anna signed this genesis and no other."""
    return (claim.operator, claim.nonce, claim.signature, claim.genesis.event_id) == (
        "anna",
        "00",
        "ff",
        "ev_1",
    )


GOOD = begun([FIRST], FIRST, head(FIRST, 40))


def with_recovered(**fields: Any) -> Beginning:
    """The good one with other words in ``recovered``."""
    body = dict(GOOD.genesis.body)
    body["recovered"] = {**body["recovered"], **fields}
    return replace(GOOD, genesis=replace(GOOD.genesis, body=body))


def test_a_first_log_stands_alone() -> None:
    """Beside no heads, and beside none of others."""
    plain = Beginning(FIRST, EventDraft("ev_1", "workspace.initialised", {}))
    assert foreign(plain, [], None) == ""
    assert "does not say" in foreign(plain, [head(SECOND, 3)], by_anna)


def test_a_true_recovery_holds() -> None:
    """With the newest head, an older one found, or a later one named than any that is left."""
    for size in (40, 39, 1):
        assert foreign(GOOD, [head(FIRST, size, ROOT if size == 40 else b"\x01" * 32)], by_anna) == ""
    assert foreign(GOOD, [], by_anna) == ""


def test_two_recoveries_in_a_row_hold() -> None:
    """Both logs are named; the head is the second's, or the first's where the second was never signed."""
    both = [head(FIRST, 40), head(SECOND, 5)]
    assert foreign(begun([FIRST, SECOND], SECOND, both[1]), both, by_anna) == ""
    assert foreign(begun([FIRST, SECOND], SECOND, both[0]), both[:1], by_anna) == ""
    assert "not of the log" in foreign(begun([FIRST, SECOND], SECOND, both[0]), both, by_anna)


@pytest.mark.parametrize("word", [{}, [], "yes", True, 1, None])
def test_one_word_in_a_genesis_is_no_recovery(word: object) -> None:
    """Whatever stands under ``recovered`` without naming the log."""
    body = {"recovered": word, "operator": "anna"}
    forged = replace(GOOD, genesis=replace(GOOD.genesis, body=body))
    assert foreign(forged, [head(FIRST, 40)], lambda _: True)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"origins": [SECOND]}, "does not say"),
        ({"origins": FIRST}, "does not say"),
        ({"origins": None}, "does not say"),
        ({"checkpoint": None}, "names no head"),
        ({"checkpoint": {"origin": FIRST, "size": True, "root": ROOT.hex()}}, "names no head"),
        ({"checkpoint": {"origin": FIRST, "size": 40, "root": "zz"}}, "names no head"),
        ({"checkpoint": {"origin": FIRST, "size": 40, "root": "08" * 32}}, "is not that in a.notes"),
        ({"checkpoint": {"origin": FIRST, "size": 39, "root": ROOT.hex()}}, "an older one of 39"),
        ({"checkpoint": {"origin": THIRD, "size": 99, "root": ROOT.hex()}}, "not of the log"),
    ],
)
def test_a_recovery_of_another_log_or_head_does_not_hold(told: dict[str, Any], said: str) -> None:
    """Even where an operator signed it."""
    assert said in foreign(with_recovered(**told), [head(FIRST, 40)], lambda _: True)


def test_every_other_log_has_to_be_named() -> None:
    """One that is not makes the ledger foreign."""
    assert THIRD in foreign(GOOD, [head(FIRST, 40), head(THIRD, 1)], by_anna)


def test_nobody_goes_on_after_a_log_on_his_own_word() -> None:
    """Without a proof, with one over another genesis, by another operator, or where none can be checked."""
    others = [head(FIRST, 40)]
    told = dict(GOOD.told or {})
    for wrong in (
        replace(GOOD, told=None),
        replace(GOOD, told={**told, "proof": None}),
        replace(GOOD, told={**told, "proof": {**told["proof"], "event_id": "ev_2"}}),
        replace(GOOD, told={**told, "proof": {**told["proof"], "signature": 7}}),
        replace(GOOD, told={**told, "operator": "eve"}),
        replace(GOOD, genesis=replace(GOOD.genesis, event_id="ev_2")),
    ):
        assert "proof" in foreign(wrong, others, by_anna)
    assert "no known key of operator anna" in foreign(GOOD, others, lambda _: False)
    assert "cannot be checked" in foreign(GOOD, others, None)


def test_what_is_lost_is_told() -> None:
    """By the record, or by a head of more events than that."""
    assert succeeded(GOOD, []) == Succeeded(FIRST, 60, 10, "anna")
    assert succeeded(GOOD, [head(FIRST, 70)]) == Succeeded(FIRST, 70, 20, "anna")
    assert succeeded(Beginning(FIRST, EventDraft("ev_1", "k", {})), []) is None
    assert named_head({"checkpoint": "x"}) is None
