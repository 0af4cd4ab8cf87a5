"""Judges held against each other: what is recorded, and how often they disagree over a window. Pure.

Two pairs are watched. ``L4.critic`` judges a verdict of ``L4.primary`` and agrees by PASS. An output's own
critic and the policy critic judge the same output, and agree where both let it pass or neither does. A word
that could not be read is nobody's, and counts in no pair.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from peak_console.critic.parse import CriticReport
from peak_console.critic.slots import POLICY_CRITIC, VERDICT_CRITIC
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.verdict import Verdict
from peak_console.domain.vocabulary import Role

_POLICY: Final = f"{POLICY_CRITIC.layer}.{POLICY_CRITIC.role}"
_SECOND: Final = f"{VERDICT_CRITIC.layer}.{VERDICT_CRITIC.role}"
SECOND_OPINION: Final = f"{_SECOND} on {_POLICY}"
"""The pair of L4's own two slots."""
_PLACES: Final = 20


@dataclass(frozen=True, slots=True)
class Disagreements:
    """How often two judges held against each other disagreed; ``seqs`` are the last places where they did."""

    pair: str
    compared: int
    disagreed: int
    stricter: int
    """Disagreements in which the later judge let less pass than the earlier."""
    seqs: tuple[int, ...]
    first_at: str
    last_at: str
    """Ledger times of the first and the last comparison."""

    @property
    def per_mille(self) -> int:
        """Disagreements in a thousand comparisons, rounded down."""
        return self.disagreed * 1000 // self.compared

    def as_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "pair": self.pair,
            "compared": self.compared,
            "disagreed": self.disagreed,
            "stricter": self.stricter,
            "per_mille": self.per_mille,
            "seqs": list(self.seqs),
            "first_at": self.first_at,
            "last_at": self.last_at,
        }


def against_first(first: CriticReport, opinion: CriticReport) -> dict[str, Any]:
    """An opinion of L4's critic against the verdict that it is on; empty where either could not be read."""
    if first.said is None or opinion.said is None:
        return {}
    return _against(SECOND_OPINION, first.said, agrees=opinion.said is Verdict.PASS)


def against_own(layer: str, beside: Sequence[CriticReport], report: CriticReport) -> dict[str, Any]:
    """The policy critic against the own critic of the same output; empty where there was none to read."""
    own = next((one for one in beside if one.said is not None), None)
    if own is None or own.said is None or report.said is None:
        return {}
    agrees = (own.said is Verdict.PASS) == (report.said is Verdict.PASS)
    return _against(f"{_POLICY} on {layer}.{Role.CRITIC}", own.said, agrees=agrees)


def disagreements_in(events: Iterable[LedgerEvent]) -> tuple[Disagreements, ...]:
    """The pairs in these events, each with its figures, by name. ``critic.judged`` only; in any order."""
    found: dict[str, list[tuple[int, str, bool, bool]]] = {}
    for event in events:
        body = event.body or {}
        against = body.get("against")
        if event.kind != EventKind.CRITIC_JUDGED or not isinstance(against, Mapping):
            continue
        pair, agrees = against.get("pair"), against.get("agrees")
        if isinstance(pair, str) and isinstance(agrees, bool):
            stricter = body.get("said") != Verdict.PASS.value
            found.setdefault(pair, []).append((event.seq, event.ts, agrees, stricter))
    return tuple(_figures(pair, sorted(rows)) for pair, rows in sorted(found.items()))


def _against(pair: str, verdict: Verdict, *, agrees: bool) -> dict[str, Any]:
    return {"pair": pair, "verdict": verdict.value, "agrees": agrees}


def _figures(pair: str, rows: Sequence[tuple[int, str, bool, bool]]) -> Disagreements:
    apart = [row for row in rows if not row[2]]
    return Disagreements(
        pair,
        compared=len(rows),
        disagreed=len(apart),
        stricter=sum(row[3] for row in apart),
        seqs=tuple(row[0] for row in apart[-_PLACES:]),
        first_at=rows[0][1],
        last_at=rows[-1][1],
    )
