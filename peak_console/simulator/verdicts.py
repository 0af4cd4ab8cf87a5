"""What a critic answers: mostly PASS, sometimes REVIEW or FAIL, rarely something that is no answer at all."""

import json
import random
from typing import Any, Final

from peak_console.domain.verdict import FindingCategory, FindingSeverity, Verdict

_SHARES: Final = {"pass": 0.74, "review": 0.13, "fail": 0.105, "malformed": 0.025}

_RATIONALES: Final = {
    FindingCategory.POLICY: (
        "The text comes close to a recommendation where the layer may only describe.",
        "A statement of policy is missing from the summary.",
    ),
    FindingCategory.HALLUCINATION: (
        "A level is named that does not stand in the task's figures.",
        "The count of touches cannot be derived from the bars given.",
    ),
    FindingCategory.RISK: (
        "No stop is given for the idea, so that its loss is not bounded.",
        "Thin volume at the edges of the range is mentioned but not weighed.",
    ),
    FindingCategory.SOD: ("The output refers to its own review as if that had happened.",),
    FindingCategory.SCOPE: (
        "The outlook names an entry, which belongs to the advisory layer.",
        "An instrument outside of the task is discussed.",
    ),
    FindingCategory.FORMAT: (
        "A heading of the output contract is missing.",
        "Percentages are given without their base.",
    ),
}
_CATEGORIES: Final = tuple(_RATIONALES)
_MILD: Final = (FindingSeverity.LOW, FindingSeverity.MEDIUM)
_GRAVE: Final = (FindingSeverity.HIGH, FindingSeverity.CRITICAL)


def is_verdict_schema(schema: dict[str, Any]) -> bool:
    """Whether a schema asks for a critic's answer."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return False
    verdict = properties.get("verdict")
    return isinstance(verdict, dict) and set(verdict.get("enum") or ()) == {one.value for one in Verdict}


def judged(draw: random.Random) -> str:
    """A critic's answer."""
    kind = draw.choices(tuple(_SHARES), tuple(_SHARES.values()))[0]
    if kind == "pass":
        return _answer(Verdict.PASS, _findings(draw, draw.choice((0, 0, 0, 1)), _MILD[:1]))
    if kind == "review":
        return _answer(Verdict.REVIEW, _findings(draw, draw.choice((1, 2)), _MILD))
    return failed(draw) if kind == "fail" else _malformed(draw)


def failed(draw: random.Random) -> str:
    """The answer of a critic that fails what it was shown."""
    findings = [*_findings(draw, 1, _GRAVE), *_findings(draw, draw.choice((0, 1)), _MILD, 2)]
    return _answer(Verdict.FAIL, findings)


def _malformed(draw: random.Random) -> str:
    passing = _answer(Verdict.PASS, [])
    return draw.choice(
        (
            f"```json\n{passing}\n```",
            "Overall this reads well and I see no reason to object. PASS.",
            passing[: len(passing) // 2],
            '{"verdict": "APPROVED", "findings": []}',
            _answer(Verdict.PASS, _findings(draw, 1, _GRAVE)),
        )
    )


def _findings(
    draw: random.Random, count: int, severities: tuple[FindingSeverity, ...], first: int = 1
) -> list[dict[str, Any]]:
    return [_finding(draw, number, draw.choice(severities)) for number in range(first, first + count)]


def _finding(draw: random.Random, number: int, severity: FindingSeverity) -> dict[str, Any]:
    category = draw.choice(_CATEGORIES)
    return {
        "id": f"F{number}",
        "category": category.value,
        "severity": severity.value,
        "rationale": draw.choice(_RATIONALES[category]),
        "evidence_refs": [
            draw.choice(("output, first section", "output, last section", "task, table of bars"))
        ],
    }


def _answer(verdict: Verdict, findings: list[dict[str, Any]]) -> str:
    return json.dumps({"verdict": verdict.value, "findings": findings})
