"""``peak route``: which models would be tried and why; calls nobody."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import click

from peak_console.cli.options import Invocation, common
from peak_console.domain.text import one_line
from peak_console.llm.route import NAMED_FAILURES, Step
from peak_console.operations.call import slot_named
from peak_console.operations.route import RoutePlan, route
from peak_console.operations.views.breakers import breaker_words
from peak_console.operations.views.call_detail import CallDetail
from peak_console.operations.views.call_fold import route_of
from peak_console.tui.ink import text_of
from peak_console.tui.screens.route_drawing import route_lines

_LEAST, _MOST = 80, 160
_ENDS = {
    "answered": "ends: answered",
    "failed": "ends: failed at once; no other candidate could mend it",
    "cooling": "ends: who is left only cools down; the call waits for the first if its deadline permits",
    "abort": "ends: aborted; no candidate is left",
    "review_required": "ends: no candidate is left; a person must review (on_exhausted)",
}


@click.command("route", epilog="Example: peak route L2 primary --fail openai:timeout")
@click.argument("layer")
@click.argument("role", default="primary")
@click.option(
    "--fail",
    multiple=True,
    metavar="PROVIDER[/MODEL]:HOW",
    help=f"Suppose a failure: an HTTP status, or {', '.join(NAMED_FAILURES)}. May be given often.",
)
@click.option("--max-output-tokens", type=click.IntRange(1), help="Bound the answer as a call would.")
@click.option("--assume-keys", is_flag=True, help="Plan as if every provider had a key.")
@common
def command(
    invocation: Invocation,
    layer: str,
    role: str,
    fail: tuple[str, ...],
    max_output_tokens: int | None,
    *,
    assume_keys: bool,
) -> int:
    """Show the plan of a call in LAYER and ROLE: every candidate, admitted or refused, by which rule.

    Beside each stand its prices, bound, breaker, lifecycle and verified state, below what is left of the
    budgets. Keys and addresses are those of this environment, as a call would find them; in a simulated
    workspace a provider without an address here counts as simulated. With --fail it also shows how the
    fallback would go. Bounds are those of a prompt of 1,000
    characters. Exit 1 when no candidate is admitted.
    """
    which, slot = slot_named(layer, role)
    today = datetime.now(UTC).date()
    plan = route(
        invocation.workspace(),
        which,
        slot,
        today=today,
        fail=fail,
        max_output_tokens=max_output_tokens,
        assume_keys=assume_keys,
    )
    invocation.reporter.result(plan.as_dict(), *_lines(plan))
    return 0 if any(row["admitted"] for row in plan.explanation.rows) else 1


def _lines(plan: RoutePlan) -> Iterator[str]:
    told, facts = plan.explanation, plan.facts
    width = max(_LEAST, min(_MOST, shutil.get_terminal_size((_LEAST, 24)).columns))
    yield f"{told.layer} {told.role} by the matrix {plan.matrix_digest[:8]}: calls nobody"
    steps = tuple(
        replace(step, breaker=breaker_words(plan.breaker(row), facts.at) if facts else "")
        for step, row in zip(route_of(told.rows), told.rows, strict=True)
    )
    now = facts.at if facts else datetime.now(UTC)
    page = CallDetail("", layer=told.layer.value, route=steps, budgets=facts.budgets if facts else ())
    for line in route_lines(page, width, now):
        yield text_of(line).rstrip()
    if plan.problem:
        yield f"  budgets and breakers are not known: {one_line(plan.problem, 200)}"
    elif facts is None:
        yield "  no ledger yet: nothing is spent, and no breaker is known"
    too_dear = [row for row in told.rows if row["admitted"] and plan.fits_budget(row) is False]
    for row in too_dear:
        yield f"  ✗ {row['provider']}:{row['model_id']} would be refused: its bound exceeds what is left"
    if told.failures:
        yield from ("", f"if {', '.join(told.failures)}:", *(f"  {_step(one)}" for one in told.steps))
        yield f"  {_ENDS.get(told.ends, told.ends)}"


def _step(one: Step) -> str:
    happens = {"next": "gives way to the next", "stop": "ends the call", "answers": "answers"}
    why = "" if one.reason == "ok" else f" ({one.reason})"
    detail = f"; {one.detail}" if one.detail else ""
    return f"{one.provider}:{one.model_id} {happens.get(one.happens, one.happens)}{why}{detail}"
