"""An output and its layer's scope: what it holds that is forbidden, and what that makes of a verdict. Pure.

No model has a say in it: a forbidden type of output is found by :mod:`peak_console.policy.outputs`, and the
verdict is FAIL.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from peak_console.config.configs import Configs
from peak_console.critic.parse import CriticReport, ReportReason
from peak_console.domain.calls import CallResult
from peak_console.domain.text import one_line
from peak_console.domain.verdict import Finding, FindingCategory, FindingSeverity, Verdict
from peak_console.domain.vocabulary import Layer
from peak_console.policy.outputs import OutputFound, forbidden_outputs

SCOPE_JUDGE: Final = "scope"
"""Stands in ``judge_layer`` where no model was asked."""


def outputs_of(configs: Configs, layer: Layer, judged: CallResult) -> tuple[OutputFound, ...]:
    """The forbidden types that an output holds; what it hands to tools is judged as well."""
    arguments = [call.arguments for call in judged.tool_calls]
    return outputs_in(configs, layer, judged.text, arguments)


def outputs_in(
    configs: Configs, layer: Layer, text: str, arguments: Sequence[Any] = ()
) -> tuple[OutputFound, ...]:
    """The forbidden types in a text of ``layer`` and in the arguments of its tool calls."""
    rules = configs.scopes.rules.get(layer)
    if rules is None or not (rules.forbidden or rules.outputs):
        return ()
    parts = [text, *(orjson.dumps(one).decode() for one in arguments)]
    return forbidden_outputs("\n\n".join(parts), rules.forbidden, allowed=rules.outputs)


def within_scope(report: CriticReport, found: Sequence[OutputFound]) -> CriticReport:
    """``report``, unless the output holds what its scope forbids: then FAIL, with a finding for each."""
    if not found:
        return report
    named = ", ".join(one_line(one.type, 60) for one in found)
    return replace(
        report,
        verdict=Verdict.FAIL,
        findings=(*report.findings, *map(_finding, found)),
        reason=ReportReason.FORBIDDEN_OUTPUT,
        detail=one_line(f"its scope forbids {named}"),
    )


def _finding(found: OutputFound) -> Finding:
    kind = one_line(found.type, 60)
    return Finding(
        id=one_line(f"scope-{kind}", 64),
        category=FindingCategory.SCOPE,
        severity=FindingSeverity.CRITICAL,
        rationale=f"The output holds {kind}, which the layer's scope forbids ({found.how}).",
        evidence_refs=(f"line {found.line}",),
    )
