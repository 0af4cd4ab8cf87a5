"""Checklists, judged: what evidence, age and a person's word make of an item."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.operations.checklists_judging import (
    LOG_DAYS,
    SIGNABLE,
    SIGNED_DAYS,
    ChecklistFacts,
    ListName,
    Shown,
    Signature,
    bad,
    good,
    items_of,
    unknown,
)
from peak_console.operations.criterion import CriterionResult, CriterionStatus
from peak_console.operations.readiness_judging import Drill
from peak_console.operations.views.checklists import Checklist, ChecklistItem, ItemState

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KINDS = ("stop", "disarm", "arm", "rollback")


def held(days: float = 1.0, *, held: bool = True) -> Drill:
    """A drill some days ago."""
    return Drill(NOW - timedelta(days=days), held, 7)


def whole() -> ChecklistFacts:
    """Everything shown, young enough."""
    shown = good("seen", NOW)
    return ChecklistFacts(
        deny=shown,
        lint=shown,
        log=shown,
        evals=shown,
        lock=shown,
        dashboards=shown,
        contacts=shown,
        order_breakers=shown,
        triggers=shown,
        drills={one: held() for one in KINDS},
        matrix="m1",
        readiness=(CriterionResult("x", "x", CriterionStatus.GREEN, "f", "w", None, "e"),),
    )


def item(name: ListName, facts: ChecklistFacts, item_id: str) -> ChecklistItem:
    """One item of a list."""
    return next(one for one in items_of(name, facts, NOW) if one.id == item_id)


@pytest.mark.parametrize("name", ListName)
def test_everything_shown_is_green_and_nothing_shown_is_not(name: ListName) -> None:
    """Each item of a list counts: with all evidence it is green, and with none not one item is."""
    assert Checklist(name, NOW, items_of(name, whole(), NOW)).green
    nothing = items_of(name, ChecklistFacts(), NOW)
    assert not any(one.state is ItemState.GREEN for one in nothing)
    assert all(one.remedy for one in nothing), "every item names what makes it green"
    assert not Checklist(name, NOW, ()).green


_SHOWN = st.sampled_from([good("", NOW), bad("", NOW), unknown("")])


@given(st.sampled_from(ListName), st.lists(_SHOWN, min_size=8, max_size=8), st.integers(0, 60))
def test_one_thing_that_is_not_shown_keeps_the_list_from_green(
    name: ListName, shown: list[Shown], age: int
) -> None:
    """A list is green exactly when all that it asks about holds, and is young enough."""
    deny, lint, log, evals, lock, dashboards, contacts, breakers = shown
    facts = replace(
        whole(),
        deny=deny,
        lint=lint,
        log=log,
        evals=evals,
        lock=lock,
        dashboards=dashboards,
        contacts=contacts,
        order_breakers=breakers,
        drills={one: held(age) for one in KINDS},
    )
    asked = {
        ListName.PRE_MERGE: [deny, lint, log, evals],
        ListName.PRE_SHADOW: [lock, dashboards],
        ListName.PRE_LIVE: [contacts, breakers],
    }[name]
    wanted = all(one.holds for one in asked) and (name is ListName.PRE_MERGE or age <= facts.drill_days)
    assert Checklist(name, NOW, items_of(name, facts, NOW)).green is wanted


@pytest.mark.parametrize(
    ("drill", "state"),
    [
        (held(29.9), ItemState.GREEN),
        (held(30.1), ItemState.AMBER),
        (held(-0.1), ItemState.AMBER),
        (held(1, held=False), ItemState.RED),
        (None, ItemState.UNKNOWN),
    ],
)
def test_a_drill_is_green_once_held_and_young(drill: Drill | None, state: ItemState) -> None:
    """Old is amber, and so is one of the future; one that did not hold is red; none is unknown."""
    drills = {one: held() for one in KINDS} | ({} if drill is None else {"disarm": drill})
    if drill is None:
        del drills["disarm"]
    found = item(ListName.PRE_SHADOW, replace(whole(), drills=drills), "kill_switches")
    assert found.state is state
    assert bool(found.remedy) is (state is not ItemState.GREEN)


def test_log_lines_of_long_ago_are_amber() -> None:
    """What the log held a month ago says little of what it holds now."""
    facts = replace(whole(), log=good("all there", NOW - timedelta(days=LOG_DAYS, seconds=1)))
    assert item(ListName.PRE_MERGE, facts, "log_fields").state is ItemState.AMBER


def signed(days: float = 1.0, matrix: str = "m1") -> Signature:
    """An operator's word."""
    return Signature("anna", "looked", NOW - timedelta(days=days), 9, matrix)


def test_a_word_makes_amber_where_a_figure_is_wanted() -> None:
    """Evals can be computed one day: a person's word is shown with name and note, and is never green."""
    facts = replace(whole(), evals=unknown("none"), signatures={"eval_suite": signed()})
    found = item(ListName.PRE_MERGE, facts, "eval_suite")
    assert (found.state, found.signed_by, found.note) == (ItemState.AMBER, "anna", "looked")
    assert found.at == signed().at


def test_a_word_is_green_where_only_a_person_can_judge() -> None:
    """An escalation path that is written down elsewhere is known to people alone."""
    facts = replace(whole(), contacts=unknown("none"), signatures={"escalation_path": signed()})
    assert item(ListName.PRE_LIVE, facts, "escalation_path").state is ItemState.GREEN


@pytest.mark.parametrize(
    "given_word", [signed(SIGNED_DAYS + 1), signed(-1), signed(matrix="m2")], ids=["old", "future", "matrix"]
)
def test_a_word_ends(given_word: Signature) -> None:
    """After a month, when it is of the future, and with the matrix that it was given under."""
    facts = replace(whole(), evals=unknown("none"), signatures={"eval_suite": given_word})
    assert item(ListName.PRE_MERGE, facts, "eval_suite").state is ItemState.UNKNOWN


def test_no_word_replaces_what_is_computed() -> None:
    """Signing the deny, or an eval that was seen to fail, changes nothing."""
    words = {one.id: signed() for name in ListName for one in items_of(name, whole(), NOW)}
    facts = replace(whole(), deny=bad("let through", NOW), evals=bad("worse", NOW), signatures=words)
    for name in ("policy_deny", "eval_suite"):
        assert item(ListName.PRE_MERGE, facts, name).state is ItemState.RED
    signable = {(name, one.id) for name in ListName for one in items_of(name, facts, NOW) if one.signable}
    assert signable == set(SIGNABLE)


def test_readiness_stands_behind_pre_live() -> None:
    """Red stays red, and what nobody knows is unknown, never green."""
    for status, state in (
        (CriterionStatus.RED, ItemState.RED),
        (CriterionStatus.NO_EVIDENCE, ItemState.UNKNOWN),
        (CriterionStatus.GREEN, ItemState.GREEN),
    ):
        facts = replace(whole(), readiness=(CriterionResult("x", "x", status, "f", "w", 5.0, "e"),))
        found = item(ListName.PRE_LIVE, facts, "readiness:x")
        assert (found.state, found.age_s(NOW)) == (state, 5.0)


def test_a_trigger_that_is_switched_off_is_amber() -> None:
    """Somebody's choice: never green, and nothing that broke."""
    off = replace(whole(), triggers=bad("switched off: lapse", NOW))
    found = item(ListName.PRE_LIVE, off, "triggers_watched")
    assert (found.state, found.evidence) == (ItemState.AMBER, "switched off: lapse")
    assert found.remedy
