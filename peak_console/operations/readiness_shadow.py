"""Readiness of what shadow shows: cycles, gate, critics, drift, policy. Pure; unknown is never green.

A cycle that played history counts in a simulated workspace alone: elsewhere it shows nothing of the days that
it was played in.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from peak_console.config.readiness import Criteria
from peak_console.operations.criterion import CriterionResult, listed_words, result_of, since_words
from peak_console.operations.readiness_tallies import CycleMark, DecisionMark
from peak_console.operations.shadow.lost_cycles import LostCycle

ABORTED: Final = "aborted"
_HOUR_S: Final = 3600
_CYCLES: Final = "shadow.cycle.finished"
_GATE: Final = "gate.decided"


@dataclass(frozen=True, slots=True)
class CanaryMark:
    """The newest round of gold cases that a model was put to."""

    at: datetime
    ok: bool
    seq: int
    incomplete: bool = False
    """Whether nothing failed, and not every case was answered: no evidence, neither way."""


@dataclass(frozen=True, slots=True)
class CriticTally:
    """Pairs of verdicts on the same answer, and how many of them say different things."""

    pairs: int
    disagreed: int
    first_seq: int = 0
    """The first of the last places where they did; 0 where they never did."""
    last_seq: int = 0


@dataclass(frozen=True, slots=True)
class ShadowEvidence:
    """What is known of shadow. ``None`` means that nothing feeds it, or that it cannot be read."""

    simulated: bool = False
    level_since: datetime | None = None
    level_seq: int = 0
    cycles: tuple[CycleMark, ...] | None = None
    """Since the level of now began or the window did, whichever is longer ago."""
    lost: tuple[LostCycle, ...] | None = None
    """Runs of cycles in the window that failed, hung or were cut off, and recorded no cycle."""
    decisions: tuple[DecisionMark, ...] | None = None
    """Of the window."""
    policy_incidents: tuple[int, ...] | None = None
    """Places of those opened in the window; ``None`` where no node ever watched."""
    critics: CriticTally | None = None
    """Of the window."""
    models: tuple[str, ...] | None = None
    """Every model of the matrix, as ``PROVIDER:MODEL``."""
    quarantined: Mapping[str, int] | None = None
    """Models that are out of use, and by which event."""
    canaries: Mapping[str, CanaryMark] = field(default_factory=dict)

    @property
    def counted(self) -> tuple[CycleMark, ...]:
        """Cycles that show something: history that was played shows nothing but in a simulated workspace."""
        return tuple(one for one in self.cycles or () if self.simulated or not one.replayed)

    @property
    def decided(self) -> tuple[DecisionMark, ...]:
        """Decisions of the gate that a counted cycle names as its own, and pruned ones that none names."""
        own = {one.gate_id for one in self.counted if one.gate_id}
        named = {one.gate_id for one in self.cycles or ()}
        return tuple(
            one
            for one in self.decisions or ()
            if one.event_id in own or (one.pruned and one.event_id not in named)
        )

    @property
    def shown(self) -> tuple[DecisionMark, ...]:
        """Of them those on usable data, each intent once."""
        own = {one.gate_id for one in self.counted if one.gate_id and one.shows}
        first = {one.intent_id or one.event_id: one for one in reversed(self.decided) if one.event_id in own}
        return tuple(sorted(first.values(), key=lambda one: one.seq))


def shadow_results(criteria: Criteria, facts: ShadowEvidence, now: datetime) -> Iterator[CriterionResult]:
    """Every criterion about shadow that is asked, in a fixed order."""
    judge = _Judge(criteria, facts, now)
    if criteria.min_days_with_cycles:
        yield judge.days(criteria.min_days_with_cycles)
    if criteria.max_aborted_pct is not None:
        yield judge.aborted(criteria.max_aborted_pct)
    if criteria.min_gate_decisions:
        yield judge.decisions(criteria.min_gate_decisions)
    if criteria.gate_agrees:
        yield judge.agreement()
    if criteria.max_critic_disagreement_pct is not None:
        yield judge.critics(criteria.max_critic_disagreement_pct)
    if criteria.max_policy_incidents is not None:
        yield judge.policy(criteria.max_policy_incidents)
    if criteria.models_clear:
        yield judge.quarantine()
    if criteria.max_canary_age_h is not None:
        yield judge.canaries(criteria.max_canary_age_h)


def span(marks: Sequence[CycleMark | DecisionMark]) -> str:
    """``#12 to #90``: where they stand in the ledger."""
    return f"#{marks[0].seq} to #{marks[-1].seq}" if marks else "none"


@dataclass(frozen=True, slots=True)
class _Judge:
    criteria: Criteria
    facts: ShadowEvidence
    now: datetime

    @property
    def _window(self) -> str:
        return f"{self.criteria.window_days} days"

    @property
    def _begins(self) -> datetime:
        return self.now - timedelta(days=self.criteria.window_days)

    def _age(self, at: datetime | None) -> float | None:
        return None if at is None else (self.now - at).total_seconds()

    def days(self, wanted: int) -> CriterionResult:
        facts = self.facts
        since = facts.level_since
        begun = tuple(one for one in facts.counted if since and one.at >= since)
        cycles = tuple(one for one in begun if one.shows)
        days = {one.at.date() for one in cycles}
        left_out = len(facts.cycles or ()) - len(facts.counted)
        known = facts.cycles is not None and since is not None
        return result_of(
            "min_days_with_cycles",
            "days with shadow cycles on them",
            met=None if not known or not (begun or left_out) else len(days) >= wanted,
            found=f"{len(days)} days, {len(cycles):,} cycles{stale_words(begun)}{_left(left_out)}"
            if known
            else "not known",
            wanted=f"≥ {wanted} days (UTC) with a cycle that came to a verdict on fresh data",
            evidence=f"{_CYCLES} {span(cycles)}",
            remedy="let the shadow jobs run every day: peak jobs list",
            window=since_words(since, facts.level_seq),
            age=self._age(cycles[-1].at if cycles else None),
        )

    def aborted(self, most: Decimal) -> CriterionResult:
        cycles = tuple(one for one in self.facts.counted if one.at >= self._begins)
        lost = tuple(one for one in self.facts.lost or () if one.at >= self._begins)
        ended, every = sum(one.outcome == ABORTED for one in cycles) + len(lost), len(cycles) + len(lost)
        share = Decimal(100 * ended) / every if every else None
        gone = f"; {len(lost):,} without a record, #{lost[-1].seq} the last" if lost else ""
        return result_of(
            "max_aborted_pct",
            f"cycles that were aborted, or lost, in {self._window}",
            met=None if share is None or self.facts.lost is None else share <= most,
            found="no cycle" if share is None else f"{share:.1f} % ({ended} of {every:,}){gone}",
            wanted=f"≤ {most} %",
            evidence=f"{_CYCLES} {span(cycles)}",
            remedy="find out what ends them: peak shadow cycles",
            window=self._window,
            age=self._age(cycles[-1].at if cycles else None),
        )

    def decisions(self, wanted: int) -> CriterionResult:
        known, made = self.facts.decisions or (), self.facts.shown
        allowed = sum(one.allowed for one in made)
        pruned = sum(one.pruned for one in made)
        told = f"{len(made):,} ({allowed:,} allowed, {len(made) - allowed - pruned:,} blocked"
        told += f", {pruned:,} pruned)" if pruned else ")"
        if len(known) > len(made):
            told += f"; {len(known) - len(made):,} not of a cycle that counts"
        return result_of(
            "min_gate_decisions",
            f"decisions of the gate in {self._window}",
            met=None if not known else len(made) >= wanted,
            found=told if known else "none was recorded",
            wanted=f"≥ {wanted:,} on fresh data, each intent once",
            evidence=f"{_GATE} {span(made)}",
            remedy="let the shadow jobs run on: peak jobs list",
            window=self._window,
            age=self._age(made[-1].at if made else None),
        )

    def agreement(self) -> CriterionResult:
        """One that was pruned cannot be decided again: with it there is none, unless another differs."""
        made = self.facts.decided
        differ, pruned = [one for one in made if one.differs], [one for one in made if one.pruned]
        found = f"{len(made):,} decided again, all alike"
        if pruned:
            found = f"{len(pruned):,} of {len(made):,} pruned: #{pruned[0].seq} cannot be decided again"
        if differ:
            found = f"{len(differ)} of {len(made):,} not alike: #{differ[0].seq} {differ[0].differs}"
        return result_of(
            "gate_agrees",
            f"the gate decides alike again, {self._window}",
            met=False if differ else None if pruned or not made else True,
            found=found if made else "none was recorded",
            wanted="verdict, reasons and digest of every decision",
            evidence=f"peak gate replay; {_GATE} {span(made)}",
            remedy="find out what changed them: peak gate replay",
            unknown=(
                "keep bodies longer than the window (configs/ledger.toml), and let the shadow jobs run on"
                if pruned
                else "let the shadow jobs run on: peak jobs list"
            ),
            window=self._window,
            age=self._age(made[-1].at if made else None),
        )

    def critics(self, most: Decimal) -> CriterionResult:
        tally = self.facts.critics
        share = Decimal(100 * tally.disagreed) / tally.pairs if tally and tally.pairs else None
        found = "no two verdicts on one answer"
        if tally is not None and share is not None:
            found = f"{share:.1f} % ({tally.disagreed} of {tally.pairs:,})"
        places = f", disagreed at #{tally.first_seq} to #{tally.last_seq}" if tally and tally.last_seq else ""
        return result_of(
            "max_critic_disagreement_pct",
            f"critics that disagree in {self._window}",
            met=None if share is None else share <= most,
            found=found,
            wanted=f"≤ {most} %",
            evidence=f"critic.judged{places}",
            remedy="read where they disagree, and mend the prompt or the model behind it",
            unknown="have answers judged by two critics: critic_policy, and the critic slots of the matrix",
            window=self._window,
        )

    def policy(self, most: int) -> CriterionResult:
        opened = self.facts.policy_incidents
        count = None if opened is None else len(opened)
        places = ", ".join(f"#{seq}" for seq in (opened or ())[:3])
        return result_of(
            "max_policy_incidents",
            f"policy incidents opened in {self._window}",
            met=None if count is None else count <= most,
            found="nothing watches for incidents yet"
            if count is None
            else f"{count}{f': {places}' * bool(places)}",
            wanted=f"≤ {most}",
            evidence=f"incident.opened, {count or 0} of policy_violation",
            remedy="one in the window stays in it: find out what was denied, and wait",
            unknown="start the node, which watches: peak node start",
            window=self._window,
        )

    def quarantine(self) -> CriterionResult:
        facts = self.facts
        known = facts.models is not None and facts.quarantined is not None
        out = tuple(
            f"{one} (#{seq})" for one, seq in (facts.quarantined or {}).items() if one in (facts.models or ())
        )
        name = out[0].split(" ")[0] if out else "PROVIDER:MODEL"
        return result_of(
            "models_clear",
            "no model of the matrix in quarantine",
            met=None if not known else not out,
            found=listed_words(out, f"none of {len(facts.models or ())}", "quarantined")
            if known
            else "not known",
            wanted="none",
            evidence="model.quarantined and model.released on the ledger",
            remedy=f'find out what drifted; give it back: peak drift release {name} --reason "..."',
            unknown="mend the configs: peak lint",
            window="now",
        )

    def canaries(self, most_h: int) -> CriterionResult:
        models, seen = self.facts.models, self.facts.canaries
        never = tuple(one for one in models or () if one not in seen)
        marks = {one: seen[one] for one in models or () if one in seen}
        failed = tuple(
            f"{one} (#{mark.seq})" for one, mark in marks.items() if not (mark.ok or mark.incomplete)
        )
        partly = tuple(f"{one} (#{mark.seq})" for one, mark in marks.items() if mark.incomplete)
        old = tuple(
            f"{one} (#{mark.seq})"
            for one, mark in marks.items()
            if not 0 <= (self.now - mark.at).total_seconds() <= most_h * _HOUR_S
        )
        red = failed or old
        met: bool | None = not red if models and not never and not partly else (False if red else None)
        found = f"{len(marks)} of {len(marks)} held"
        if failed:
            found = listed_words(failed, "", "failed")
        elif old:
            found = listed_words(old, "", "too old")
        elif partly:
            found = listed_words(partly, "", "incomplete")
        elif never or not models:
            found = listed_words(never, "not known", "never checked")
        seqs = sorted(mark.seq for mark in marks.values())
        oldest = min((mark.at for mark in marks.values()), default=None)
        return result_of(
            "max_canary_age_h",
            "gold cases of every model held, and lately",
            met=met,
            found=found,
            wanted=f"every case answered and held, at most {most_h} h ago",
            evidence=f"drift.checked #{seqs[0]} to #{seqs[-1]}" if seqs else "drift.checked on the ledger",
            remedy="see what failed: peak drift status; ask again: peak shadow run --job NAME",
            unknown="ask again, with budget for every case: peak shadow run --job NAME"
            if partly
            else "write a job of kind canary for its slot: configs/shadow/jobs.toml",
            window=f"{most_h} h",
            age=self._age(oldest),
        )


def stale_words(cycles: Sequence[CycleMark]) -> str:
    """``; 3 of 12 (25.0 %) on stale data`` of cycles that were not aborted; empty where none was."""
    ended = [one for one in cycles if one.outcome != ABORTED]
    stale = sum(one.stale for one in ended)
    return f"; {stale:,} of {len(ended):,} ({100 * stale / len(ended):.1f} %) on stale data" if stale else ""


def _left(count: int) -> str:
    return f"; {count:,} of replayed history do not count" if count else ""
