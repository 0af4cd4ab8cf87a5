"""``peak why``: what is read from a ledger about a call, a run, an event, and what is said of unknown ids."""

import json
import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ledger_seed import NOW

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock, iso
from peak_console.domain.errors import LedgerUnavailable, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.explaining.why import CallExplained, EventShown, NotOnLedger, RunExplained, why
from peak_console.operations.explaining.why_json import outcome_of

ROOT = Path(__file__).resolve().parents[2]
RUN = "20261122_140000_k3v9qx"
CLOCK = ManualClock(NOW)
PRIMARY = {"provider": "openai", "model_id": "gpt-5-mini", "role": "primary"}
SECOND = {"provider": "google", "model_id": "gemini-2.5-flash", "role": "fallback"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """The shipped configs in a folder of their own."""
    shutil.copytree(ROOT / "configs", tmp_path / "desk" / "configs")
    return Workspace(tmp_path / "desk")


class Story:
    """Writes a call's events one after the other, as the road does."""

    def __init__(self, ws: Workspace) -> None:
        ws.ledger.parent.mkdir(parents=True, exist_ok=True)
        self.clock = ManualClock(NOW - timedelta(minutes=5))
        self._writer = LedgerWriter(ws.ledger, clock=self.clock, projections=[Rollups()])
        self._count = 0
        self.tell(EventKind.WORKSPACE_INITIALISED, {"simulated": True}, call_id=None, run_id=None)

    def tell(self, kind: EventKind, body: Mapping[str, Any], **where: Any) -> int:
        """Append one event; gives its place."""
        self._count += 1
        header = {"run_id": RUN, "call_id": "call_1", "layer": "L2", **where}
        draft = EventDraft(f"ev_{self._count}", kind, body, **header)
        (result,) = self._writer.append([(draft, "mara agent:outlook")])
        assert not isinstance(result, Exception), result
        return self._count

    def requested(self, hop: int, who: Mapping[str, str], **more: Any) -> int:
        """A hop begins."""
        body = {
            "hop": hop,
            "asked_layer": "L2",
            "asked_role": "primary",
            "matrix_digest": "4be1" * 16,
            "bound_eur": "0.081000000",
            "bound_tokens": 900,
            "route": route(),
            "request_hash": "77ab" * 16,
            "posture": "DISARMED",
            "phase": "research",
            **more,
        }
        return self.tell(EventKind.CALL_REQUESTED, body, **who)

    def failed(self, hop: int, who: Mapping[str, str], reason: str, **more: Any) -> int:
        """A hop fails."""
        attempts = [{"number": 1, "reason": reason, "status": None, "latency_us": 30_000_000, "waited_ms": 0}]
        body = {"hop": hop, "reason": reason, "outcome": "next_candidate", "cost_eur": "0.081000000"}
        body |= {"cost_basis": "worst_case", "latency_us": 30_000_000, "attempts": attempts, "then": "next"}
        return self.tell(EventKind.CALL_FAILED, {**body, **more}, **who)

    def completed(self, hop: int, who: Mapping[str, str], **more: Any) -> int:
        """A hop answers."""
        attempts = [
            {"number": 1, "reason": "rate_limited", "status": 429, "latency_us": 9000, "waited_ms": 0},
            {"number": 2, "reason": "ok", "status": 200, "latency_us": 1_200_000, "waited_ms": 1000},
        ]
        body = {
            "hop": hop,
            "outcome": "ok",
            "served_model": "gemini-2.5-flash-001",
            "unechoed": False,
            "fingerprint": "fp_9",
            "finish": "stop",
            "usage": {"input": 2104, "cached": 0, "cache_write": 0, "output": 611, "reasoning": 0},
            "cost_eur": "0.031482500",
            "cost_basis": "usage",
            "latency_us": 2_300_000,
            "attempts": attempts,
            "fallback": True,
        }
        return self.tell(EventKind.CALL_COMPLETED, {**body, **more}, **who)

    def close(self) -> None:
        """Let go of the ledger."""
        self._writer.close()


def route() -> list[dict[str, Any]]:
    """Two candidates, the first refused by its breaker."""
    return [
        {
            **PRIMARY,
            "position": 0,
            "admitted": False,
            "reason": "breaker_open",
            "detail": "it failed too often lately",
            "breaker": "open until 2026-11-22T14:03:00Z",
            "input_usd_per_mtok": "0.25",
            "output_usd_per_mtok": "2",
            "verified": "no_lock",
        },
        {
            **SECOND,
            "position": 1,
            "admitted": True,
            "reason": "admitted",
            "bound_eur": "0.094200000",
            "price_source": "genai-prices",
            "input_usd_per_mtok": "0.3",
            "output_usd_per_mtok": "2.5",
            "lifecycle": "shutdown 2026-12-01",
            "breaker": "closed",
            "verified": "no_lock",
        },
    ]


@pytest.fixture
def told(workspace: Workspace) -> Workspace:
    """A run whose one call fell back, was warned about, denied once, and judged."""
    story = Story(workspace)
    story.tell(EventKind.RUN_STARTED, {"purpose": "outlook"}, call_id=None)
    story.requested(1, PRIMARY)
    figures = {"limit": "15.000000000", "spent": "12.000000000", "reserved": "1.000000000", "asked": "0"}
    story.tell(EventKind.BUDGET_WARNED, {"scope": "layer_day", "key": "k", "unit": "eur", **figures})
    story.failed(1, PRIMARY, "timeout")
    denied = {"rule": "forbidden_echo", "field": "model", "subject": "x", "where": "echo"}
    story.tell(EventKind.POLICY_DENIED, denied, **PRIMARY)
    taken = {"from": PRIMARY, "to": SECOND, "reason": "timeout", "hop": 2}
    story.tell(EventKind.FALLBACK_TAKEN, taken, **SECOND)
    story.requested(2, SECOND)
    story.completed(2, SECOND)
    verdict = {"verdict": "REVIEW", "judged_call_id": "call_1", "judge_layer": "L4", "findings": []}
    story.tell(EventKind.CRITIC_JUDGED, verdict, call_id="call_critic")
    story.tell(EventKind.RUN_FINISHED, {"outcome": "ok"}, call_id=None)
    story.close()
    return workspace


def explained(ws: Workspace, name: str) -> CallExplained:
    """What is said of a call."""
    found = why(ws, name, clock=CLOCK)
    assert isinstance(found, CallExplained)
    return found


def test_a_call_was_asked_when_it_was_first_requested(workspace: Workspace) -> None:
    """Not when a later hop was, and not when it ended."""
    story = Story(workspace)
    asked_at = story.clock.now()
    story.requested(1, PRIMARY)
    story.clock.advance(30)
    story.failed(1, PRIMARY, "timeout")
    story.requested(2, SECOND)
    story.clock.advance(2)
    story.completed(2, SECOND)
    story.close()
    document = explained(workspace, "call_1").as_json()
    assert document["asked_at"] == iso(asked_at)
    assert document["hops"][-1]["at"] == iso(asked_at + timedelta(seconds=32))


def test_a_call_is_explained_from_slot_to_answer(told: Workspace) -> None:
    """Slot, matrix, each candidate with its figures, each hop, and what was said of budget and policy."""
    document = explained(told, "call_1").as_json()
    assert document["selected_by"] == {"matrix_digest": "4be1" * 16, "slot": "L2.primary"}
    first, second = document["route"]
    assert (first["admitted"], first["reason"], first["input_usd_per_mtok"]) == (
        False,
        "breaker_open",
        "0.25",
    )
    assert first["breaker"].startswith("open until")
    assert second["bound_eur"] == "0.094200000"
    assert (second["lifecycle"], second["verified"]) == ("shutdown 2026-12-01", "no_lock")
    assert [hop["outcome"] for hop in document["hops"]] == ["failed", "ok"]
    assert [one["waited_ms"] for one in document["hops"][1]["attempts"]] == [0, 1000]
    assert document["hops"][1]["served_model"] == "gemini-2.5-flash-001"
    assert document["cost_eur"] == "0.112482500"
    assert document["fallbacks"] == ["openai gpt-5-mini → google gemini-2.5-flash: timeout"]
    assert document["denials"][0]["rule"] == "forbidden_echo"
    assert document["judgements"][0]["verdict"] == "REVIEW"
    assert json.loads(json.dumps(document)) == document


def test_budget_left_is_told_as_it_was_then_and_as_it_is_now(told: Workspace) -> None:
    """What an event said stands apart from what the counters say now; neither is taken for the other."""
    budget = explained(told, "call_1").as_json()["budget"]
    assert budget["then"][0]["left"] == "2.000000000"
    assert budget["now_at"] == iso(NOW)
    assert budget["now"], "the shipped budgets bind L2"
    lefts = [float(one["left_eur"]) for one in budget["now"]]
    assert lefts == sorted(lefts)


def test_the_chain_around_a_call_is_recomputed(told: Workspace) -> None:
    """Every event of the call stands with its place and hash, and holds."""
    chain = explained(told, "call_1").as_json()["chain"]
    assert chain[0]["kind"] == "llm.call.requested"
    assert all(one["header_holds"] and one["body_holds"] and one["link_holds"] for one in chain)


@pytest.mark.parametrize("name", ["ev_3", "#3", "3", " call_1 "])
def test_an_event_leads_to_its_call(told: Workspace, name: str) -> None:
    """By its id, by its place with and without the sign."""
    assert explained(told, name).call.call_id == "call_1"


def test_last_passes_over_the_calls_of_critics(told: Workspace) -> None:
    """The newest call that judged nobody; a critic's own says whom it judged, and what limits its word."""
    newest = why(told, "last")
    assert isinstance(newest, CallExplained)
    assert newest.call.call_id == "call_1"
    story = Workspace(told.root.parent / "critics")
    told_by = Story(story)
    told_by.requested(1, PRIMARY, asked_role="critic")
    told_by.completed(1, PRIMARY)
    verdict = {"verdict": "REVIEW", "judged_call_id": "call_0", "degraded": True, "capped": True}
    told_by.tell(EventKind.CRITIC_JUDGED, verdict, **PRIMARY)
    told_by.close()
    alone = why(story, "last")
    assert isinstance(alone, CallExplained)
    said = " ".join(alone.as_json()["told"])
    assert "It judged call_0; the verdict was REVIEW (a stand-in judged" in said
    assert "a pass was lowered to REVIEW" in said
    assert "The critic" not in said


def test_a_verdict_leads_to_what_was_judged(told: Workspace) -> None:
    """A critic's word is under its own call, and explained by the call it judges."""
    found = explained(told, "ev_10")
    assert found.event is not None
    assert found.event.kind == "critic.judged"
    assert found.call.call_id == "call_1"


@pytest.mark.parametrize("name", [RUN, "ev_2"])
def test_a_run_is_its_calls_and_their_sums(told: Workspace, name: str) -> None:
    """By its id, and by an event of it that belongs to no call."""
    found = why(told, name, clock=CLOCK)
    assert isinstance(found, RunExplained)
    document = found.as_json()
    assert [call["call_id"] for call in document["calls"]] == ["call_1"]
    assert document["totals"]["cost_eur"] == "0.112482500"
    assert (document["totals"]["hops"], document["totals"]["fallbacks"]) == (2, 1)
    assert document["finished"]["kind"] == "run.finished"


def test_an_event_of_nobody_is_shown_as_it_stands(told: Workspace) -> None:
    """No call and no run: no model was selected for it."""
    found = why(told, "#1", clock=CLOCK)
    assert isinstance(found, EventShown)
    assert found.as_json()["event"]["kind"] == "workspace.initialised"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("call_none", "no call call_none"),
        ("ev_none", "no event ev_none"),
        ("#99", "the ledger ends at #11"),
        ("20261122_140000_zzzzzz", "no run 20261122_140000_zzzzzz"),
        ("\x1b]52;c;x\x07", "no event, call or run"),
    ],
)
def test_an_unknown_id_is_an_error_with_a_way_on(told: Workspace, name: str, said: str) -> None:
    """What kind of id it looks like, and where ids are listed; nothing of it reaches a terminal raw."""
    with pytest.raises(NotOnLedger) as caught:
        why(told, name, clock=CLOCK)
    assert said in caught.value.message
    assert "peak ledger tail" in caught.value.remedy
    assert "\x1b" not in caught.value.message
    assert caught.value.exit_code == 1


def test_an_empty_name_and_a_missing_ledger_are_told(workspace: Workspace) -> None:
    """Wrong usage is not an unknown id, and no ledger is neither."""
    with pytest.raises(LedgerUnavailable):
        why(workspace, "call_1", clock=CLOCK)
    with pytest.raises(UsageWrong):
        why(workspace, "  ", clock=CLOCK)


def test_broken_configs_do_not_hide_the_past(told: Workspace) -> None:
    """The explanation stands without what the budgets are now."""
    told.matrix.write_text("[L0\nnot toml", encoding="utf-8")
    document = explained(told, "call_1").as_json()
    assert document["budget"]["now"] == []
    assert document["outcome"] == "ok"


def test_a_call_refused_by_a_breaker_goes_on_when_it_is_asked_again(workspace: Workspace) -> None:
    """A later request of the same call is its next hop, and decides how the call ended."""
    story = Story(workspace)
    refusal = {"hop": 1, "asked_role": "primary", "reason": "breaker_open", "route": route()}
    story.tell(EventKind.CALL_REFUSED, {**refusal, "details": {"until_us": 1_795_356_180_000_000}}, **PRIMARY)
    story.requested(1, SECOND)
    open_ = explained(workspace, "call_1")
    assert outcome_of(open_.call) == "open"
    story.completed(1, SECOND)
    story.close()
    found = explained(workspace, "call_1")
    assert [hop.line.outcome for hop in found.call.hops] == ["refused", "ok"]
    assert found.call.hops[0].retry_at is not None
    assert found.as_json()["hops"][0]["retry_at"] == "2026-11-22T14:03:00.000000Z"
    assert outcome_of(found.call) == "ok"


def test_background_work_is_pending_until_its_end_and_settled_afterwards(workspace: Workspace) -> None:
    """Accepted without an end it is pending; a late answer replaces a loss; a settlement lowers the cost."""
    story = Story(workspace)
    story.requested(1, PRIMARY, background=True)
    accepted = {
        "hop": 1,
        "response_id": "resp_1",
        "status": "queued",
        "base_url": "https://api.openai.com/v1",
        "endpoint": "responses",
        "asked_role": "primary",
        "request_hash": "77ab" * 16,
        "expires_at": iso(NOW),
        "simulated": False,
    }
    story.tell(EventKind.CALL_ACCEPTED, accepted, **PRIMARY)
    (pending,) = explained(workspace, "call_1").call.hops
    assert pending.line.pending
    assert pending.acceptance is not None
    assert pending.acceptance.response_id == "resp_1"
    story.failed(1, PRIMARY, "background_lost", then="stop")
    (lost,) = explained(workspace, "call_1").call.hops
    assert (lost.line.outcome, lost.line.pending, lost.line.background) == ("failed", False, True)
    settled = {"hop": 1, "cost_eur": "0.010000000", "was_eur": "0.081000000", "reason": "invoice 7"}
    story.tell(EventKind.BUDGET_SETTLED, {**settled, "operator": "mara"})
    story.close()
    (hop,) = explained(workspace, "call_1").as_json()["hops"]
    assert hop["cost_eur"] == "0.010000000"
    assert (hop["settled"]["was_eur"], hop["settled"]["operator"]) == ("0.081000000", "mara")


def test_a_repair_is_a_hop_of_the_same_candidate(workspace: Workspace) -> None:
    """A streamed hop tells its first token, a repair that it is one, a dropped parameter its name."""
    story = Story(workspace)
    story.requested(1, PRIMARY, dropped=["temperature"])
    story.failed(1, PRIMARY, "malformed", cost_basis="usage")
    story.requested(2, PRIMARY, repair=True)
    story.completed(2, PRIMARY, streamed=True, ttft_us=412_000, fallback=False)
    story.close()
    first, second = explained(workspace, "call_1").as_json()["hops"]
    assert first["dropped"] == ["temperature"]
    assert (second["repair"], second["streamed"], second["ttft_ms"]) == (True, True, 412.0)
