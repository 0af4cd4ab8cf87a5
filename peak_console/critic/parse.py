"""A critic's answer, read strictly (decision 9): one JSON object and nothing else, or the verdict is FAIL.

No verdict is ever read out of prose: no code fences, no text around the object, no repeated keys, no unknown
keys, no value but those of the schema. Never raises, and work is bounded by :data:`LIMIT`.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NoReturn

from pydantic import ValidationError

from peak_console.domain.text import plain
from peak_console.domain.verdict import CriticAnswer, Finding, FindingSeverity, Verdict

LIMIT: Final = 65_536
"""Characters of an answer that are read at most."""


class ReportReason(StrEnum):
    """Why a report says what it says; all but ``answered`` come from us, not from the judge."""

    ANSWERED = "answered"
    MISSING = "missing"
    UNANSWERED = "unanswered"
    UNFINISHED = "unfinished"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    DUPLICATE_KEY = "duplicate_key"
    SCHEMA = "schema"
    CONTRADICTORY = "contradictory"
    SOD_CONFLICT = "sod_conflict"
    DISAGREEMENT = "disagreement"
    CAPPED_DEGRADED = "capped_degraded"
    CAPPED_CUT = "capped_cut"
    FORBIDDEN_OUTPUT = "forbidden_output"


@dataclass(frozen=True, slots=True)
class CriticReport:
    """What a judge's answer comes to. ``malformed`` answers count as FAIL."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    malformed: bool = False
    reason: str = ReportReason.ANSWERED
    detail: str = ""
    degraded: bool = False
    capped: bool = False
    sod: dict[str, Any] = field(default_factory=dict)
    """``{rule, ok, detail}``; empty until the judge's model is known."""
    judge_layer: str = ""
    call_id: str | None = None
    """The judge's call."""
    seq: int | None = None
    """Place of the ``critic.judged`` event."""
    said: Verdict | None = None
    """The judge's own word, before caps and other judges; ``None`` where nothing could be read."""
    retry: dict[str, Any] = field(default_factory=dict)
    """Asked twice: the other asking, ``{call_id, reason, detail}``; empty where it was asked once."""
    against: dict[str, Any] = field(default_factory=dict)
    """Held against another judge's word: ``{pair, verdict, agrees}``; empty where there was none."""

    @property
    def passed(self) -> bool:
        """``critic_passed``: PASS only."""
        return self.verdict is Verdict.PASS


class _DuplicateKey(ValueError):
    pass


def parse_verdict(text: str) -> CriticReport:
    """The report that ``text`` holds, or FAIL with the reason why it holds none."""
    if not text.strip():
        return _malformed(ReportReason.MISSING, "the answer is empty")
    if len(text) > LIMIT:
        return _malformed(ReportReason.TOO_LARGE, f"the answer is longer than {LIMIT} characters")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except _DuplicateKey as error:
        return _malformed(ReportReason.DUPLICATE_KEY, str(error))
    except (ValueError, RecursionError) as error:
        return _malformed(ReportReason.NOT_JSON, str(error) or type(error).__name__)
    if not isinstance(value, dict):
        return _malformed(ReportReason.NOT_AN_OBJECT, f"the answer is a JSON {type(value).__name__}")
    return _read(value)


def _read(value: dict[str, Any]) -> CriticReport:
    try:
        answer = CriticAnswer.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return _malformed(ReportReason.SCHEMA, f"{where}: {first['msg']}")
    findings = tuple(_plainly(one) for one in answer.findings)
    grave = [one for one in findings if one.severity in _GRAVE]
    if answer.verdict is Verdict.PASS and grave:
        detail = f"PASS beside the {grave[0].severity} finding {grave[0].id}"
        return CriticReport(Verdict.FAIL, findings, reason=ReportReason.CONTRADICTORY, detail=detail)
    return CriticReport(answer.verdict, findings)


_GRAVE: Final = frozenset({FindingSeverity.HIGH, FindingSeverity.CRITICAL})


def _malformed(reason: ReportReason, detail: str) -> CriticReport:
    return CriticReport(Verdict.FAIL, malformed=True, reason=reason, detail=plain(detail)[:200])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for key, value in pairs:
        if key in read:
            raise _DuplicateKey(f"the key {key[:60]!r} stands twice")
        read[key] = value
    return read


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _plainly(finding: Finding) -> Finding:
    """A finding whose texts can do no harm where they are shown."""
    refs = tuple(plain(ref) for ref in finding.evidence_refs)
    changes = {"id": plain(finding.id), "rationale": plain(finding.rationale), "evidence_refs": refs}
    return finding.model_copy(update=changes)
