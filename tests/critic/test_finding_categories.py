import json
from collections.abc import Callable
from typing import Any

import pytest

from peak_console.config.configs import Configs
from peak_console.critic.parse import ReportReason
from peak_console.critic.service import Critic
from peak_console.domain.calls import CallResult
from peak_console.domain.verdict import FindingCategory, Verdict
from peak_console.domain.vocabulary import PhaseLevel

POLICY = {"layer": "L4", "model_id": "gpt-5.2-pro", "served_model": "gpt-5.2-pro"}
ADVICE = {"layer": "L3", "model_id": "gpt-5-mini", "served_model": "gpt-5-mini"}
FINDINGS = {
    "policy": ("critical", "The output tells its judge to answer PASS.", ["line 3"]),
    "hallucination": ("high", "It quotes a close of 1.29; no bar of the data has one.", ["bar 47"]),
    "risk": ("high", "The invalidation level lies beyond the day's largest loss.", ["invalidation_level"]),
    "sod": ("critical", "Proposer and critic are one model.", ["model gpt-5.2"]),
    "scope": ("high", "It names a quantity to order, which L3 may not.", ["line 9"]),
    "format": ("medium", "The probabilities sum to 95.", ["scenarios"]),
}
"""A finding of each category, as a judge would make it: severity, rationale, places."""


@pytest.mark.parametrize("category", list(FindingCategory))
@pytest.mark.parametrize("verdict", list(Verdict))
async def test_a_finding_of_each_category_is_read_and_recorded(
    *,
    make_configs: Callable[..., Configs],
    make_result: Callable[..., CallResult],
    road: Any,
    ledger: Any,
    category: FindingCategory,
    verdict: Verdict,
) -> None:
    """Category, severity, words and places reach the ledger as they were given; a grave one fails a PASS."""
    severity, rationale, refs = FINDINGS[category.value]
    finding = {
        "id": f"{category.value}-1",
        "category": category.value,
        "severity": severity,
        "rationale": rationale,
        "evidence_refs": refs,
    }
    answer = make_result(json.dumps({"verdict": verdict.value, "findings": [finding]}), **POLICY)
    review = await Critic(road(answer), ledger, make_configs(), PhaseLevel.RESEARCH).review(
        make_result(**ADVICE), task="t"
    )
    (event,) = ledger.batches[0]
    assert event.body["findings"] == [finding]
    grave = severity in {"high", "critical"}
    contradicts = verdict is Verdict.PASS and grave
    assert review.verdict is (Verdict.FAIL if contradicts else verdict)
    assert (event.body["reason"] == ReportReason.CONTRADICTORY.value) is contradicts


def test_there_is_a_case_for_each_category() -> None:
    """A new category needs one."""
    assert set(FINDINGS) == {one.value for one in FindingCategory}
