"""The critic's words (decision 9): one enum, typed findings, and the JSON schema a critic must answer in."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Verdict(StrEnum):
    """What a critic may say. Only ``PASS`` passes; a missing or unreadable answer is ``FAIL``."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    REVIEW = "REVIEW"
    FAIL = "FAIL"

    @property
    def rank(self) -> int:
        """0 for PASS, 1 for REVIEW, 2 for FAIL: higher is stricter."""
        return (Verdict.PASS, Verdict.REVIEW, Verdict.FAIL).index(self)


class FindingCategory(StrEnum):
    """What a finding is about."""

    POLICY = "policy"
    HALLUCINATION = "hallucination"
    RISK = "risk"
    SOD = "sod"
    SCOPE = "scope"
    FORMAT = "format"


class FindingSeverity(StrEnum):
    """How grave a finding is. PASS beside a ``high`` or ``critical`` finding contradicts itself."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Finding(BaseModel):
    """One point of a critic's report."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str = Field(min_length=1, max_length=64)
    category: FindingCategory = Field(strict=False)
    severity: FindingSeverity = Field(strict=False)
    rationale: str = Field(min_length=1, max_length=4000)
    evidence_refs: tuple[str, ...] = Field(default=(), max_length=32, strict=False)


class CriticAnswer(BaseModel):
    """What a critic answers, as it must stand in the model's JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    verdict: Verdict = Field(strict=False)
    findings: tuple[Finding, ...] = Field(max_length=64, strict=False)


def critic_schema() -> dict[str, Any]:
    """The JSON schema of a critic's answer, in the strict form that structured-output providers take.

    Every property is required and none besides is allowed (OpenAI structured outputs, ``strict: true``).
    """
    text = {"type": "string"}
    finding = {
        "type": "object",
        "properties": {
            "id": text,
            "category": {"type": "string", "enum": [one.value for one in FindingCategory]},
            "severity": {"type": "string", "enum": [one.value for one in FindingSeverity]},
            "rationale": text,
            "evidence_refs": {"type": "array", "items": text},
        },
        "required": ["id", "category", "severity", "rationale", "evidence_refs"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "verdict": {"type": "string", "enum": [one.value for one in Verdict]},
            "findings": {"type": "array", "items": finding},
        },
        "required": ["verdict", "findings"],
        "additionalProperties": False,
    }
