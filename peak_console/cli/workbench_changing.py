"""Changing a config: by key, by the fixes of its findings, back to a version, or as its draft has it."""

from collections.abc import Callable, Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem

from peak_console.cli.options import Invocation
from peak_console.cli.rehearsed import rehearsed_lines
from peak_console.cli.workbench_saving import Wish, carry, look, told, warn, wishes
from peak_console.cli.workbench_target import example, named
from peak_console.config.document import parse_document
from peak_console.config.editing.applying import apply_changes
from peak_console.config.editing.slots import changes_of, removals_of
from peak_console.config.editing.targets import PROMPT_KIND, WRITTEN_APART, Target
from peak_console.config.lint.finding import LintFinding
from peak_console.config.workspace import Workspace, find_workspace
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import PeakError, UsageWrong
from peak_console.node.spawn import ledger_client
from peak_console.operations.rehearsing import rehearse_rollback
from peak_console.operations.workbench.draft_naming import draft_named, refuse_open
from peak_console.operations.workbench.drafts import drafts_of
from peak_console.operations.workbench.files import Standing, bytes_of, read_standing
from peak_console.operations.workbench.fixes import available, repaired
from peak_console.operations.workbench.naming import models_by_name, models_like, slots_standing
from peak_console.operations.workbench.rolling_back import preview_rollback, roll_back
from peak_console.operations.workbench.saving import confirmed_by


class _Pairs(click.ParamType[str]):
    """Keys and values in turn; a shell completes slots and models."""

    name = "key value"

    def __init__(self, *, with_values: bool = True) -> None:
        self._with_values = with_values

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Slots where a key comes next, models where a value does."""
        given = ctx.params.get(param.name or "") or ()
        asks_value = self._with_values and len(given) % 2 == 1
        try:
            ws = find_workspace((ctx.find_root().params or {}).get("root"))
            now = SystemClock().now()
            names = models_like(ws, incomplete, now) if asks_value else slots_standing(ws)
        except PeakError:
            return []
        if not asks_value:
            names = [one for one in names if one.startswith(incomplete)]
        return [CompletionItem(one) for one in names]


def set_command(fixed: str | None) -> click.Command:
    """``set``."""
    words = "set L2.primary openai:gpt-5-mini" if fixed else "set budgets day.max_cost_eur 60"

    @click.command("set", epilog=example(fixed, f'{words} --reason "cheaper, same score"'))
    @click.argument("pairs", nargs=-1, required=True, metavar="KEY VALUE...", type=_Pairs())
    @wishes
    @named(fixed)
    def command(
        invocation: Invocation, ws: Workspace, target: Target, pairs: tuple[str, ...], *, wish: Wish
    ) -> int:
        """Set one KEY or several; comments, order and formatting of all else stay.

        A KEY is names with dots and indices in brackets, from 0: L2.primary.timeout_s, L2.fallback[1],
        L2.fallback+ for one more at the end, model[openai:gpt-5.2].allowed. A slot of the matrix takes a
        model, provider:model or its id alone; a critic takes a layer, as L4, too. Other values are TOML, or
        text where they do not read as TOML.
        """
        wish.check()
        standing, data = _read(ws, target)
        changes = changes_of(target.kind, data, pairs, models_by_name(ws, SystemClock().now()))
        text = apply_changes(standing.text or "", changes, path=target.path)
        return carry(invocation, ws, target, text, standing=standing, wish=wish)

    return command


def unset_command(fixed: str | None) -> click.Command:
    """``unset``."""
    words = "unset L2.fallback[1]" if fixed else "unset budgets month"

    @click.command("unset", epilog=example(fixed, f'{words} --reason "not used"'))
    @click.argument("keys", nargs=-1, required=True, metavar="KEY...", type=_Pairs(with_values=False))
    @wishes
    @named(fixed)
    def command(
        invocation: Invocation, ws: Workspace, target: Target, keys: tuple[str, ...], *, wish: Wish
    ) -> int:
        """Take each KEY out, with what stands below it; keys as in set."""
        wish.check()
        standing, data = _read(ws, target)
        text = apply_changes(standing.text or "", removals_of(data, keys), path=target.path)
        return carry(invocation, ws, target, text, standing=standing, wish=wish)

    return command


def rollback_command(fixed: str | None) -> click.Command:
    """``rollback``."""
    words = "rollback known-good" if fixed else "rollback prices previous"

    @click.command("rollback", epilog=example(fixed, f'{words} --reason "answers got worse"'))
    @click.argument("version")
    @click.option("--rehearse", is_flag=True, help="Walk the whole way on a mirror; change nothing.")
    @wishes
    @named(fixed)
    def command(
        invocation: Invocation, ws: Workspace, target: Target, version: str, *, rehearse: bool, wish: Wish
    ) -> int:
        """Put VERSION back in its place: previous, known-good, or six digits of it or more.

        It is linted under today's rules, confirmed and recorded like any other change. With --rehearse
        nothing moves: the way is walked on a mirror and recorded, and the pre-live checklist reads that;
        exit 1 where it did not hold.
        """
        if rehearse:
            with ledger_client(ws, name="peak config") as client:
                walked = rehearse_rollback(ws, client, target, version, operator=wish.operator)
            invocation.reporter.result(walked.as_json(), *rehearsed_lines(walked))
            return 0 if walked.held else 1
        wish.check()
        seen = preview_rollback(ws, target, version, operator=wish.operator)
        if wish.dry_run:
            return look(invocation, seen, wish)
        warn(invocation, seen, wish)
        with ledger_client(ws, name="peak config") as client:
            done = roll_back(
                ws,
                client,
                target,
                version,
                reason=wish.reason,
                operator=wish.operator,
                confirmed=confirmed_by(wish.confirm, seen),
            )
        return told(invocation, ws, done, read_standing(ws, target).text or "")

    return command


def fix_command(fixed: str | None) -> click.Command:
    """``fix``."""

    @click.command(
        "fix", epilog=example(fixed, 'fix --all --reason "as lint says"' if fixed else "fix models")
    )
    @click.option("--rule", "rules", multiple=True, help="Fix what this rule found; may be given again.")
    @click.option("--all", "every", is_flag=True, help="Fix whatever can be fixed.")
    @wishes
    @named(fixed)
    def command(
        invocation: Invocation,
        ws: Workspace,
        target: Target,
        rules: tuple[str, ...],
        *,
        every: bool,
        wish: Wish,
    ) -> int:
        """Make the quick fixes that lint knows. Without --rule or --all it lists them and changes nothing."""
        standing, _ = _read(ws, target)
        now, text = SystemClock().now(), standing.text or ""
        if not rules and not every:
            return _list_fixes(invocation, target, available(ws, target, text, now))
        wish.check()
        result = repaired(ws, target, text, now, rules)
        if not result.made:
            raise UsageWrong(
                "lint knows no fix for that here",
                code="nothing_to_fix",
                remedy=f"see what there is: peak lint; peak config fix {target.name}",
            )
        return carry(invocation, ws, target, result.text, standing=standing, wish=wish)

    return command


def save_command(fixed: str | None) -> click.Command:
    """``save``."""

    @click.command(
        "save", epilog=example(fixed, f'save{"" if fixed else " prices"} --reason "prices of today"')
    )
    @_draft_options
    @wishes
    @named(fixed)
    def command(
        invocation: Invocation, ws: Workspace, target: Target, *, wish: Wish, draft_id: str, force: bool
    ) -> int:
        """Save your draft: what an import or a refresh of prices proposed, or an unfinished edit.

        Of several drafts one is named. One that another console has open is saved there, or with --force.
        """
        wish.check()
        draft = draft_named(ws, target, draft_id)
        if not force and not wish.dry_run:
            refuse_open(draft)
        return carry(
            invocation, ws, target, draft.text, standing=Standing(draft.base_text, draft.base), wish=wish
        )

    return command


def discard_command(fixed: str | None) -> click.Command:
    """``discard``."""

    @click.command("discard", epilog=example(fixed, "discard" if fixed else "discard prices"))
    @_draft_options
    @named(fixed)
    def command(invocation: Invocation, ws: Workspace, target: Target, *, draft_id: str, force: bool) -> int:
        """Forget your draft. The file stays as it is.

        Of several drafts one is named. One that another console has open is discarded there, or with
        --force; that console keeps it again as soon as somebody types in it.
        """
        draft = draft_named(ws, target, draft_id)
        if not force:
            refuse_open(draft)
        drafts_of(ws).forget(draft)
        line = f"forgot the draft of {target.name}, by {draft.origin}, {len(draft.text):,} characters"
        invocation.reporter.result({"config": target.name, "discarded": True}, line)
        return 0

    return command


def _draft_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Which draft, and whether one that is open elsewhere counts."""
    force = click.option("--force", is_flag=True, help="Also a draft that another console has open.")
    which = click.option(
        "--draft", "draft_id", default="", metavar="ID", help="Which, where there are several."
    )
    return which(force(function))


def _read(ws: Workspace, target: Target) -> tuple[Standing, Mapping[str, Any]]:
    """The file and its data; a file that is not there is an empty one, and of one that is broken no data.

    Raises ``UsageWrong`` for what has no keys, and for the lock.
    """
    if target.kind in WRITTEN_APART:
        raise UsageWrong(
            f"{target.path} is signed as a whole and never changed by key",
            code="written_apart",
            remedy="write it: peak lock write",
        )
    if target.kind == PROMPT_KIND:
        raise UsageWrong(
            f"{target.name} is a prompt and has no keys",
            code="config_without_keys",
            remedy="write its text, or better a new version of it: peak config edit",
        )
    standing = read_standing(ws, target)
    data = parse_document(bytes_of(standing.text or ""), target.path).data
    return standing, data or {}


def _list_fixes(invocation: Invocation, target: Target, found: tuple[LintFinding, ...]) -> int:
    document = {"config": target.name, "fixes": [one.as_dict() for one in found]}
    lines = [f"{one.file}:{one.line} {one.rule}: {one.fix.title if one.fix else ''}" for one in found]
    after = ['make them: --all --reason "...", or --rule RULE'] if found else ["lint knows no fix here"]
    invocation.reporter.result(document, *lines, *after)
    return 0
