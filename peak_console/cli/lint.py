"""``peak lint``: every config checked, with file, line, rule and remedy."""

from datetime import UTC, datetime
from pathlib import Path

import click

from peak_console.cli.options import Invocation, common
from peak_console.config.lint.formats import as_github, as_text
from peak_console.domain.errors import UsageWrong
from peak_console.operations.lint import LintReport, level_named, lint, lint_files

FORMATS = ("text", "json", "github")


@click.command("lint", epilog="Example: peak lint --phase shadow")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="The output's form.")
@click.option("--phase", help="Judge by this phase's rules (default: the ledger's phase).")
@common
def command(invocation: Invocation, paths: tuple[Path, ...], form: str, phase: str | None) -> int:
    """Check every config of the workspace, or the PATHs named. Exit 1 when there are errors."""
    level = level_named(phase) if phase else None
    today = datetime.now(UTC).date()
    if paths:
        missing = [str(path) for path in paths if not path.exists()]
        if missing:
            raise UsageWrong(f"there is no {missing[0]}", remedy="name files or folders that exist")
        report = lint_files(paths, phase=level, today=today)
    else:
        report = lint(invocation.workspace(), phase=level, today=today)
    _print(invocation, report, form)
    return 1 if report.errors else 0


def _print(invocation: Invocation, report: LintReport, form: str) -> None:
    if form == "json" or invocation.as_json:
        invocation.reporter.as_json = True
        invocation.reporter.result(report.as_dict())
        return
    shown = as_github(report.findings) if form == "github" else as_text(report.findings)
    rules = [] if form == "github" else [f"(judged by the rules of phase {report.phase})"]
    invocation.reporter.result({}, shown.rstrip("\n"), *rules)
