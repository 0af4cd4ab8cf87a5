"""``peak providers``: what can be found out about the providers without spending."""

import asyncio
import sys
import textwrap
from collections.abc import Iterator

import click

from peak_console.cli.options import Invocation, common
from peak_console.llm.checks.judging import Finding, Status
from peak_console.llm.checks.probing import Report
from peak_console.operations.providers import Checked, check

_MARKS = {Status.OK: "ok", Status.WARN: "warn", Status.FAIL: "FAIL", Status.UNKNOWN: "?"}
_WIDTH = 80
_HEAD = 20
_GATHERED = ("model", "shutdown", "deployment")
"""Checks of many models: those that came out alike share a line."""


@click.group("providers", epilog="Example: peak providers check openai")
def command() -> None:
    """The providers: keys, addresses, clock, region, models and their ends."""


@command.command("check", epilog="Example: peak providers check azure --json")
@click.argument("name", required=False)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0.1, 120),
    default=15.0,
    show_default=True,
    help="Seconds to wait for each answer.",
)
@common
def check_command(invocation: Invocation, name: str | None, wait_s: float) -> int:
    """Check each provider that the matrix uses, or NAME alone, without spending.

    Key set and taken, address, hard deny, reachable, clock, AWS region, every model in the provider's free
    list, its shutdown date against models.toml. Only these lists are asked for: no prompt is sent. Works
    without a node and while STOPPED; a simulated workspace asks this machine only.

    What no free list proves is shown as ? with what a call would cost at most; it does not change the exit
    code. Exit 1 when a check failed or stayed open, 3 when a provider gave no answer.
    """
    progress = _Progress(enabled=not invocation.as_json and sys.stderr.isatty())
    progress("", 0, 0)
    try:
        checked = asyncio.run(check(invocation.workspace(), name, wait_s=wait_s, told=progress))
    finally:
        progress.clear()
    invocation.reporter.result(checked.as_dict(), *_lines(checked))
    return checked.exit_code


def _lines(checked: Checked) -> Iterator[str]:
    for report in checked.reports:
        yield from _report(report)
        yield ""
    for name in checked.unspoken:
        yield f"{name}: FAIL, no adapter speaks to it; name another provider in the matrix"
    if not checked.reports and not checked.unspoken:
        yield "the matrix names no provider that can be checked"
    counts = checked.counts
    words = {"ok": "ok", "warn": "with a warning", "fail": "failed", "unknown": "unknown"}
    yield f"{', '.join(f'{counts[key]} {word}' for key, word in words.items())}; nothing was spent"


def _report(report: Report) -> Iterator[str]:
    slots = ", ".join(f"{slot.layer}.{slot.role}" for slot in report.target.slots)
    where = f"used by {slots}" if slots else "used by no slot"
    yield from textwrap.wrap(f"{report.target.provider}: {where}", _WIDTH, subsequent_indent="  ")
    for alike in _gathered(report.findings):
        yield from _finding(alike)


def _gathered(findings: list[Finding]) -> Iterator[list[Finding]]:
    """Findings in their order; what is the same of several models is one."""
    groups: dict[object, list[Finding]] = {}
    for place, one in enumerate(findings):
        well = one.status is Status.OK
        key = (one.check, one.status, "" if well else one.detail, one.remedy)
        groups.setdefault(key if one.check in _GATHERED else place, []).append(one)
    yield from groups.values()


def _finding(alike: list[Finding]) -> Iterator[str]:
    one, subjects = alike[0], ", ".join(finding.subject for finding in alike)
    said = "agrees with models.toml" if len(alike) > 1 and one.reason == "agrees" else one.detail
    text = f"{subjects}: {said}" if one.check in _GATHERED else said
    head = f"  {_MARKS[one.status]:<5} {one.check:<11} "
    indent = " " * _HEAD
    for place, line in enumerate(textwrap.wrap(text, _WIDTH - _HEAD, break_on_hyphens=False) or [""]):
        yield f"{head if place == 0 else indent}{line}"
    if one.remedy:
        yield from textwrap.wrap(
            one.remedy,
            _WIDTH,
            initial_indent=f"{indent}do: ",
            subsequent_indent=f"{indent}    ",
            break_on_hyphens=False,
        )


class _Progress:
    """A line on standard error, for people only."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled

    def __call__(self, provider: str, done: int, total: int) -> None:
        if self._enabled:
            said = f"asking the providers: {done} of {total} done, last {provider}" if done else "asking…"
            sys.stderr.write(f"\r\033[K{said}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._enabled:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
