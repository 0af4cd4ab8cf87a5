"""An output that holds what its layer's scope forbids fails, whatever a model says, and without one too."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from peak_console.config.configs import Configs
from peak_console.config.scopes import ScopeFile, ScopeLibrary
from peak_console.critic.service import Critic
from peak_console.domain.calls import CallResult, ToolCall
from peak_console.domain.verdict import FindingCategory, Verdict
from peak_console.domain.vocabulary import PhaseLevel

PASS = json.dumps({"verdict": "PASS", "findings": []})
ORDER = json.dumps({"symbol": "EURUSD", "side": "buy", "qty": 1})
L4_PRO = {
    "layer": "L4",
    "provider": "openai",
    "model_id": "gpt-5.2-pro",
    "served_model": "gpt-5.2-pro-2025-12-11",
}
ADVICE = {"layer": "L3", "provider": "openai", "model_id": "gpt-5.2", "served_model": "gpt-5.2"}

Configured = Callable[..., Configs]
Resulting = Callable[..., CallResult]


@pytest.fixture
def scoped(make_configs: Configured) -> Configs:
    """Configs whose L2 and L3 may not give order parameters, and whose L3 may not toggle anything live."""
    found = {
        name: ScopeFile.model_validate(
            {
                "scope": {"layer_id": name, "autonomy_level": "PROP"},
                "outputs": {"forbidden": ["OrderParameters"]},
                "constraints": {"no_live_toggle": True},
            }
        )
        for name in ("L2", "L3")
    }
    return replace(make_configs(), scopes=ScopeLibrary.of(found, {name: (name, "0" * 64) for name in found}))


async def test_a_forbidden_output_fails_whatever_the_judge_says(
    scoped: Configs, make_result: Resulting, road: Any, ledger: Any
) -> None:
    """The judge says PASS; the verdict is FAIL, with a finding of category scope, and so it is recorded."""
    judged = make_result(f"The plan:\n\n{ORDER}", **ADVICE)
    way = road(make_result(PASS, **L4_PRO))
    review = await Critic(way, ledger, scoped, PhaseLevel.RESEARCH).review(judged, task="Advise.")
    assert review.verdict is Verdict.FAIL
    (report,) = review.reports
    assert [one.category for one in report.findings] == [FindingCategory.SCOPE]
    assert report.reason == "forbidden_output"
    body = ledger.batches[0][-1].body
    assert (body["verdict"], body["reason"], body["judge_layer"]) == ("FAIL", "forbidden_output", "L4")
    assert "OrderParameters" in way.asked[0].messages[1].content


async def test_where_nobody_has_to_judge_it_fails_all_the_same(
    scoped: Configs, make_result: Resulting, road: Any, ledger: Any
) -> None:
    """L2's critic is asked on escalation only: the verdict is recorded without any model."""
    way = road()
    review = await Critic(way, ledger, scoped, PhaseLevel.RESEARCH).review(
        make_result(ORDER), task="Outlook."
    )
    assert review.verdict is Verdict.FAIL
    assert way.asked == []
    (draft,) = ledger.batches[0]
    assert (draft.body["judge_layer"], draft.call_id, draft.model_id) == ("scope", None, None)


async def test_plain_work_is_not_judged_more_than_before(
    scoped: Configs, make_result: Resulting, road: Any, ledger: Any
) -> None:
    """An output that holds nothing forbidden leaves no verdict where nobody has to give one."""
    review = await Critic(road(), ledger, scoped, PhaseLevel.RESEARCH).review(make_result(), task="Outlook.")
    assert (review.verdict, ledger.batches) == (None, [])


async def test_what_goes_to_tools_is_judged_as_well(
    scoped: Configs, make_result: Resulting, road: Any, ledger: Any
) -> None:
    """Arguments of a tool call are part of the output; a constraint forbids as a list does."""
    calls = (ToolCall(id="1", name="note", arguments={"live_trading": True}),)
    review = await Critic(road(), ledger, scoped, PhaseLevel.RESEARCH).review(
        make_result("", tool_calls=calls), task="Outlook."
    )
    assert review.verdict is Verdict.FAIL
    assert "LiveToggle" in review.reports[0].detail


async def test_a_field_left_empty_puts_an_output_before_its_critic(
    scoped: Configs, make_result: Resulting, road: Any, ledger: Any
) -> None:
    """What the scope wanted on record and the answer did not tell escalates to the layer's critic."""
    answer = make_result(PASS, layer="L2", role="critic", model_id="gpt-5.2", served_model="gpt-5.2")
    way = road(answer)
    judged = make_result(extra={"log_missing": ("request_id",)})
    review = await Critic(way, ledger, scoped, PhaseLevel.RESEARCH).review(judged, task="Outlook.")
    assert len(way.asked) == 1
    assert review.verdict is Verdict.PASS
