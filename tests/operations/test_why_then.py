"""``peak why`` tells what stood at the moment, not what stands now; and what an event changed, by whom."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ledger_seed import NOW

from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.explaining.why import CallExplained, EventShown, RunExplained, why
from peak_console.operations.views.live_source import LiveSource
from peak_console.operations.why_moment import Then
from peak_console.policy.breaker import BreakerRules

ROOT = Path(__file__).resolve().parents[2]
RUN = "20261122_140000_k3v9qx"
MODEL = {"provider": "openai", "model_id": "gpt-5-mini"}
CALL = {"run_id": RUN, "layer": "L2", "role": "primary", **MODEL}


class Desk:
    """A workspace whose ledger keeps budgets and breakers as the node does."""

    def __init__(self, root: Path) -> None:
        shutil.copytree(ROOT / "configs", root / "configs")
        self.ws = Workspace(root)
        self.ws.ledger.parent.mkdir()
        self.clock = ManualClock(NOW)
        configs = ConfigCache(self.ws, clock=self.clock)
        self.digests = dict(configs.current().digests)
        self.writer = LedgerWriter(
            self.ws.ledger,
            clock=self.clock,
            projections=[
                Rollups(),
                Breakers(BreakerRules),
                Reservations(lambda: configs.current().budgets.limits, clock=self.clock),
            ],
        )
        self.count = 0

    def tell(self, kind: str, body: dict[str, Any], **where: Any) -> int:
        """Append one event a second later; gives its place."""
        self.clock.advance(1)
        self.count += 1
        draft = EventDraft(f"ev_{self.count}", kind, body, **where)
        (result,) = self.writer.append([(draft, "mara")])
        assert not isinstance(result, Exception), result
        return self.writer.head[0]

    def ask(self, call_id: str, cost: str | None) -> int:
        """A call with a bound of 0.5 EUR; ended at ``cost``, or left in flight."""
        body = {"hop": 1, "bound_eur": "0.500000000", "bound_tokens": 900, "asked_role": "primary"}
        body |= {"asked_layer": "L2", "posture": "DISARMED", "matrix_digest": self.digests["matrix"]}
        seq = self.tell(EventKind.CALL_REQUESTED, body, call_id=call_id, **CALL)
        if cost is not None:
            done = {"hop": 1, "cost_eur": cost, "cost_basis": "usage", "latency_us": 1, "attempts": [{}]}
            self.tell(
                EventKind.CALL_COMPLETED, done | {"usage": {"input": 5, "output": 5}}, call_id=call_id, **CALL
            )
        return seq


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Anna enables; a run asks twice; bea stops; a later run spends more."""
    desk = Desk(tmp_path / "desk")
    desk.tell(EventKind.WORKSPACE_INITIALISED, {"simulated": True, "made_by": "peak init"})
    desk.tell(EventKind.NODE_STARTED, {"session": "s1", "version": "1", "digests": desk.digests})
    enabled = {"scope": "global", "operator": "anna", "reason": "open \x1b[31mthe desk\u202e"}
    desk.tell(EventKind.CONTROL_ENABLED, enabled | {"after_event": None, "after_stop": None})
    desk.tell(EventKind.RUN_STARTED, {"purpose": "outlook", "limits": {"max_cost_eur": "2"}}, run_id=RUN)
    desk.ask("call_1", "0.250000000")
    desk.ask("call_flying", None)
    desk.ask("call_2", "0.125000000")
    stop: dict[str, Any] = {
        "scope": "global",
        "operator": "bea",
        "reason": "odd",
        "stop_id": "s",
        "ended": None,
        "steps": [],
    }
    desk.tell(EventKind.CONTROL_STOPPED, stop)
    desk.tell(EventKind.CONFIG_CHANGED, {"file": "matrix", "old": "0" * 64, "new": "1" * 64})
    desk.tell(EventKind.PHASE_CHANGED, {"from": "bootstrap", "to": "shadow", "operator": "bea"})
    yield desk
    desk.writer.close()


def then_of(desk: Desk, name: str) -> Then:
    """What stood when a call was asked."""
    found = why(desk.ws, name, clock=desk.clock)
    assert isinstance(found, CallExplained)
    assert found.then is not None
    return found.then


def test_posture_phase_node_and_matrix_are_those_of_the_moment(desk: Desk) -> None:
    """A later stop, phase and matrix say nothing of an earlier call; who had enabled is named."""
    then = then_of(desk, "call_2")
    assert (then.posture, then.phase, then.session) == ("DISARMED", "bootstrap", "s1")
    assert then.posture_by is not None
    assert (then.posture_by.operator, then.posture_by.kind) == ("anna", "control.enabled")
    assert then.matrix_digest == desk.digests["matrix"]
    assert then.matrix_by is not None
    assert then.matrix_by.kind == "node.started"
    assert then.run_purpose == "outlook"


def test_budgets_are_what_was_spent_and_reserved_before(desk: Desk) -> None:
    """The run's own limit binds; the call before is spent, the one in flight reserved, later ones unknown."""
    lines = {(one.line.scope, one.line.unit): one.line for one in then_of(desk, "call_2").budgets}
    run = lines["run", "eur"]
    assert (run.spent, run.reserved, run.limit) == (250_000_000, 500_000_000, 2_000_000_000)
    assert lines["day", "eur"].spent == 250_000_000
    first = {(one.line.scope, one.line.unit): one.line for one in then_of(desk, "call_1").budgets}
    assert (first["run", "eur"].spent, first["run", "eur"].reserved) == (0, 0)


def test_budgets_of_a_time_whose_limits_are_not_kept_are_said_to_be_unknown(desk: Desk) -> None:
    """An edited file is not taken for the limits of then."""
    desk.ws.budgets.write_text(desk.ws.budgets.read_text() + "\n# edited\n")
    then = then_of(desk, "call_1")
    assert then.budgets == ()
    assert then.problem.startswith("config version missing: budgets")


def test_the_paragraph_answers_who_chose_what_why_and_is_harmless(desk: Desk) -> None:
    """Who asked, who answered, the price, the limit, who had enabled and why; no escape survives."""
    found = why(desk.ws, "call_2", clock=desk.clock)
    document = found.as_json()
    told = " ".join(document["told"])
    for said in ("mara asked L2 primary", "openai:gpt-5-mini answered", "0.125000000", "anna had enabled"):
        assert said in told
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert document["moment"]["posture"]["by"]["operator"] == "anna"
    assert json.loads(json.dumps(document)) == document


@pytest.mark.parametrize(
    ("seq_of", "what", "before", "after"),
    [
        (EventKind.CONTROL_ENABLED, "posture", "STOPPED", "DISARMED"),
        (EventKind.CONTROL_STOPPED, "posture", "DISARMED", "STOPPED"),
        (EventKind.PHASE_CHANGED, "phase", "bootstrap", "shadow"),
        (EventKind.CONFIG_CHANGED, "matrix", "0" * 64, "1" * 64),
        (EventKind.NODE_STARTED, "node session", "", "s1"),
    ],
)
def test_an_event_says_what_it_changed(
    desk: Desk, seq_of: EventKind, what: str, before: str, after: str
) -> None:
    """Control, phase, configs and node: what stood before, and after, with its author."""
    with LedgerReader(desk.ws.ledger) as reader:
        event = reader.last(seq_of)
    assert event is not None
    found = why(desk.ws, f"#{event.seq}", clock=desk.clock)
    assert isinstance(found, EventShown)
    assert found.change is not None
    assert (what, before, after) in found.change.changed
    assert found.as_json()["by"]["seq"] == event.seq


def test_a_run_is_told_call_by_call_with_what_stood_at_its_beginning(desk: Desk) -> None:
    """One line of why for each call, its outcome, and who had enabled calls."""
    found = why(desk.ws, RUN, clock=desk.clock)
    assert isinstance(found, RunExplained)
    document = found.as_json()
    assert [one["why"].split(" ")[0] for one in document["calls"]] == ["openai:gpt-5-mini"] * 3
    assert document["line"]["outcome"] == "open"
    assert document["moment"]["posture"]["state"] == "DISARMED"


def test_a_calls_page_opens_at_once_and_the_next_reading_tells_the_moment(desk: Desk) -> None:
    """What takes a fold of the past is not waited for, and is told from then on, also while events come."""
    source = LiveSource(desk.ws, clock=desk.clock)
    first = source.call("call_2")
    assert first.moment_due
    assert "asked L2 primary" in first.told[0]
    assert not any("posture" in one for one in first.told)
    second = source.call("call_2")
    assert not second.moment_due
    assert any("The posture was DISARMED" in one for one in second.told)
    desk.ask("call_3", None)
    assert source.call("call_2").told == second.told
    source.call("call_1")
    again = source.call("call_2")
    assert (again.told, again.moment_due) == (second.told, False)
    source.close()


def test_a_matrix_saved_in_the_workbench_names_who_saved_it_and_why(desk: Desk) -> None:
    """What put it there is the operator's save, not the node that saw it; its keys are told one by one."""
    keys = [{"key": "L2.primary.model_id", "old": '"a"', "new": '"b"'}]
    body = {"path": "m.toml", "kind": "matrix", "old": "1" * 64, "new": "2" * 64, "diff": "-a", "keys": keys}
    seq = desk.tell(EventKind.MATRIX_CHANGED, {**body, "operator": "anna", "reason": "near its end"})
    desk.tell(EventKind.CONFIG_CHANGED, {"path": "p", "kind": "prices", "old": "3" * 64, "new": "4" * 64})
    seen = desk.tell(EventKind.CONFIG_CHANGED, {"file": "matrix", "old": "1" * 64, "new": "2" * 64})
    shown = why(desk.ws, f"#{seq}", clock=desk.clock)
    assert isinstance(shown, EventShown)
    assert shown.change is not None
    assert shown.change.changed == (("m.toml", "1" * 64, "2" * 64), ("L2.primary.model_id", '"a"', '"b"'))
    assert "diff" not in dict(shown.change.told)
    shown = why(desk.ws, f"#{seen}", clock=desk.clock)
    assert isinstance(shown, EventShown)
    assert shown.change is not None
    after = shown.change.standing
    assert after.matrix_digest == "2" * 64
    assert after.matrix_by is not None
    assert (after.matrix_by.operator, after.matrix_by.reason, after.matrix_by.seq) == (
        "anna",
        "near its end",
        seq,
    )
    outside = desk.tell(EventKind.CONFIG_CHANGED, {"file": "matrix", "old": "2" * 64, "new": "3" * 64})
    back = desk.tell(EventKind.CONFIG_CHANGED, {"file": "matrix", "old": "3" * 64, "new": "2" * 64})
    for one in (outside, back):
        shown = why(desk.ws, f"#{one}", clock=desk.clock)
        assert isinstance(shown, EventShown)
        assert shown.change is not None
        assert shown.change.standing.matrix_by is not None
        assert shown.change.standing.matrix_by.seq == one
