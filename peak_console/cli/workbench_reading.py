"""Looking at a config: what stands, how it came about, how versions differ, what held at a moment."""

from typing import Any, Final

import click

from peak_console.cli.moments import MomentCommand
from peak_console.cli.options import Invocation
from peak_console.cli.output import counted, table
from peak_console.cli.workbench_target import example, named
from peak_console.cli.workbench_words import (
    VERSION_HEAD,
    change_lines,
    moment,
    shown,
    version_document,
    version_rows,
)
from peak_console.config.document import Document
from peak_console.config.editing.changes import ABSENT
from peak_console.config.editing.rendering import rendered
from peak_console.config.editing.slots import found, path_of
from peak_console.config.editing.targets import Target
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import SystemClock, iso
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.operations.workbench.history import at, difference, history, version_text
from peak_console.operations.workbench.naming import has_draft, moment_named, standing_data, text_named

_LISTED: Final = 30


def show_command(fixed: str | None) -> click.Command:
    """``show``."""

    @click.command("show", epilog=example(fixed, "show L2.primary" if fixed else "show budgets day"))
    @click.argument("key", required=False)
    @click.option("--text", "as_text", is_flag=True, help="The file's text as it stands, comments and all.")
    @named(fixed)
    def command(
        invocation: Invocation, ws: Workspace, target: Target, key: str | None, *, as_text: bool
    ) -> int:
        """What stands in the file on disk, whole or below KEY."""
        document = standing_data(ws, target)
        told = {"config": target.name, "path": target.path, "digest": document.sha256}
        if key is not None:
            value = _value_at(document, key)
            invocation.reporter.result({**told, "key": key, "value": value}, *_value_lines(key, value))
            return 0
        lines = document.text.splitlines()
        if not as_text and target.kind == "matrix" and document.data is not None:
            lines = _slot_lines(document.data)
        head = [] if as_text else [f"{target.path}  {shown(document.sha256)}", ""]
        note = ["", "a draft waits in the editor"] if not as_text and has_draft(ws, target) else []
        both = {**told, "text": document.text, "data": document.data}
        invocation.reporter.result(both, *head, *lines, *note)
        return 0

    return command


def diff_command(fixed: str | None) -> click.Command:
    """``diff``."""

    @click.command("diff", epilog=example(fixed, "diff previous" if fixed else "diff budgets previous disk"))
    @click.argument("a", required=False)
    @click.argument("b", required=False)
    @named(fixed)
    def command(invocation: Invocation, ws: Workspace, target: Target, a: str | None, b: str | None) -> int:
        """How version A became version B, by line and by key.

        A and B are disk, draft, previous, known-good, lock (the matrix that the lock was written for), or
        the first digits of a version, six or more. B is disk unless named; without both it is what the draft
        changes, or where there is none what the last change did.
        """
        if a is None:
            a, b = ("disk", "draft") if has_draft(ws, target) else ("previous", "disk")
        old, new = text_named(ws, target, a), text_named(ws, target, b or "disk")
        change = difference(target, old.text, new.text, old.digest, new.digest)
        lines = [f"{old.word} {shown(old.digest)} -> {new.word} {shown(new.digest)}"]
        lines += ["", *change.diff.splitlines()] if change.diff else ["they are the same"]
        if change.keys:
            lines += ["", f"{counted(len(change.keys), 'key')}:", *change_lines(change.keys)]
        document = {**change.as_dict(), "a": old.word, "b": new.word}
        invocation.reporter.result(document, *lines)
        return 0

    return command


def history_command(fixed: str | None) -> click.Command:
    """``history``."""

    @click.command("history", epilog=example(fixed, "history" if fixed else "history prices"))
    @click.option("--limit", type=click.IntRange(1, 10_000), default=_LISTED, help="How many versions.")
    @named(fixed)
    def command(invocation: Invocation, ws: Workspace, target: Target, limit: int) -> int:
        """Every version that was in force: since when, who put it there, and why; the newest first.

        "known good" is the last one that was in force for a day (control.toml, [changes]) without an
        incident or a stop.
        """
        versions = history(ws, target)
        chosen = versions[:limit]
        document = {"config": target.name, "versions": [version_document(one) for one in chosen]}
        lines = table(VERSION_HEAD, version_rows(chosen)) if chosen else ["no version is on the ledger yet"]
        if len(versions) > limit:
            lines.append(f"{len(versions) - limit:,} earlier ones: --limit")
        invocation.reporter.result(document, *lines)
        return 0

    return command


def at_command(fixed: str | None) -> click.Command:
    """``at``."""

    @click.command(
        "at", cls=MomentCommand, epilog=example(fixed, "at -2h" if fixed else "at budgets 2026-11-20")
    )
    @click.argument("time")
    @click.option("--text", "as_text", is_flag=True, help="The text that stood then.")
    @named(fixed)
    def command(invocation: Invocation, ws: Workspace, target: Target, time: str, *, as_text: bool) -> int:
        """Which version was in force at TIME: 2026-11-22T03:10Z, 03:10, -2h, #184220, or a run's id."""
        when = moment_named(ws, time, SystemClock().now())
        version = at(ws, target, when)
        if version is None:
            raise ControlRefused(
                f"no version of {target.name} is known to have been in force at {moment(when)}",
                code="no_version_then",
                remedy=f"see since when there are any: peak config history {target.name}",
            )
        document: dict[str, Any] = {"config": target.name, "at": iso(when), **version_document(version)}
        if as_text or invocation.as_json:
            document["text"] = version_text(ws, target, version.digest) if version.kept else None
        if as_text:
            invocation.reporter.result(document, *version_text(ws, target, version.digest).splitlines())
            return 0
        rows = table(VERSION_HEAD, version_rows([version]))
        invocation.reporter.result(document, f"at {moment(when)}:", *rows)
        return 0

    return command


def _value_at(document: Document, key: str) -> Any:
    if document.data is None:
        trouble = document.trouble
        raise UsageWrong(
            f"{document.name} cannot be read: {trouble.message if trouble else 'it holds nothing'}",
            code="config_unreadable",
            remedy="mend it: peak lint; its text: --text",
        )
    value = found(document.data, path_of(key, document.data))
    if value is ABSENT:
        raise UsageWrong(
            f"there is no {key[:60]} in {document.name}",
            code="key_absent",
            remedy="its default holds where it has one: docs/reference/config-keys.md",
        )
    return value


def _value_lines(key: str, value: Any) -> list[str]:
    """A value as TOML; a table a line for each of its keys."""
    if isinstance(value, dict):
        return [line for name, inner in value.items() for line in _value_lines(f"{key}.{name}", inner)]
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return [line for place, one in enumerate(value) for line in _value_lines(f"{key}[{place}]", one)]
    return [f"{key} = {rendered(value)}"]


def _slot_lines(data: dict[str, Any]) -> list[str]:
    """The matrix by slot, each with what else stands in it."""
    rows = []
    for layer, table_of in data.items():
        if not isinstance(table_of, dict) or layer == "global":
            continue
        for role in ("primary", "fallback", "critic"):
            slots = table_of.get(role, [])
            listed = slots if isinstance(slots, list) else [slots]
            for place, slot in enumerate(listed):
                name = f"{layer}.{role}" + (f"[{place}]" if role == "fallback" else "")
                rows.append([name, *_slot(slot)])
    rules = [
        [
            layer,
            ", ".join(f"{key} {one}" for key, one in table_of.items() if not isinstance(one, dict | list)),
        ]
        for layer, table_of in data.items()
        if isinstance(table_of, dict) and layer != "global"
    ]
    return [*table(["slot", "model", "settings"], rows), "", *table(["layer", "rules"], rules)]


def _slot(slot: Any) -> list[str]:
    if not isinstance(slot, dict):
        return ["?", ""]
    rest = {key: one for key, one in slot.items() if key not in {"provider", "model_id", "service"}}
    model = (
        f"service {slot['service']}"
        if "service" in slot
        else f"{slot.get('provider')}:{slot.get('model_id')}"
    )
    return [model, ", ".join(f"{key} {rendered(one)}" for key, one in rest.items())]
