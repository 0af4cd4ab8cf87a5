"""``peak phase``: the phase of the workspace, a ledger fact; one step up on green readiness, down at will."""

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import table
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.node.spawn import ledger_client
from peak_console.operations.phase import phase_of
from peak_console.operations.phase_changing import PhaseChanged, demote, phase_history, promote
from peak_console.operations.readiness import next_asked, phase_named

_reason = click.option("--reason", default="", help="Why; it is recorded.")
_operator = click.option("--operator", help="Whose key signs (default: the only one you hold).")


@click.group("phase", epilog="Example: peak phase show")
def command() -> None:
    """The phase of the workspace. From research to live, each with stricter rules than the one before."""


@command.command("show", epilog="Example: peak phase show --json")
@click.option("--limit", type=click.IntRange(1, 500), default=10, help="How many changes are listed.")
@common
def show_command(invocation: Invocation, limit: int) -> int:
    """The phase of now, since when and why, and the last changes."""
    ws = invocation.workspace()
    here = phase_of(ws)
    history = phase_history(ws, limit)
    last = history[0] if history else None
    following = None if here is Phase.LIVE else list(Phase)[list(Phase).index(here) + 1]
    document = {
        "phase": here.value,
        "level": here.level.value,
        "since": last.at if last else None,
        "next": following.value if following else None,
        "history": [one.as_dict() for one in history],
    }
    lines = [f"{here}, under the rules of {here.level}"]
    if last is not None:
        lines.append(f"since {last.at[:19]}Z by {last.operator or last.actor}: {last.reason}")
    else:
        lines.append("since the workspace was made")
    if following is not None:
        lines.append(f"next: {following}; {_asked(following)}")
    if history:
        rows = [[one.at[:19] + "Z", one.before, one.after, one.operator, one.reason] for one in history]
        lines += ["", *table(["when (UTC)", "from", "to", "operator", "reason"], rows)]
    invocation.reporter.result(document, *lines)
    return 0


@command.command("promote", epilog='Example: peak phase promote --reason "agents and keys are in place"')
@_reason
@click.option("--to", "to", help="The phase meant: the next one, or the command is refused.")
@_operator
@common
def promote_command(invocation: Invocation, reason: str, to: str | None, operator: str | None) -> int:
    """Go on to the next phase, as an operator.

    Inside research a reason is enough. Before shadow, testnet and live everything that configs/readiness.toml
    asks must be green; else it is refused with the list of what is missing. Before live another operator, who
    did not save it, approves the matrix that stands: peak matrix approve.
    """
    ws = invocation.workspace()
    wanted = phase_named(to) if to else None
    with ledger_client(ws, name="peak phase") as client:
        done = promote(ws, client, reason=reason, to=wanted, operator=operator)
    invocation.reporter.result(done.as_dict(), *_told(done))
    return 0


@command.command("demote", epilog='Example: peak phase demote --to verified --reason "drift in L2"')
@_reason
@click.option("--to", "to", help="Any lower phase (default: the one below).")
@_operator
@common
def demote_command(invocation: Invocation, reason: str, to: str | None, operator: str | None) -> int:
    """Go back to a lower phase, as an operator. It asks for a reason and for nothing else."""
    ws = invocation.workspace()
    wanted = phase_named(to) if to else None
    with ledger_client(ws, name="peak phase") as client:
        done = demote(ws, client, reason=reason, to=wanted, operator=operator)
    invocation.reporter.result(done.as_dict(), *_told(done))
    return 0


def _asked(following: Phase) -> str:
    if following.level is PhaseLevel.RESEARCH:
        asked = next_asked(following)
        return f"a reason is enough; what {asked} will ask for: peak readiness {asked}"
    return f"what it asks for: peak readiness {following}"


def _told(done: PhaseChanged) -> list[str]:
    lines = [f"{done.before} -> {done.after}", f"recorded as #{done.seq:,} by {done.operator}"]
    if done.seen:
        lines.append("the node goes by it from now on")
    return lines
