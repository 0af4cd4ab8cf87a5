"""``peak logs``: the log's newest lines, and new ones as they are written."""

import contextlib
import sys
from datetime import UTC, datetime
from typing import Any

import click

from peak_console.cli.options import Invocation, common
from peak_console.domain.clock import iso
from peak_console.domain.errors import EnvironmentUnfit, UsageWrong
from peak_console.domain.text import one_line
from peak_console.operations.logs import follow_log, read_log
from peak_console.operations.views.log import LogLine, LogPage, told


@click.command("logs", epilog='Example: peak logs "level:warning since:10m" --follow')
@click.argument("wanted", metavar="[FILTER]", default="")
@click.option("-n", "count", type=click.IntRange(0, 10_000), default=50, help="How many lines.")
@click.option("--follow", "-f", "following", is_flag=True, help="Go on with new lines as they are written.")
@common
def command(invocation: Invocation, wanted: str, count: int, *, following: bool) -> int:
    """Print the log, oldest line first. FILTER as on the screen: level:warning layer:L2 since:10m words."""
    path = invocation.workspace().log
    now = datetime.now(UTC)
    page = read_log(path, wanted, now=now, limit=max(count, 1))
    _check(page, exists=path.exists())
    lines = page.lines[:count][::-1]
    if invocation.as_json and not following:
        invocation.reporter.result({"lines": [_as_json(line) for line in lines]})
        return 0
    for line in lines:
        _print(invocation, line)
    if following:
        with contextlib.suppress(KeyboardInterrupt):
            for line in follow_log(path, wanted, now=now):
                _print(invocation, line)
                sys.stdout.flush()
    return 0


def _check(page: LogPage, *, exists: bool) -> None:
    if page.problem:
        raise UsageWrong(page.problem, code="filter_invalid", remedy="see: peak logs --help")
    if page.freshness.why:
        raise EnvironmentUnfit(page.freshness.why, code="log_unreadable", remedy=page.freshness.remedy)
    if not exists:
        sys.stderr.write("no log yet: the node writes it (peak node start)\n")


def _as_json(line: LogLine) -> dict[str, Any]:
    known = {"ts": iso(line.ts) if line.ts else None, "level": line.level, "logger": line.logger}
    return {**known, "event": line.event or line.raw, **line.fields}


def _print(invocation: Invocation, line: LogLine) -> None:
    if invocation.as_json:
        invocation.reporter.result(_as_json(line))
        return
    fields = " ".join(one_line(word, 110) for word in told(line.fields))
    when = iso(line.ts) if line.ts else "-"
    shown = f"{when} {line.level:<8} {one_line(line.event or line.raw)} {fields}"
    invocation.reporter.result({}, shown.rstrip())
