"""The command tree. A command's module is imported only when that command is asked for or documented."""

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from peak_console.cli.output import Reporter, exit_code_of
from peak_console.domain.errors import PeakError

COMMANDS = {
    "arm": "ask, approve and confirm that live orders may pass for some minutes",
    "breaker": "which models are left alone; close a breaker by hand",
    "budget": "what is spent, reserved and left; settle a bill",
    "call": "one governed call",
    "capture": "everything around an incident, in one sealed pack",
    "checklist": "what is asked before merge, shadow and live, and what of it is so",
    "config": "every config: look, change, look back, roll back",
    "console": "the console on this workspace",
    "demo": "the console on a throw-away workspace with simulated providers",
    "disarm": "end arming now: no live order passes",
    "doctor": "what is wrong with this installation and how to mend it",
    "drift": "whether models are what was verified; let one back",
    "enable": "from STOPPED to DISARMED: calls may be made",
    "evidence": "seal what a run leaves, verify and read it",
    "gate": "the risk gate: its recorded decisions, made again",
    "import": "read configs of another form into drafts",
    "incident": "incidents: contain, look, take, write down, hand over, close, rehearse",
    "init": "make a workspace",
    "jobs": "what runs by itself: list, runs, pause, resume, cancel",
    "ledger": "verify and read the ledger",
    "lint": "check every config",
    "lock": "the lock of verified models: write, check, show, compare, go back",
    "logs": "the log",
    "matrix": "which model does what: look, change, look back, roll back",
    "models": "what is known of each model: limits, price, end, latency, use",
    "node": "the node of this workspace",
    "operator": "who may take dangerous actions",
    "phase": "from research to live: show, promote, demote",
    "prices": "the price table: propose what newer data say",
    "providers": "keys, addresses, clock and models of the providers, without spending",
    "readiness": "what must be shown before a phase begins, and what of it is there",
    "reduce": "let only risk-reducing orders pass",
    "route": "which models would be tried and why, calling nobody",
    "runs": "runs: list them, one step by step, their decisions judged again",
    "schema": "the JSON Schema of what --json prints",
    "shadow": "real inputs, real calls, no orders: run now, cycles, paper books",
    "status": "may anything act right now, why, since when",
    "stop": "stop every call and order now, or one scope of them",
    "why": "who selected which model and why, and what came of it",
}
"""Every command with what it does, as the help lists them."""


_MODULES = {
    "stop": "stop_command",  # the stop path itself is standard library only
    "import": "import_command",  # the word is Python's
    "config": "config_command",  # beside the room of that name
}


def load(name: str) -> click.Command:
    """The command ``name`` from its module ``peak_console.cli.<name>``."""
    module = _MODULES.get(name, name)
    command: click.Command = import_module(f"peak_console.cli.{module}").command
    return command


class _LazyGroup(click.Group):
    """A group that knows its commands' names and loads one when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the base's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        return load(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            raise click.UsageError(f"there is no command '{args[0]}'; try: peak --help", ctx) from None

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - the base's signature
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: peak demo",
)
@click.option("--root", type=click.Path(), help="The workspace's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--debug", is_flag=True, help="Show where an error arose.")
@click.version_option(package_name="peak-console", prog_name="peak")
@click.pass_context
def peak(ctx: click.Context, root: str | None, *, as_json: bool, debug: bool) -> object:
    """Peak Console: the control plane under layered LLM agents. Without a command: the console."""
    ctx.obj = {"root": root, "as_json": as_json, "debug": debug}
    return ctx.invoke(load("console")) if ctx.invoked_subcommand is None else None


def run(words: Sequence[str]) -> int:
    """Run the program with ``words`` and return its exit code; every error is told in three lines."""
    reporter = Reporter(as_json="--json" in words, debug="--debug" in words)
    try:
        result = peak.main(args=list(words), prog_name="peak", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as wrong:
        return reporter.usage(wrong)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except PeakError as error:
        return reporter.error(error)
    except Exception as error:  # noqa: BLE001 - the last door: a defect is told, never a traceback
        return reporter.defect(error)
    return exit_code_of(result)
