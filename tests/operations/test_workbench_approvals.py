"""Which matrix may be in force in live: two operators stand for it, by their proofs."""

from typing import Any

import pytest

from peak_console.operations.workbench.approvals import Approvals

OLD, NEW, OTHER = "0" * 64, "1" * 64, "2" * 64


def ts(minute: int) -> str:
    """A ledger time."""
    return f"2026-11-22T12:{minute:02d}:00.000000Z"


def begin(known: Approvals, by: str, minute: int, digest: str = OLD, to: str = "live") -> None:
    """``by`` promotes with a matrix in force."""
    body = {"to": to, "readiness": {"configs": {"matrix": digest}}}
    known.take("phase.changed", ts(minute), f"mara/operator:{by}", body)


def live() -> Approvals:
    """A workspace that became live under the old matrix at minute 0: bert approved it, anna promoted."""
    known = Approvals()
    known.take("node.started", ts(0), "node", {"digests": {"matrix": OLD}})
    approve(known, "bert", 0, OLD)
    begin(known, "anna", 0)
    return known


def approve(known: Approvals, by: str, minute: int, digest: str = NEW, **more: Any) -> None:
    """``by`` approves a digest for half an hour."""
    body = {"digest": digest, "valid_until": ts(minute + 30), "operator": "zoe", **more}
    known.take("matrix.approved", ts(minute), f"mara/operator:{by}", body)


def save(known: Approvals, by: str, minute: int, digest: str = NEW) -> None:
    """``by`` saves a digest; the body may lie about who it was."""
    known.take("matrix.changed", ts(minute), f"mara/operator:{by}", {"new": digest, "operator": "zoe"})


def see(known: Approvals, minute: int, digest: str = NEW, actor: str = "node") -> None:
    """The node sees another matrix."""
    known.take("config.changed", ts(minute), actor, {"file": "matrix", "old": OLD, "new": digest})


def test_what_was_approved_for_the_beginning_of_live_stays() -> None:
    """Longer than the approval; any other matrix is refused, and one without a name."""
    known = live()
    assert known.may_hold(OLD, ts(1))
    assert known.may_hold(OLD, ts(59))
    assert not known.may_hold(NEW, ts(1))
    assert not known.may_hold("", ts(1))


@pytest.mark.parametrize(
    ("saver", "approver", "promoter", "holds"),
    [
        ("anna", "bert", "anna", True),
        ("anna", "bert", "carl", True),
        ("bert", "bert", "anna", False),
        ("anna", "anna", "anna", False),
        ("bert", "anna", "anna", False),
        ("anna", "", "anna", False),
        ("", "bert", "anna", True),
        ("", "anna", "anna", False),
    ],
)
def test_live_begins_only_with_what_another_operator_approved(
    saver: str, approver: str, promoter: str, *, holds: bool
) -> None:
    """Another than who promotes and than who saved it last; nothing is in force by having been there."""
    known = Approvals()
    known.take("node.started", ts(0), "node", {"digests": {"matrix": OLD}})
    if saver:
        save(known, saver, 1)
    see(known, 2)
    assert known.may_hold(NEW, ts(2))
    if approver:
        approve(known, approver, 3)
    assert known.may_begin(NEW, promoter, ts(4)) is holds
    begin(known, promoter, 4, NEW)
    assert known.may_hold(NEW, ts(5)) is holds


def test_who_saves_alone_in_a_lower_phase_gets_nothing_past_the_next_beginning_of_live() -> None:
    """Demoted, saved and edited by one person, promoted again: the matrix of before does not hold either."""
    known = live()
    begin(known, "anna", 1, to="testnet")
    save(known, "anna", 2)
    see(known, 3)
    begin(known, "anna", 4, NEW)
    assert not known.may_hold(NEW, ts(5))
    assert not known.may_hold(OLD, ts(5))
    approve(known, "bert", 6)
    assert not known.may_hold(NEW, ts(7))
    approve(known, "anna", 7)
    assert known.may_hold(NEW, ts(8))


def test_a_live_that_nobody_promoted_to_begins_with_nothing() -> None:
    """As after a recovery: the node's own record has no operator's proof, whatever its body says."""
    known = Approvals()
    approve(known, "bert", 0, OLD)
    body = {"to": "live", "operator": "anna", "readiness": {"configs": {"matrix": OLD}}}
    known.take("phase.changed", ts(1), "node", body)
    known.take("node.started", ts(2), "node", {"digests": {"matrix": OLD}})
    assert not known.may_hold(OLD, ts(3))
    approve(known, "anna", 4, OLD)
    assert known.may_hold(OLD, ts(5))


def test_an_approval_that_ran_out_begins_no_live() -> None:
    """Nor one that nobody proved."""
    known = Approvals()
    approve(known, "bert", 0, OLD)
    known.take("matrix.approved", ts(1), "mara", {"digest": NEW, "valid_until": ts(30)})
    assert known.may_begin(OLD, "anna", ts(29))
    assert not known.may_begin(OLD, "anna", ts(31))
    assert not known.may_begin(NEW, "anna", ts(2))


def test_an_approved_save_holds_for_good_and_outlasts_the_approval() -> None:
    """Approved by bert, saved by anna, seen later by a node that was away: it holds, and only it."""
    known = live()
    approve(known, "bert", 1)
    save(known, "anna", 2)
    known.take("node.started", ts(59), "node", {"digests": {"matrix": NEW}})
    assert known.may_hold(NEW, ts(59))
    assert known.accepted == NEW
    assert not known.may_hold(OLD, ts(59))


@pytest.mark.parametrize(
    ("approver", "approved", "saver", "saved"),
    [("anna", 1, "anna", 2), ("bert", 1, "anna", 45), ("bert", 3, "anna", 2)],
    ids=["ones own word", "too old", "after the save"],
)
def test_a_save_without_anothers_approval_in_time_does_not_hold(
    approver: str, approved: int, saver: str, saved: int
) -> None:
    """One's own approval, one that ran out, and one that came after are none for this save."""
    known = live()
    for minute in sorted({approved, saved}):
        if minute == approved:
            approve(known, approver, minute)
        else:
            save(known, saver, minute)
    see(known, 50)
    assert not known.may_hold(NEW, ts(50))
    assert known.accepted == OLD


def test_a_matrix_changed_outside_needs_two_approvals_and_then_holds_after_a_restart() -> None:
    """Nobody knows who put it there, so two operators look at it."""
    known = live()
    see(known, 1)
    approve(known, "bert", 2)
    assert not known.may_hold(NEW, ts(3))
    approve(known, "bert", 3)
    assert not known.may_hold(NEW, ts(4))
    approve(known, "anna", 4)
    assert known.may_hold(NEW, ts(4))
    assert known.may_hold(NEW, ts(59))


def test_only_the_node_says_what_is_in_force() -> None:
    """An operator's record of a config that names a file changes nothing here."""
    known = live()
    see(known, 1, actor="mara/operator:anna")
    assert known.seen == OLD


def test_an_approval_lapses_with_its_operator_and_covers_one_digest() -> None:
    """A removed operator's word is none; nor does it reach another matrix."""
    known = live()
    approve(known, "bert", 1)
    assert known.may_save(NEW, "anna", ts(2))
    assert not known.may_save(OTHER, "anna", ts(2))
    known.take("operator.removed", ts(3), "mara/operator:anna", {"operator": "bert"})
    assert not known.may_save(NEW, "anna", ts(4))


def test_before_live_nobody_must_approve() -> None:
    """In research a save needs a reason and a proof, no second person; a phase nobody can read is live."""
    known = Approvals()
    known.take("node.started", ts(0), "node", {"digests": {"matrix": OLD}})
    assert known.may_save(NEW, "anna", ts(1))
    see(known, 1)
    assert known.accepted == NEW
    known.take("phase.changed", ts(2), "mara/operator:anna", {"to": "something"})
    assert not known.may_save(OTHER, "anna", ts(3))
