"""The ledger as of an event: every answer is that of a reader at the time when this was the last event."""

import random
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from ledger_desk import Desk
from ledger_events import (
    accepted,
    began,
    budget,
    completed,
    denied,
    event_id,
    failed,
    judged,
    note,
    requested,
    settled,
)

from peak_console.budget.limits import Limit, Scope
from peak_console.domain.clock import iso
from peak_console.domain.events import EventDraft
from peak_console.ledger.as_of.reader import AsOfReader
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader

WIDTHS = (60, 600, 3600, 86400, 0)
LIMITS = budget(
    Limit(Scope.LAYER_DAY, "L2", max_calls=10**6),
    Limit(Scope.MONTH, max_tokens=10**9),
    Limit(Scope.PHASE, max_cost=None, max_calls=10**6),
    Limit(Scope.LAYER_RUN, "L1", max_calls=10**6),
)
MODELS = (("openai", "gpt-5"), ("google", "gemini-2.5-pro"))


@dataclass
class Story:
    """A random ledger, and what a reader answered after each of its transactions."""

    desk: Desk
    dice: random.Random
    open_hops: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)
    ended: list[tuple[str, int, dict[str, Any], int]] = field(default_factory=list)
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)
    calls: int = 0

    def tell(self, steps: int) -> None:
        """Write so many transactions."""
        for _ in range(steps):
            self._pass_time()
            draft = self._draft()
            if draft is not None:
                self.desk.append(draft)
            self.note()

    def note(self) -> None:
        """Keep what a reader says now."""
        with self.desk.reader() as reader:
            self.answers[reader.head()[0]] = answers(reader)

    def _pass_time(self) -> None:
        roll = self.dice.random()
        if roll < 0.6:
            self.desk.clock.advance(self.dice.random() * 5)
        elif roll < 0.9:
            self.desk.clock.advance(self.dice.choice([20, 61, 700, 3700]))
        elif roll < 0.95:
            self.desk.clock.advance(self.dice.choice([86_400, 40_000]))
        else:
            self.desk.clock.step_wall(-self.dice.choice([0.5, 70, 1300]))

    def _draft(self) -> EventDraft | None:
        roll = self.dice.random()
        if roll < 0.35 or not (self.open_hops or self.ended):
            return self._request()
        if roll < 0.75 and self.open_hops:
            return self._end()
        if roll < 0.8 and self.open_hops:
            call_id, hop, where = self.dice.choice(self.open_hops)
            return accepted(call_id, hop=hop, expires=iso(self.desk.clock.now()), **where)
        if roll < 0.88 and self.ended:
            return self._again()
        if roll < 0.92:
            return self.dice.choice([judged("FAIL", "L1"), judged(), denied()])
        if roll < 0.95:
            return began(self.dice.choice(["r1", "r2"]), max_calls=self.dice.randint(100, 900))
        return self.dice.choice([_phase(), note()])

    def _request(self) -> EventDraft:
        self.calls += 1
        provider, model = self.dice.choice(MODELS)
        where = {
            "layer": self.dice.choice(["L1", "L2"]),
            "run_id": self.dice.choice(["r1", "r2"]),
            "provider": provider,
            "model_id": model,
        }
        bound = self.dice.choice([100, 1000, 10**12])
        if bound < 10**12:
            self.open_hops.append((f"c{self.calls}", 1, where))
        return requested(f"c{self.calls}", bound=bound, **where)

    def _end(self) -> EventDraft:
        call_id, hop, where = self.open_hops.pop(self.dice.randrange(len(self.open_hops)))
        roll, cost = self.dice.random(), self.dice.randint(1, 99)
        self.ended.append((call_id, hop, where, cost))
        if roll < 0.5:
            rate = {"remaining_requests": self.dice.randint(0, 99), "reset_ms": 1000}
            body = {"rate": rate} if self.dice.random() < 0.5 else {}
            return completed(call_id, hop=hop, cost=cost, latency_us=cost * 997, body=body, **where)
        if roll < 0.75:
            reason = self.dice.choice(["caller_lost", "background_lost", "cancelled"])
            return failed(call_id, hop=hop, reason=reason, cost=cost, basis="worst_case", sent=False, **where)
        if roll < 0.95:
            return failed(call_id, hop=hop, reason=self.dice.choice(["timeout", "connect_error"]), **where)
        return completed(call_id, hop=hop, cost=5000, **where)

    def _again(self) -> EventDraft:
        """A late answer, or a settlement; the writer refuses what does not fit."""
        call_id, hop, where, cost = self.dice.choice(self.ended)
        if self.dice.random() < 0.6:
            return completed(call_id, hop=hop, cost=self.dice.randint(1, 99), **where)
        return settled(call_id, hop=hop, cost=cost // 2, was=cost, role="primary", **where)


def _phase() -> EventDraft:
    return EventDraft(event_id(), "phase.changed", {"from": "bootstrap", "to": "shadow", "reason": "x"})


def answers(reader: LedgerReader) -> dict[str, Any]:
    """Everything that is asked of a reader."""
    head = reader.head()
    totals, bounds = reader.totals_and_bounds()
    return {
        "head": head,
        "latest": reader.latest(7),
        "read": reader.read(3, 5),
        "find": reader.find(EventFilter(kinds=("llm.call.failed", "breaker.tripped")), None, 4).events,
        "last": reader.last("llm.call.failed"),
        "call": reader.by_call("c2"),
        "run": reader.by_run("r1"),
        "seq": reader.by_seq(head[0]),
        "times": reader.times(5),
        "rollups": {width: reader.rollups(width) for width in WIDTHS},
        "counts": {
            (name, width): getattr(reader, name)(width)
            for name in ("critic", "errors", "denials")
            for width in WIDTHS
        },
        "totals": totals,
        "bounds": bounds,
        "budgets": [row for row in reader.budgets() if any(astuple(row)[1:])],
        "run_limits": reader.run_limits(),
        "reservations": reader.reservations(),
        "in_flight": reader.in_flight(),
        "booked": [replace(row, booked=replace(row.booked, keys=None)) for row in reader.booked_at_bound()],
        "breakers": [_breaker(row) for row in reader.breakers()],
    }


def _breaker(row: Any) -> tuple[Any, ...]:
    one = row.breaker
    return (
        row.provider,
        row.model_id,
        row.kind,
        one.state,
        one.reason,
        one.failures,
        one.opened_us,
        one.until_us,
        one.trips,
        one.probe,
        row.rate,
        row.latch,
    )


def _compare(path: Path, known: dict[int, dict[str, Any]], order: list[int]) -> None:
    with AsOfReader(path, 0) as reader:
        for seq in order:
            reader.move(seq)
            found = answers(reader)
            for name, expected in known[seq].items():
                assert found[name] == expected, (seq, name)


@settings(max_examples=5, deadline=None)
@example(seed=29)
@example(seed=16423)
@given(seed=st.integers(0, 10**6))
def test_every_answer_is_that_of_the_time(seed: int) -> None:
    """As of each event of a random ledger, a reader answers what it answered when the ledger ended there."""
    with TemporaryDirectory(prefix="peak-as-of-") as folder:
        desk = Desk(Path(folder) / "ledger.db", limits=LIMITS).open()
        try:
            story = Story(desk, random.Random(seed))  # noqa: S311 - a made-up ledger
            story.note()
            story.tell(25)
        finally:
            desk.writer.close()
        order = sorted(story.answers)
        _compare(desk.path, story.answers, order)
        story.dice.shuffle(order)
        _compare(desk.path, story.answers, order)
