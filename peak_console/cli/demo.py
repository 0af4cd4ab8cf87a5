"""``peak demo``: the console on a throw-away workspace with simulated providers and traffic."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.terminal import need_terminal
from peak_console.domain.errors import UsageWrong

_FASTEST = 1000


@click.command("demo", epilog="Example: peak demo --headless --seconds 20 --root /tmp/peak-tour")
@click.option("--headless", is_flag=True, help="No console: run the traffic, then print a summary.")
@click.option(
    "--seconds", type=click.FloatRange(0.1, 1e6), default=10.0, show_default=True, help="With --headless."
)
@click.option(
    "--rate",
    type=click.FloatRange(0.1, _FASTEST),
    default=20.0,
    show_default=True,
    help="Calls per second.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed, the same course.")
@common
def command(invocation: Invocation, *, headless: bool, seconds: float, rate: float, seed: int) -> int:
    """Watch governed calls flow through the real control plane, with providers simulated on loopback.

    Without --root the workspace is thrown away at the end; with it, it is made there and kept.
    """
    if invocation.as_json and not headless:
        raise UsageWrong("the console has no JSON form", remedy="add --headless")
    if not headless:
        need_terminal("without one: peak demo --headless")
    from peak_console.cli.demo_house import DemoHouse  # noqa: PLC0415 - after the words were found right

    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    length = seconds if headless else 0.0
    sys.stderr.write("starting the simulator, the node and the traffic ...\n")
    with DemoHouse(_root(invocation), rate=rate, seed=seed, seconds=length) as house:
        sys.stderr.write(f"workspace {house.ws.root}; steer the simulator at {house.simulator}/_sim/state\n")
        if headless:
            house.wait()
            summary = house.summary()
            invocation.reporter.result(summary, *_lines(summary))
            return 0
        from peak_console.tui.app import run_console  # noqa: PLC0415 - for people only

        code = run_console(house.ws)
    sys.stderr.write("".join(f"{line}\n" for line in house.last_words()))
    return code


def _root(invocation: Invocation) -> Path | None:
    return invocation.root.resolve() if invocation.root else None


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """End what the demo started when it is told to end."""
    sys.exit(128 + number)


def _lines(summary: dict[str, Any]) -> list[str]:
    made = f"{summary['calls']:,} calls in {summary['seconds']:.1f} s"
    answered = f"{summary['answered']:,} answered ({summary['fallbacks']:,} by a fallback)"
    cut = f" ({summary['cancelled']:,} cancelled by the demo's end)" if summary["cancelled"] else ""
    lines = [
        f"{made}: {answered}, {summary['failed']:,} failed{cut}, {summary['refused']:,} refused",
        f"{summary['runs']:,} runs, € {summary['cost_eur']}, {summary['events']:,} events on the ledger",
    ]
    lines += _shadow_lines(summary)
    if summary["kept"]:
        lines.append(
            "a node that is started there holds the jobs: the simulator has ended with the demo; "
            f"play it again: peak demo --root {summary['root']}"
        )
        lines.append(
            f"the workspace is kept, with every run's folder: peak ledger verify --root {summary['root']}"
        )
    return lines


def _shadow_lines(summary: dict[str, Any]) -> list[str]:
    """What ran by itself; nothing where nothing did."""
    lines = []
    for name, title in (("jobs", "runs of jobs"), ("cycles", "shadow cycles"), ("gate_reasons", "gate")):
        if told := summary.get(name):
            counts = ", ".join(f"{count:,} {one}" for one, count in told.items())
            lines.append(f"{title}: {counts}")
    return lines
