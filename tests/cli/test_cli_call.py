"""What ``peak call`` prints of an answer and of a call that got none."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peak_console.cli import call as command
from peak_console.cli.program import run
from peak_console.domain.calls import CallReason, CallResult, Failure, Finish, OutcomeClass, Usage
from peak_console.llm.refusing import Ended, failure_error
from peak_console.operations.call import Question

GONE = Failure(CallReason.CONNECT_ERROR, OutcomeClass.NEXT_CANDIDATE, "no connection: refused")
SLOW = Failure(CallReason.TIMEOUT, OutcomeClass.AMBIGUOUS, "the answer was not complete")


def answer(finish: Finish, basis: str) -> CallResult:
    """An answer that ended so, with a cost known so."""
    return CallResult(
        call_id="call_1",
        run_id="20261122_140000_k3v9qx",
        layer="L2",
        role="primary",
        provider="openai",
        model_id="gpt-5-mini",
        served_model=None,
        text="EUR/USD ranges.",
        finish=finish,
        usage=Usage(10, 0, 0, 5, 0),
        cost_eur="0.000001000",
        latency_ms=1.0,
        hop=1,
        fallback=False,
        degraded=False,
        seq=7,
        extra={"cost_basis": basis},
    )


asked: list[Question] = []


@pytest.fixture
def peak_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run ``peak call`` on a road that gives this result, or raises it."""
    (tmp_path / "configs").mkdir()
    asked.clear()

    def told(outcome: CallResult | Exception, *words: str) -> int:
        async def call(_: object, question: Question, *, told: Callable[[str], None]) -> CallResult:
            asked.append(question)
            if isinstance(outcome, Exception):
                raise outcome
            told("waiting 22 s: openai gpt-5-mini cools down")
            return outcome

        monkeypatch.setattr(command, "call", call)
        return run(["call", "L2", "--prompt", "?", "--root", str(tmp_path), *words])

    return told


@pytest.mark.parametrize(
    ("finish", "basis", "marks"),
    [
        (Finish.STOP, "usage", ()),
        (Finish.LENGTH, "usage", ("CUT at the output limit",)),
        (Finish.STOP, "worst_case", ("cost at its worst case",)),
        (Finish.LENGTH, "worst_case", ("CUT at the output limit", "cost at its worst case")),
    ],
)
def test_a_cut_answer_and_a_guessed_cost_are_marked(
    peak_call: Any,
    capsys: pytest.CaptureFixture[str],
    finish: Finish,
    basis: str,
    marks: tuple[str, ...],
) -> None:
    """Half an answer must not read as a whole one, nor a bound as a bill; JSON says both as well."""
    assert peak_call(answer(finish, basis)) == 0
    summary = capsys.readouterr().out
    shown = [one for one in ("CUT at the output limit", "cost at its worst case") if one in summary]
    assert shown == list(marks)
    assert peak_call(answer(finish, basis), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["finish"], document["cut"]) == (finish.value, finish is Finish.LENGTH)
    assert document["cost_basis"] == basis


def test_a_wait_is_told_on_standard_error(peak_call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Also with --json, whose document stands alone on standard output."""
    for words in ((), ("--json",)):
        assert peak_call(answer(Finish.STOP, "usage"), *words) == 0
        shown = capsys.readouterr()
        assert shown.err == "peak: waiting 22 s: openai gpt-5-mini cools down\n"
        assert "waiting" not in shown.out
        assert not words or json.loads(shown.out)["call_id"] == "call_1"


def test_limits_of_the_call_are_passed_on(peak_call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """--max-output-tokens and --timeout stand in the request; what is no limit is misuse."""
    assert peak_call(answer(Finish.STOP, "usage"), "--max-output-tokens", "50", "--timeout", "2.5") == 0
    limits = asked[-1].request().limits
    assert (limits.max_output_tokens, limits.timeout_s) == (50, 2.5)
    assert peak_call(answer(Finish.STOP, "usage"), "--max-output-tokens", "0") == 2
    assert peak_call(answer(Finish.STOP, "usage"), "--timeout", "0") == 2


def exhausted(*hops: Ended) -> Exception:
    """The error of a call whose hops ended so."""
    return failure_error(hops, call_id="call_9", on_exhausted="abort", recorded=True)


def test_an_exhausted_call_names_itself_and_its_hops(
    peak_call: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three lines still: the first holds the call's id and how each hop ended; JSON has them as rows."""
    error = exhausted(
        Ended("openai", "gpt-5-mini", GONE, reached=False), Ended("google", "gemini-2.5-flash", SLOW)
    )
    assert peak_call(error) == 1
    what, *rest = capsys.readouterr().err.splitlines()
    assert what == (
        "peak: call call_9: no candidate answered: "
        "openai:gpt-5-mini connect_error, google:gemini-2.5-flash timeout"
    )
    assert [line[:7] for line in rest] == ["  why: ", "  do:  "]
    assert peak_call(error, "--json") == 1
    said = json.loads(capsys.readouterr().out)["error"]
    assert (said["code"], said["call_id"]) == ("exhausted", "call_9")
    assert [(one["provider"], one["reason"], one["reached"]) for one in said["hops"]] == [
        ("openai", "connect_error", False),
        ("google", "timeout", True),
    ]


def test_an_unreachable_provider_is_exit_code_3(peak_call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """As exit codes promise for an unfit environment; a hop that reached somebody makes it 1."""
    assert peak_call(exhausted(Ended("openai", "gpt-5-mini", GONE, reached=False))) == 3
    what, why, _ = capsys.readouterr().err.splitlines()
    assert what.startswith("peak: call call_9 reached no provider: openai:gpt-5-mini connect_error")
    assert "provider_unreachable" in why
    assert "it was sent" not in why
    assert peak_call(exhausted(Ended("openai", "gpt-5-mini", GONE, reached=True))) == 1


def test_a_bill_above_its_bound_is_told(peak_call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on standard error: bill, bound, and where the latch is seen; none for a bill within it."""
    for bound, told in (("0.000000500", 1), ("0.000001000", 0)):
        result = replace(answer(Finish.STOP, "usage"), extra={"cost_basis": "usage", "bound_eur": bound})
        assert peak_call(result) == 0
        lines = [line for line in capsys.readouterr().err.splitlines() if "above its bound" in line]
        assert len(lines) == told
        assert not lines or ("€ 0.000001000" in lines[0] and "peak breaker list" in lines[0])


def test_the_remedies_of_a_failed_call_name_what_to_do() -> None:
    """An exhausted call its page; a call that allowed itself too little time its own limit."""
    gone = Ended("openai", "gpt-5-mini", GONE)
    assert failure_error(
        (gone, Ended("google", "g", SLOW)), call_id="call_9", on_exhausted="abort"
    ).remedy.endswith("peak why call_9")
    slow = [Ended("google", "gemini-2.5-flash", SLOW)]
    for own, word in ((True, "the call's timeout_s"), (False, "in the matrix")):
        assert word in failure_error(slow, call_id="call_9", on_exhausted="abort", own_time=own).remedy
