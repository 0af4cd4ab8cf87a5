"""``peak call``: one governed call, or what becomes of one that works in the background."""

import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import click

from peak_console.cli.cancelling import cancellable
from peak_console.cli.options import Invocation, common
from peak_console.cli.output import table
from peak_console.config.workspace import Workspace
from peak_console.domain.calls import CallResult, Finish
from peak_console.domain.errors import UsageWrong
from peak_console.domain.ids import is_run_id
from peak_console.domain.money import nano_from_text
from peak_console.domain.text import plain
from peak_console.operations.call import (
    Question,
    as_json,
    call,
    cancel,
    ending_json,
    pending,
    pending_json,
    resume,
    slot_named,
    stream,
    submit,
)

_LONGEST = 1_000_000
_T = TypeVar("_T")


@click.command(
    "call",
    epilog='Example: peak call L2 primary --prompt "What moves EUR/USD this week?"',
)
@click.argument("layer", required=False)
@click.argument("role", default="primary")
@click.option("--prompt", default="-", help="The text to send; - reads it from standard input (the default).")
@click.option("--run", "run_id", help="Make the call in this run instead of one of its own.")
@click.option(
    "--max-output-tokens", type=click.IntRange(min=1), help="Allow less output than the matrix does."
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Allow less time, over all attempts and candidates, than the matrix does.",
)
@click.option("--stream", "streamed", is_flag=True, help="Print the answer as it comes.")
@click.option(
    "--background", is_flag=True, help="Long research: the provider works unattended; wait for its answer."
)
@click.option("--detach", is_flag=True, help="With --background: print the call's id and do not wait.")
@click.option("--resume", "resumed", metavar="CALL", help="Fetch the answer of a background call.")
@click.option("--cancel", "cancelled", metavar="CALL", help="Cancel a background call at its provider.")
@click.option("--pending", "listed", is_flag=True, help="List background calls that still wait for an end.")
@common
def command(
    invocation: Invocation,
    layer: str | None,
    role: str,
    prompt: str,
    run_id: str | None,
    *,
    max_output_tokens: int | None,
    timeout_s: float | None,
    streamed: bool,
    background: bool,
    detach: bool,
    resumed: str | None,
    cancelled: str | None,
    listed: bool,
) -> int:
    """Ask the model in a slot of the matrix: LAYER is L0 to L4, ROLE primary, fallback or critic.

    The call goes the one road: policy, posture, budgets, ledger. It needs a running node. Ending the command
    ends the call, at the provider too; a background call that was left with --detach, or whose process died,
    is fetched with --resume: nothing is sent again. --resume of an answer that is there and --cancel work
    while the workspace is stopped. Waits of more than a second are told on standard error.
    """
    if run_id is not None and not is_run_id(run_id):
        raise UsageWrong(f"'{run_id}' is not a run id", remedy="a run id looks like 20261122_140000_k3v9qx")
    acts = [one for one in (layer, resumed, cancelled, listed or None) if one is not None]
    if len(acts) != 1:
        raise UsageWrong(
            "one of LAYER, --resume, --cancel and --pending is needed", remedy="see: peak call --help"
        )
    ws = invocation.workspace()
    if layer is None:
        return _later(invocation, ws, resumed=resumed, cancelled=cancelled, run_id=run_id)
    if (detach and not background) or (streamed and background):
        raise UsageWrong(
            "--detach goes with --background, and --stream without it", remedy="see: peak call --help"
        )
    which, slot = slot_named(layer, role)
    question = Question(
        which,
        slot,
        _text(prompt),
        run_id,
        background=background,
        max_output_tokens=max_output_tokens,
        timeout_s=timeout_s,
    )
    tell = _Telling()
    if detach:
        call_id = _ran(submit(ws, question, told=tell), tell)
        told = f"accepted; fetch the answer: peak call --resume {call_id}"
        invocation.reporter.result({"call_id": call_id}, call_id, told)
    elif streamed and not invocation.as_json:
        _answered(invocation, _ran(stream(ws, question, tell.show, told=tell), tell), shown=True)
    else:
        _answered(invocation, _ran(call(ws, question, told=tell), tell))
    return 0


def _later(
    invocation: Invocation, ws: Workspace, *, resumed: str | None, cancelled: str | None, run_id: str | None
) -> int:
    """What is done with background calls that were accepted before."""
    tell = _Telling()
    if resumed is not None:
        _answered(
            invocation, _ran(resume(ws, resumed, told=tell), tell, "left; the work goes on at its provider")
        )
    elif cancelled is not None:
        ending = _ran(cancel(ws, cancelled), tell, "left; see: peak call --pending")
        lines = [f"{ending.outcome} · € {ending.cost_eur} ({ending.cost_basis}) · run {ending.run_id}"]
        lines += [ending.result.text] if ending.result else []
        invocation.reporter.result(ending_json(ending), *lines)
    else:
        calls = _ran(pending(ws, run_id), tell)
        headers = ("call", "model", "accepted", "deadline", "run")
        rows = [
            (one.call_id, f"{one.provider}:{one.model_id}", one.accepted_at, one.until, one.run_id)
            for one in calls
        ]
        lines = table(headers, rows) if rows else ["no background call waits for its end"]
        invocation.reporter.result(pending_json(calls), *lines)
    return 0


def _answered(invocation: Invocation, result: CallResult, *, shown: bool = False) -> None:
    text = () if shown else (result.text,)
    invocation.reporter.result(as_json(result), *text, "", _summary(result))
    most = result.extra.get("bound_eur")
    if most and nano_from_text(result.cost_eur) > nano_from_text(most):
        model = f"{result.provider}:{result.model_id}"
        line = f"the bill, € {result.cost_eur}, is above its bound, € {most}: {model} is latched"
        click.echo(f"peak: {plain(line)}; see: peak breaker list", err=True)


class _Telling:
    """What is said while a call goes on: its answer's pieces, its waits, what became of a cancelled one."""

    def __init__(self) -> None:
        self.cancelled = False
        """Whether a line said what is booked for a cancelled call."""
        self._open = False

    def __call__(self, line: str) -> None:
        """A line on standard error: standard output is the answer's, also as JSON."""
        self.end_line()
        self.cancelled = self.cancelled or " is cancelled: " in line
        click.echo(f"peak: {plain(line)}", err=True)

    def show(self, text: str) -> None:
        """A piece of an answer on the terminal: foreign text, so made harmless first."""
        shown = plain(text)
        sys.stdout.write(shown)
        sys.stdout.flush()
        self._open = not shown.endswith("\n") if shown else self._open

    def end_line(self) -> None:
        """What follows a piece of an answer begins a line of its own."""
        if self._open:
            self._open = False
            sys.stdout.write("\n")
            sys.stdout.flush()


def _ran(
    work: Coroutine[Any, Any, _T], tell: _Telling, otherwise: str = "cancelled; nothing was in flight"
) -> _T:
    """The work's result; where it ends otherwise, what is said of that does not stick to a piece of it."""
    try:
        return cancellable(work, lambda: tell.cancelled, otherwise)
    except BaseException:
        tell.end_line()
        raise


def _text(prompt: str) -> str:
    if prompt == "-" and sys.stdin.isatty():
        raise UsageWrong("there is nothing to ask", remedy='say it with --prompt "...", or pipe it in')
    text = sys.stdin.read(_LONGEST + 1) if prompt == "-" else prompt
    if not text.strip():
        raise UsageWrong("the prompt is empty", remedy='say it with --prompt "...", or pipe it in')
    if len(text) > _LONGEST:
        raise UsageWrong("the prompt is longer than a million characters", remedy="shorten it")
    return text


def _summary(result: CallResult) -> str:
    marks = "".join(
        f" · {word}"
        for word, holds in (
            ("fallback", result.fallback),
            ("degraded", result.degraded),
            ("CUT at the output limit", result.finish is Finish.LENGTH),
            ("cost at its worst case: nobody told the usage", result.extra.get("cost_basis") == "worst_case"),
            ("NOT RECORDED", not result.recorded),
        )
        if holds
    )
    tokens = f"{result.usage.input_total} + {result.usage.output_total} tokens"
    place = f"#{result.seq:,}" if result.seq is not None else "spooled"
    return (
        f"{result.provider}:{result.model_id} · {tokens} · € {result.cost_eur} · "
        f"{result.latency_ms / 1000:.2f} s · run {result.run_id} · {place}{marks}"
    )
