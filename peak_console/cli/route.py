"""``peak route``: which models would be tried and why; calls nobody."""

from datetime import UTC, datetime

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import table
from peak_console.llm.route import NAMED_FAILURES, Explanation, Step
from peak_console.operations.call import slot_named
from peak_console.operations.route import route

_ENDS = {
    "answered": "ends: answered",
    "failed": "ends: failed at once; no other candidate could mend it",
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
@common
def command(
    invocation: Invocation, layer: str, role: str, fail: tuple[str, ...], max_output_tokens: int | None
) -> int:
    """Show the plan of a call in LAYER and ROLE: every candidate, admitted or refused, by which rule.

    With --fail it also shows how the fallback would go. Bounds are those of a prompt of 1,000 characters.
    Exit 1 when no candidate is admitted.
    """
    which, slot = slot_named(layer, role)
    today = datetime.now(UTC).date()
    plan = route(
        invocation.workspace(), which, slot, today=today, fail=fail, max_output_tokens=max_output_tokens
    )
    invocation.reporter.result(plan.as_dict(), *_lines(plan))
    return 0 if any(row["admitted"] for row in plan.rows) else 1


def _lines(plan: Explanation) -> list[str]:
    rows = [
        [
            f"{row['position'] + 1}",
            str(row["role"]),
            f"{row['provider']}:{row['model_id']}",
            "admitted" if row["admitted"] else f"refused: {row['reason']}",
            f"bound € {row['bound_eur']}" if row.get("bound_eur") else "",
            str(row.get("detail") or row.get("lifecycle") or ""),
        ]
        for row in plan.rows
    ]
    lines = [f"{plan.layer} {plan.role}: calls nobody", *table(["", "slot", "model", "", "", "why"], rows)]
    if plan.failures:
        lines += ["", f"if {', '.join(plan.failures)}:", *(f"  {_step(one)}" for one in plan.steps)]
        lines.append(f"  {_ENDS.get(plan.ends, plan.ends)}")
    return lines


def _step(one: Step) -> str:
    happens = {"next": "gives way to the next", "stop": "ends the call", "answers": "answers"}
    why = "" if one.reason == "ok" else f" ({one.reason})"
    detail = f"; {one.detail}" if one.detail else ""
    return f"{one.provider}:{one.model_id} {happens.get(one.happens, one.happens)}{why}{detail}"
