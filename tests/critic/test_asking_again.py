import json
from collections.abc import Callable
from typing import Any

import pytest

from peak_console.config.configs import Configs
from peak_console.critic.parse import ReportReason
from peak_console.critic.service import Critic
from peak_console.critic.slots import POLICY_CRITIC
from peak_console.domain.calls import CallResult, Finish
from peak_console.domain.errors import BudgetExceeded, CallFailed, ControlRefused, PeakError
from peak_console.domain.verdict import Verdict
from peak_console.domain.vocabulary import PhaseLevel

PASS = json.dumps({"verdict": "PASS", "findings": []})
FAIL = json.dumps({"verdict": "FAIL", "findings": []})
JUDGE = {"layer": "L4", "model_id": "gpt-5.2-pro", "served_model": "gpt-5.2-pro"}
ADVICE = {"layer": "L3", "model_id": "gpt-5.2", "served_model": "gpt-5.2"}

Configured = Callable[..., Configs]
Resulting = Callable[..., CallResult]


@pytest.mark.parametrize(("second", "verdict"), [(PASS, Verdict.PASS), (FAIL, Verdict.FAIL)])
async def test_what_cannot_be_read_is_asked_again_once(
    *, make_configs: Configured, make_result: Resulting, road: Any, ledger: Any, second: str, verdict: Verdict
) -> None:
    """The second answer counts, and the record names the call of the first and why it could not be read."""
    first, answer = make_result("Looks fine to me: PASS", **JUDGE), make_result(second, **JUDGE)
    way = road(first, answer)
    critic = Critic(way, ledger, make_configs(), PhaseLevel.RESEARCH)
    report = await critic.judge(make_result(**ADVICE), POLICY_CRITIC, task="t")
    assert (report.verdict, report.malformed, report.call_id) == (verdict, False, answer.call_id)
    (event,) = ledger.batches[0]
    assert event.call_id == answer.call_id
    retry = event.body["retry"]
    assert (retry["call_id"], retry["reason"]) == (first.call_id, "not_json")
    assert [one.purpose for one in way.asked] == ["judge L3", "judge L3, again"]
    asked, again = (one.messages[-1].content for one in way.asked)
    assert again.startswith(asked)
    assert "not_json" in again
    assert "Looks fine" not in again, "what a judge said is never put before it as ours"


async def test_a_second_answer_that_cannot_be_read_fails(
    make_configs: Configured, make_result: Resulting, road: Any, ledger: Any
) -> None:
    """A judge is asked twice at most."""
    way = road(make_result("", **JUDGE), make_result(PASS, **JUDGE, finish=Finish.LENGTH), PASS)
    critic = Critic(way, ledger, make_configs(), PhaseLevel.RESEARCH)
    report = await critic.judge(make_result(**ADVICE), POLICY_CRITIC, task="t")
    assert (report.verdict, report.malformed, report.reason) == (Verdict.FAIL, True, ReportReason.UNFINISHED)
    assert report.retry["reason"] == "missing"
    assert len(way.asked) == 2


@pytest.mark.parametrize(
    "error",
    [
        BudgetExceeded("the run has no room", code="budget_exceeded"),
        CallFailed("no answer", code="exhausted", call_id="call_x"),
    ],
)
async def test_no_budget_for_a_second_asking_leaves_the_first(
    *, make_configs: Configured, make_result: Resulting, road: Any, ledger: Any, error: PeakError
) -> None:
    """Each asking is admitted by budgets; where the second is not, the unreadable first is a FAIL."""
    first = make_result("prose", **JUDGE)
    critic = Critic(road(first, error), ledger, make_configs(), PhaseLevel.RESEARCH)
    report = await critic.judge(make_result(**ADVICE), POLICY_CRITIC, task="t")
    assert (report.verdict, report.reason, report.call_id) == (
        Verdict.FAIL,
        ReportReason.NOT_JSON,
        first.call_id,
    )
    assert report.retry == {
        "call_id": error.details.get("call_id"),
        "reason": "unanswered",
        "detail": f"{error.code}: {error.message}",
    }


async def test_a_judge_that_gave_no_answer_is_not_asked_again(
    make_configs: Configured, make_result: Resulting, road: Any, ledger: Any
) -> None:
    """The road has tried all it may; only an answer that cannot be read is worth another asking."""
    way = road(CallFailed("no answer", code="exhausted"))
    critic = Critic(way, ledger, make_configs(), PhaseLevel.RESEARCH)
    report = await critic.judge(make_result(**ADVICE), POLICY_CRITIC, task="t")
    assert (report.reason, report.retry, len(way.asked)) == (ReportReason.UNANSWERED, {}, 1)


async def test_a_stop_between_two_askings_judges_nothing(
    make_configs: Configured, make_result: Resulting, road: Any, ledger: Any
) -> None:
    """The refusal goes up; nothing is recorded as judged."""
    way = road(make_result("prose", **JUDGE), ControlRefused("stopped", code="posture"))
    with pytest.raises(ControlRefused):
        await Critic(way, ledger, make_configs(), PhaseLevel.RESEARCH).review(make_result(**ADVICE), task="t")
    assert not ledger.batches


async def test_a_degraded_stand_in_that_is_asked_again_cannot_pass(
    make_configs: Configured, make_result: Resulting, road: Any, ledger: Any
) -> None:
    """The cap is on whoever gave the answer that counts."""
    stand_in = JUDGE | {"provider": "google", "model_id": "gemini-2.5-flash", "degraded": True}
    critic = Critic(
        road(make_result("prose", **JUDGE), make_result(PASS, **stand_in)),
        ledger,
        make_configs(),
        PhaseLevel.RESEARCH,
    )
    report = await critic.judge(make_result(**ADVICE), POLICY_CRITIC, task="t")
    assert (report.verdict, report.reason) == (Verdict.REVIEW, ReportReason.CAPPED_DEGRADED)
    assert (report.said, report.retry["reason"]) == (Verdict.PASS, "not_json")
