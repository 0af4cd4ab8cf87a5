"""No verdict stands that no judge gave, or that is about a call that was never answered."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.judgements import CODE, Judgements

RUN = "20261122_110003_aaaaaa"
OPENAI = {"provider": "openai", "model_id": "gpt-5"}
GOOGLE = {"provider": "google", "model_id": "gemini-2.5-pro"}


def opened(path: Path) -> LedgerWriter:
    """A writer with that condition."""
    fold = Judgements()
    return LedgerWriter(path, clock=ManualClock(), projections=[fold], conditions=[fold.out_of_place])


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[LedgerWriter]:
    """One with its genesis, an output of L2, and answers of its critic and of the policy critic."""
    with opened(tmp_path / "ledger.db") as made:
        genesis = EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {})
        assert codes(made, genesis, OUTPUT, CRITIC, POLICY) == ["written"] * 4
        yield made


def answered(call_id: str, layer: str, role: str, asked: str = "", **more: Any) -> EventDraft:
    """A call that was answered."""
    body = {"hop": 0, "cost_eur": "0.001000000", "latency_us": 1, "attempts": [], "asked_role": asked or role}
    body["usage"] = dict.fromkeys(
        ("input_tokens", "output_tokens", "reasoning_tokens", "cached_input_tokens", "cache_write_tokens"), 0
    )
    fields = {"run_id": RUN, **GOOGLE, **more}
    return EventDraft(
        f"ev_{call_id}", EventKind.CALL_COMPLETED, body, call_id=call_id, layer=layer, role=role, **fields
    )


def verdict(call_id: str | None = "call_critic", said: str = "PASS", **more: Any) -> EventDraft:
    """The critic's verdict on that output; ``more`` goes to the body, or to the event with ``at_``."""
    told = {name[3:]: one for name, one in more.items() if name.startswith("at_")}
    body = {
        "verdict": said,
        "judged_call_id": "call_out",
        "judged_layer": "L2",
        "judge_layer": "L2",
        "reason": "answered",
        **{name: one for name, one in more.items() if not name.startswith("at_")},
    }
    fields: dict[str, Any] = {"run_id": RUN, "layer": "L2", "role": "critic", **GOOGLE, **told}
    return EventDraft(f"ev_v_{call_id}", EventKind.CRITIC_JUDGED, body, call_id=call_id, **fields)


def codes(writer: LedgerWriter, *drafts: EventDraft) -> list[str]:
    """How each came out."""
    results = writer.append([(one, "job:a") for one in drafts])
    return [one.code if isinstance(one, PeakError) else "written" for one in results]


OUTPUT = answered("call_out", "L2", "primary", **OPENAI)
CRITIC = answered("call_critic", "L2", "critic")
POLICY = answered("call_policy", "L4", "fallback", "primary")


def test_each_judges_call_gives_one_verdict(writer: LedgerWriter, tmp_path: Path) -> None:
    """One after the other, in one append and over a restart; who stood in for a judge is one."""
    again = replace(verdict(), event_id="ev_again")
    assert codes(writer, verdict(), again) == ["written", CODE]
    assert codes(writer, again) == [CODE]
    writer.close()
    with opened(tmp_path / "ledger.db") as anew:
        assert codes(anew, again, verdict("call_policy", judge_layer="L4")) == [CODE, "written"]


def test_an_answer_and_the_verdicts_on_it_may_come_together(writer: LedgerWriter) -> None:
    """A verdict of L4 and the opinion on it are one append; what was answered in it counts."""
    second = answered("call_second", "L4", "critic")
    opinion = verdict(
        "call_second", judged_call_id="call_policy", judged_layer="L4", judge_layer="L4", at_layer="L4"
    )
    first = verdict("call_policy", "REVIEW", judge_layer="L4")
    assert codes(writer, second, opinion, first) == ["written"] * 3


@pytest.mark.parametrize(
    "forged",
    [
        verdict("call_none"),
        verdict(None),
        verdict(None, "REVIEW", reason="unanswered"),
        verdict(None, "FAIL"),
        verdict("call_none", "FAIL", reason="schema"),
        verdict("call_out"),
        verdict(judged_call_id="call_none"),
        verdict(judged_call_id=None),
        verdict(judged_call_id=["call_out"]),
        verdict(None, "FAIL", reason="unanswered", judged_call_id="call_none"),
        verdict(judge_layer="L4"),
        verdict("call_policy"),
        verdict(judged_layer="L3"),
        verdict(at_layer="L3"),
        verdict(at_run_id="20261122_110003_bbbbbb"),
        verdict(at_provider="openai"),
        verdict(at_model_id=None),
    ],
)
def test_a_verdict_about_nothing_or_of_nobody_is_refused(writer: LedgerWriter, forged: EventDraft) -> None:
    """No such call, one that asked no judge, another's run, layer or model: alone, and beside a sound one."""
    assert codes(writer, forged) == [CODE]
    assert codes(writer, replace(forged, event_id="ev_f"), verdict()) == [CODE, "written"]


def test_a_primary_outside_l4_judges_nothing(writer: LedgerWriter) -> None:
    """Nor does a critic of another run."""
    primary = answered("call_advice", "L3", "primary")
    other = answered("call_other", "L2", "critic", run_id="20261122_110003_bbbbbb")
    assert codes(writer, primary, other) == ["written"] * 2
    assert codes(writer, verdict("call_advice", judge_layer="L3"), verdict("call_other")) == [CODE, CODE]


@pytest.mark.parametrize("reason", ["unanswered", "forbidden_output"])
@pytest.mark.parametrize("call_id", [None, "call_refused"])
def test_a_fail_that_no_judge_gave_stands(writer: LedgerWriter, reason: str, call_id: str | None) -> None:
    """Nobody could be asked, or the scope alone forbids it; the call of who did not answer is none."""
    at: dict[str, Any] = {"at_provider": None, "at_model_id": None}
    assert codes(writer, verdict(call_id, "FAIL", reason=reason, judge_layer="scope", **at)) == ["written"]


def test_a_call_that_was_given_up_and_answered_late_can_be_judged(writer: LedgerWriter) -> None:
    """Its caller was lost, then its answer came: the answer is what counts."""
    lost = {"hop": 0, "reason": "caller_lost", "cost_eur": "0.001000000", "latency_us": 1, "attempts": []}
    given_up = EventDraft("ev_lost", EventKind.CALL_FAILED, lost, call_id="call_late", layer="L2", run_id=RUN)
    assert codes(writer, given_up, verdict("call_late")) == ["written", CODE]
    assert codes(writer, answered("call_late", "L2", "critic")) == ["written"]
    assert codes(writer, verdict("call_late")) == ["written"]


def test_what_a_failed_transaction_took_in_is_forgotten() -> None:
    """An answer that was not committed is none."""
    fold = Judgements()
    assert fold.out_of_place(verdict()) is not None
    fold.reset()
    assert fold.out_of_place(OUTPUT) is None
