"""``peak call``: one governed call."""

import asyncio
import sys

import click

from peak_console.cli.options import Invocation, common
from peak_console.domain.calls import CallResult, Finish
from peak_console.domain.errors import UsageWrong
from peak_console.domain.ids import is_run_id
from peak_console.operations.call import Question, as_json, call, slot_named

_LONGEST = 1_000_000


@click.command("call", epilog='Example: peak call L2 primary --prompt "What moves EUR/USD this week?"')
@click.argument("layer")
@click.argument("role", default="primary")
@click.option("--prompt", default="-", help="The text to send; - reads it from standard input (the default).")
@click.option("--run", "run_id", help="Make the call in this run instead of one of its own.")
@common
def command(invocation: Invocation, layer: str, role: str, prompt: str, run_id: str | None) -> int:
    """Ask the model in a slot of the matrix: LAYER is L0 to L4, ROLE primary, fallback or critic.

    The call goes the one road: policy, posture, budgets, ledger. It needs a running node.
    """
    which, slot = slot_named(layer, role)
    if run_id is not None and not is_run_id(run_id):
        raise UsageWrong(f"'{run_id}' is not a run id", remedy="a run id looks like 20261122_140000_k3v9qx")
    text = _text(prompt)
    ws = invocation.workspace()
    result = asyncio.run(call(ws, Question(which, slot, text, run_id)))
    invocation.reporter.result(as_json(result), result.text, "", _summary(result))
    return 0


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
