"""What ``peak call`` does with background calls and with answers that come piece by piece."""

import json
from pathlib import Path
from typing import Any

import pytest

from peak_console.cli import call as command
from peak_console.cli.program import run
from peak_console.domain.calls import CallResult, Finish, Usage
from peak_console.domain.errors import CallFailed
from peak_console.llm.unattended.claims import PendingCall
from peak_console.llm.unattended.resuming import Ending

ANSWER = CallResult(
    call_id="call_1",
    run_id="20261122_140000_k3v9qx",
    layer="L1",
    role="primary",
    provider="openai",
    model_id="gpt-5.2-pro",
    served_model=None,
    text="EUR/USD ranges.",
    finish=Finish.STOP,
    usage=Usage(10, 0, 0, 5, 0),
    cost_eur="0.000001000",
    latency_ms=1.0,
    hop=1,
    fallback=False,
    degraded=False,
    seq=7,
    extra={"cost_basis": "usage"},
)
WAITING = PendingCall(
    call_id="call_1",
    run_id="20261122_140000_k3v9qx",
    hop=1,
    layer="L1",
    role="primary",
    provider="openai",
    model_id="gpt-5.2-pro",
    response_id="resp_1",
    accepted_at="2026-11-22T14:00:00.000000Z",
    until="2026-11-22T15:00:00.000000Z",
    expires_at="2026-11-22T15:10:00.000000Z",
    simulated=False,
)


@pytest.fixture
def peak_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run ``peak call`` over operations that note how they were asked and give what is set here."""
    (tmp_path / "configs").mkdir()
    asked: list[tuple[str, Any]] = []

    def gives(name: str, outcome: Any, *, show: bool = False) -> None:
        async def operation(_: object, about: Any = None, shown: Any = None, told: Any = None) -> Any:
            asked.append((name, about))
            if show:
                for piece in ("EUR\x1b[31m/USD ", "ranges."):
                    shown(piece)
            return outcome

        monkeypatch.setattr(command, name, operation)

    gives("call", ANSWER)
    gives("resume", ANSWER)
    gives("submit", "call_1")
    gives("pending", [WAITING])
    gives("stream", ANSWER, show=True)
    gives(
        "cancel",
        Ending("call_1", ANSWER.run_id, 1, "cancelled", "0.000001000", "usage", Usage(), recorded=True),
    )

    def called(*words: str) -> tuple[int, list[tuple[str, Any]]]:
        asked.clear()
        return run(["call", *words, "--root", str(tmp_path)]), list(asked)

    return called


def test_a_background_call_is_asked_for_as_such(peak_call: Any) -> None:
    """--background waits for the answer, --detach prints the id to resume."""
    code, ((name, question),) = peak_call("L1", "--background", "--prompt", "?")
    assert (code, name, question.background) == (0, "call", True)
    code, ((name, question),) = peak_call("L1", "--background", "--detach", "--prompt", "?")
    assert (code, name, question.background) == (0, "submit", True)


def test_an_id_alone_resumes_and_cancels(peak_call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """No layer and no prompt is needed; JSON is one document."""
    assert peak_call("--resume", "call_1") == (0, [("resume", "call_1")])
    assert "EUR/USD ranges." in capsys.readouterr().out
    assert peak_call("--cancel", "call_1", "--json") == (0, [("cancel", "call_1")])
    assert json.loads(capsys.readouterr().out)["outcome"] == "cancelled"


def test_pending_calls_are_listed(peak_call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its model, its times and its run."""
    assert peak_call("--pending")[0] == 0
    assert "openai:gpt-5.2-pro" in capsys.readouterr().out
    assert peak_call("--pending", "--json")[0] == 0
    (one,) = json.loads(capsys.readouterr().out)["pending"]
    assert (one["call_id"], one["response_id"]) == ("call_1", "resp_1")


def test_a_streamed_answer_is_printed_once_and_made_harmless(
    peak_call: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pieces as they come, without a terminal's commands; the summary after them."""
    assert peak_call("L1", "--stream", "--prompt", "?")[1][0][0] == "stream"
    out = capsys.readouterr().out
    assert out.startswith("EUR\ufffd[31m/USD ranges.\n")
    assert out.count("ranges.") == 1
    assert "gpt-5.2-pro" in out


def test_json_of_a_streamed_call_is_one_document(peak_call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the document stands on standard output."""
    assert peak_call("L1", "--stream", "--prompt", "?", "--json")[0] == 0
    assert json.loads(capsys.readouterr().out)["text"] == "EUR/USD ranges."


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("L1", "--resume", "call_1"),
        ("--resume", "call_1", "--cancel", "call_1"),
        ("L1", "--detach", "--prompt", "?"),
        ("L1", "--background", "--stream", "--prompt", "?"),
    ],
)
def test_words_that_do_not_go_together_are_wrong_usage(peak_call: Any, words: tuple[str, ...]) -> None:
    """Exit code 2, and nobody is asked."""
    assert peak_call(*words) == (2, [])


def test_an_error_after_a_piece_begins_a_line(
    peak_call: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What came of a cut answer is not glued to what went wrong."""

    async def stream(_: object, __: object, show: Any, told: Any) -> Any:
        show("EUR/USD ran")
        raise CallFailed("call call_1 failed: cut", code="stream_cut")

    monkeypatch.setattr(command, "stream", stream)
    assert peak_call("L1", "--prompt", "?", "--stream")[0] == 1
    shown = capsys.readouterr()
    assert shown.out == "EUR/USD ran\n"
    assert shown.err.startswith("peak: call call_1 failed")
