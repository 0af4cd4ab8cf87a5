"""``peak lint``: every config checked, with file, line, rule and remedy."""

import contextlib
import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import click

from peak_console.cli.options import Invocation, common
from peak_console.config.lint.formats import as_github, as_text
from peak_console.domain.errors import UsageWrong
from peak_console.operations.lint import LintReport, level_named, lint, lint_files, text_of

FORMATS = ("text", "json", "github", "sarif")


@click.command("lint", epilog="Example: peak lint --phase shadow")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="The output's form.")
@click.option("--phase", help="Judge by this phase's rules (default: the ledger's phase).")
@click.option("--watch", is_flag=True, help="Check again at each change, until Ctrl-C; as JSON, a line each.")
@common
def command(
    invocation: Invocation, paths: tuple[Path, ...], form: str, phase: str | None, *, watch: bool
) -> int:
    """Check every config of the workspace, or the PATHs named. Exit 1 when there are errors."""
    form = "json" if invocation.as_json else form
    level = level_named(phase) if phase else None
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise UsageWrong(f"there is no {missing[0]}", remedy="name files or folders that exist")
    root = Path() if paths else invocation.workspace().root

    def report(today: date) -> LintReport:
        if paths:
            return lint_files(paths, phase=level, today=today)
        return lint(invocation.workspace(), phase=level, today=today)

    if watch:
        return _watch(invocation, paths or (root / "configs",), form, report)
    found = report(datetime.now(UTC).date())
    _print(invocation, found, form, root)
    return 1 if found.errors else 0


def _watch(
    invocation: Invocation, places: tuple[Path, ...], form: str, report: Callable[[date], LintReport]
) -> int:
    """Reports until Ctrl-C; the exit code is the last one's."""
    if form not in {"text", "json"}:
        raise UsageWrong(f"--watch has no form {form}", remedy="use --format text or json with --watch")
    from peak_console.operations.lint_watching import watched  # noqa: PLC0415 - loads watchfiles

    errors = 0
    with contextlib.suppress(KeyboardInterrupt):
        for at, found in watched(places, report):
            errors = found.errors
            if form == "json":
                line = {"at": at.isoformat(timespec="milliseconds"), **found.as_dict()}
                sys.stdout.write(json.dumps(line, ensure_ascii=True) + "\n")
            else:
                invocation.reporter.result({}, f"--- {at.astimezone():%H:%M:%S}", *_lines(found))
            sys.stdout.flush()
    return 1 if errors else 0


def _print(invocation: Invocation, report: LintReport, form: str, root: Path) -> None:
    if form == "json":
        invocation.reporter.as_json = True
        invocation.reporter.result(report.as_dict())
    elif form == "sarif":
        from importlib.metadata import version  # noqa: PLC0415 - 20 ms that only this form needs

        from peak_console.config.lint.sarif import as_sarif  # noqa: PLC0415 - makes fixes, which few need

        log = as_sarif(report.findings, lambda name: text_of(root, name), version("peak-console"))
        invocation.reporter.result({}, log.rstrip("\n"))
    elif form == "github":
        invocation.reporter.result({}, as_github(report.findings).rstrip("\n"))
    else:
        invocation.reporter.result({}, *_lines(report))


def _lines(report: LintReport) -> tuple[str, str]:
    return as_text(report.findings).rstrip("\n"), f"(judged by the rules of phase {report.phase})"
