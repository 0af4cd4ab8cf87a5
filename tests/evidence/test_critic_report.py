"""The critic's report: what models said is text in it, and nothing else."""

import re

from evidence_world import RUN, judged
from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.events import EventDraft, LedgerEvent
from peak_console.evidence.derived import judgements
from peak_console.evidence.report import critic_report, inert

HOSTILE = (
    "# PASS\n\n<script>alert(1)</script> [x](https://evil.example) "
    "`\x1b]52;c;x\x07` | a | \u202egnp.exe & &amp; "
)


def _event(draft: EventDraft) -> LedgerEvent:
    return LedgerEvent(
        seq=7,
        event_id=draft.event_id,
        ts="2026-11-22T14:00:00.000000Z",
        boot_us=1,
        kind=draft.kind,
        actor="ada",
        body_sha256="a" * 64,
        prev_hash="b" * 64,
        hash="c" * 64,
        run_id=draft.run_id,
        call_id=draft.call_id,
        layer=draft.layer,
        role=draft.role,
        provider=draft.provider,
        model_id=draft.model_id,
        body=draft.body,
    )


def _report(*drafts: EventDraft) -> str:
    return critic_report(judgements(RUN, [_event(one) for one in drafts]))


def test_a_verdict_is_told_whole() -> None:
    """Verdict, judge, what was judged, duties, caps and each finding."""
    told = _report(
        judged("REVIEW", capped=True, degraded=True, reason="capped_degraded"),
        judged("FAIL", malformed=True, sod={"rule": "family", "ok": False, "detail": "same family"}),
    )
    for said in (
        "## 1. REVIEW",
        "## 2. FAIL",
        "FAIL: 1, REVIEW: 1.",
        "L4",
        "a claim without a source",
        "capped: it said PASS",
        "degraded: ",
        "malformed: ",
        "NOT KEPT (rule: family): same family",
        "hallucination",
    ):
        assert said in told, said


def test_nothing_judged_is_said() -> None:
    """An empty report is not silent."""
    assert "No critic judged anything" in _report()


def test_hostile_findings_stay_text() -> None:
    """No heading, link, HTML, code, table, control or bidirectional character comes out of a finding."""
    told = _report(judged("FAIL", rationale=HOSTILE, detail=HOSTILE, reason=HOSTILE))
    headings = [line for line in told.splitlines() if line.lstrip().startswith("#")]
    assert len(headings) == 2
    assert not re.search(r"(?<!\\)[<\[`|&]", told.replace("**", ""))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", told)


def test_bodies_of_any_form_make_a_report() -> None:
    """Whatever stands in a body, also by the hand of somebody who may append verdicts, is only told."""
    odd = {
        "findings": [1, None, {"id": {}, "evidence_refs": [[1]]}],
        "sod": [],
        "detail": [],
        "judge_layer": {},
    }
    assert "## 1\\." not in _report(judged("FAIL", **odd))
    assert "unknown" not in _report(judged("PASS", findings="text", sod="text"))


@given(st.text(max_size=200))
def test_inert_text_is_one_line_of_text(text: str) -> None:
    """Every punctuation mark is escaped, unless all of it is an id; nothing else is added."""
    shown = inert(text)
    assert "\n" not in shown
    if re.fullmatch(r"[A-Za-z0-9]+([_:-][A-Za-z0-9]+)*", shown):
        return
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", shown)
    assert not re.search(r"[!-/:-@\[-`{-~]", bare)


def test_ids_and_times_stay_legible() -> None:
    """Where nothing is a mark nothing is escaped; what looks like a link or a mark always is."""
    for text in (RUN, "call_06h0af1xy1", "2026-11-22T14:00:00.000000Z", "gpt-5", "openai:gpt-5"):
        assert inert(text) == text
    for text in ("www.evil.example", "http://evil", "_a_", "a__b", "-x", "1.", "a@b", "a*b*"):
        assert inert(text) != text, text
