"""The way of every change on the command line: look at it, confirm it, save it; or look at it only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from peak_console.cli.options import Invocation
from peak_console.cli.workbench_words import (
    concern_lines,
    preview_document,
    preview_lines,
    saved_lines,
    verdict_line,
)
from peak_console.config.editing.targets import Target
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.node.spawn import ledger_client
from peak_console.operations.workbench.drafts import drafts_of
from peak_console.operations.workbench.files import Standing
from peak_console.operations.workbench.saving import CONFIRM_WORD, confirmed_by, preview, reason_of, save
from peak_console.operations.workbench.shapes import Preview, Saved


@dataclass(frozen=True, slots=True)
class Wish:
    """How a change is to be made."""

    reason: str
    confirm: str
    operator: str | None
    dry_run: bool = False

    def check(self) -> None:
        """Refuse early what would be refused late; raises ``UsageWrong``."""
        if self.confirm not in {"", CONFIRM_WORD}:
            raise UsageWrong(
                f"the word is {CONFIRM_WORD}, not '{self.confirm[:40]}'",
                code="confirm_missing",
                remedy=f"if the change is right: --confirm {CONFIRM_WORD}",
            )
        if not self.dry_run:
            reason_of(self.reason)


def wishes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a change; the function gets them as a :class:`Wish`."""

    @click.option(
        "--dry-run", is_flag=True, help="Show the difference and what stands against it; save nothing."
    )
    @click.option("--reason", default="", help="Why; it is recorded.")
    @click.option(
        "--confirm", default="", metavar=CONFIRM_WORD, help="The word, where a change is confirmed."
    )
    @click.option("--operator", help="Whose key signs (default: the only one you hold).")
    @wraps(function)
    def wrapped(
        *args: Any, dry_run: bool, reason: str, confirm: str, operator: str | None, **kwargs: Any
    ) -> Any:
        return function(*args, wish=Wish(reason, confirm, operator, dry_run), **kwargs)

    return wrapped


def carry(
    invocation: Invocation, ws: Workspace, target: Target, text: str, *, standing: Standing, wish: Wish
) -> int:
    """Look at a new text and, unless that is all that is wished, save it; gives the exit code."""
    seen = preview(ws, target, text, operator=wish.operator)
    if wish.dry_run:
        return look(invocation, seen, wish)
    warn(invocation, seen, wish)
    with ledger_client(ws, name="peak config") as client, _no_draft_here():
        done = save(
            ws,
            client,
            target,
            text,
            base=standing.digest,
            reason=wish.reason,
            operator=wish.operator,
            confirmed=confirmed_by(wish.confirm, seen),
        )
    return told(invocation, ws, done, text)


@contextmanager
def _no_draft_here() -> Iterator[None]:
    """A command that lost to another save has nothing to merge: it is run again."""
    try:
        yield
    except ControlRefused as refused:
        if refused.code == "file_changed":
            refused.remedy = "nothing was saved; run it again: it begins from what stands there now"
        raise


def look(invocation: Invocation, seen: Preview, wish: Wish) -> int:
    """Tell what a save would do; 1 when lint stands against it, or nothing would change."""
    document = preview_document(seen, dry_run=True)
    verdict = verdict_line(seen, reason=wish.reason, confirm=wish.confirm)
    invocation.reporter.result(document, *preview_lines(seen), "", verdict)
    return 0 if seen.changed and not seen.checked.errors else 1


def warn(invocation: Invocation, seen: Preview, wish: Wish) -> None:
    """What people see before a refusal that rests on figures; the refusal itself names it for programs."""
    if seen.concerns and not wish.confirm and not seen.checked.errors and not invocation.as_json:
        invocation.reporter.result({}, *seen.diff.splitlines(), *concern_lines(seen), "")


def told(invocation: Invocation, ws: Workspace, done: Saved, text: str) -> int:
    """Tell of a save that is done, and forget drafts that say the same."""
    store = drafts_of(ws)
    store.drop_saved(done.target.name, text)
    lines = saved_lines(done)
    if any(one.text != text for one in store.of(done.target.name)):
        lines.append("a draft of it waits in the editor, begun from the version before")
    invocation.reporter.result({**done.as_dict(), "saved": True}, *lines)
    return 0
