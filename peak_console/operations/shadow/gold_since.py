"""What gold cases say of a model since its quarantine: the rounds that it was put while out of use. Pure."""

from collections.abc import Iterable
from datetime import datetime
from itertools import takewhile

from peak_console.domain.drift import Tier, was_out_of_use
from peak_console.domain.events import LedgerEvent
from peak_console.operations.views.body_fields import mapping, time_of, whole
from peak_console.operations.views.shadow import GoldSince


def rounds_since(checks: Iterable[LedgerEvent], since: datetime) -> list[LedgerEvent]:
    """Checks behind a quarantine, in their order, without a round that had begun before it."""
    found = (one for one in checks if time_of(one) > since)
    return [one for one in found if not is_round(one) or was_out_of_use(mapping(one.body))]


def gold_since(checks: Iterable[LedgerEvent], since: datetime) -> GoldSince:
    """The rounds of gold cases among a model's ``checks``, the newest first, since its quarantine."""
    rounds = [one for one in rounds_since(checks, since) if is_round(one) and figures_of(one)[0]]
    figures = [figures_of(one) for one in rounds]
    return GoldSince(
        len(rounds),
        sum(cases for cases, _ in figures),
        sum(passed for _, passed in figures),
        max((time_of(one) for one in rounds), default=None),
        sum(1 for _ in takewhile(lambda one: mapping(one.body).get("ok") is True, rounds)),
    )


def figures_of(event: LedgerEvent) -> tuple[int, int]:
    """Cases that count in a round, and how many passed; none of a body that does not add up."""
    body = mapping(event.body)
    cases, passed = whole(body.get("cases")), whole(body.get("passed"))
    return (cases, passed) if cases is not None and passed is not None and 0 <= passed <= cases else (0, 0)


def is_round(event: LedgerEvent) -> bool:
    """Whether a check is a round of gold cases."""
    return mapping(event.body).get("tier") == Tier.CANARY.value
