"""Rules of separation of duties (decision 10): no model judges its own work, whoever stands in for whom."""

from collections.abc import Iterator

from peak_console.config.lint.duties import duties, identity_of
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.lint.replacing import nearest
from peak_console.config.lint.schema import dotted


def within_layer(inspection: Inspection) -> Iterator[Hit]:
    """``sod.within_layer``: a layer's critic against its primary and fallbacks."""
    return _separation(inspection, "sod.within_layer")


def across_layers(inspection: Inspection) -> Iterator[Hit]:
    """``sod.across_layers``: a layer's producers against the service that judges them, and its critic."""
    return _separation(inspection, "sod.across_layers")


def _separation(inspection: Inspection, rule: str) -> Iterator[Hit]:
    for duty in duties(inspection):
        if duty.rule != rule:
            continue
        (proposer_path, proposer), (judge_path, judge) = duty.proposer, duty.judge
        if not duty.broken(identity_of(inspection, proposer), identity_of(inspection, judge)):
            continue
        message = (
            f"{dotted(judge_path)} ({judge.provider}:{judge.model_id}) would judge the work of "
            f"{dotted(proposer_path)} ({proposer.provider}:{proposer.model_id}): the same {duty.sod.value}"
        )
        fix = nearest(inspection, judge_path, judge.provider, judge.model_id)
        yield inspection.hit(duty.rule, "matrix", (*judge_path, "model_id"), message, fix=fix)
