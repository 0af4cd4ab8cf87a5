"""``peak stop``: files first, record last. Nothing heavy is imported before the unlinks are done."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peak_console.config.workspace import Workspace, find_workspace
from peak_console.control.stop import StopOutcome, stop_now
from peak_console.domain.errors import EnvironmentUnfit

if TYPE_CHECKING:
    from peak_console.operations.stop import Recorded


_ALL_REASON = "peak stop --all"
"""The reason of a stop of every workspace that gave none: its owner can tell where it came from."""


@dataclass(slots=True)
class _Wish:
    root: Path | None = None
    reason: str = ""
    scope: str = "global"
    everywhere: bool = False
    as_json: bool = False
    ignored: list[str] = field(default_factory=list)


def stop(words: Sequence[str]) -> int:
    """Stop by the command line's ``words``; gives the exit code. No wrong option keeps it from stopping."""
    wish = _read(words)
    targets = _targets(wish)
    if not targets:
        return _nowhere(wish)
    reason = wish.reason or (_ALL_REASON if wish.everywhere else "")
    outcomes = [(one, stop_now(one.control, reason=reason, asked_scope=wish.scope)) for one in targets]

    from peak_console.operations.stop import record_stop  # noqa: PLC0415 - only after the unlinks

    told = [_told(ws, outcome, record_stop(ws, outcome)) for ws, outcome in outcomes]
    notes = [f"unknown option {one} was ignored" for one in wish.ignored]
    if wish.scope != "global":
        notes.append(
            f"scope {wish.scope}: a narrower stop cannot be recorded yet, so the whole workspace stopped"
        )
    _print(wish, told, notes)
    return 0 if all(one["effective"] for one in told) else 1


def _read(words: Sequence[str]) -> _Wish:
    wish = _Wish()
    queue = list(words)
    queue.remove("stop")
    while queue:
        name, equals, value = queue.pop(0).partition("=")
        if name in {"--root", "--reason", "--scope"}:
            value = value if equals else (queue.pop(0) if queue else "")
            if name == "--root":
                wish.root = Path(value) if value else None
            else:
                setattr(wish, name[2:], value)
        elif name == "--all":
            wish.everywhere = True
        elif name == "--json":
            wish.as_json = True
        elif name != "--debug":
            wish.ignored.append(name)
    return wish


def _targets(wish: _Wish) -> list[Workspace]:
    """The workspaces to stop: the one meant, and with ``--all`` that of every node on this host."""
    targets: list[Workspace] = []
    try:
        targets.append(find_workspace(wish.root))
    except EnvironmentUnfit:
        if wish.root and Workspace(wish.root).control.is_dir():  # whatever became of its configs
            targets.append(Workspace(wish.root.resolve()))
    if wish.everywhere:
        from peak_console.control.running import running_nodes  # noqa: PLC0415 - asks the process table

        targets += [Workspace(one.root) for one in running_nodes() if Workspace(one.root) not in targets]
    return targets


def _nowhere(wish: _Wish) -> int:
    """No workspace was meant: say which nodes could be stopped."""
    from peak_console.control.running import running_nodes  # noqa: PLC0415 - asks the process table

    nodes = running_nodes()
    message = "no workspace here, so nothing was stopped"
    listed = "; ".join(f"peak stop --root {one.root}" for one in nodes)
    remedy = (
        f"stop one of this host's: {listed}; or all: peak stop --all" if nodes else "name one with --root"
    )
    if wish.as_json:
        error = {
            "code": "no_workspace",
            "message": message,
            "remedy": remedy,
            "nodes": [{"pid": one.pid, "root": str(one.root)} for one in nodes],
        }
        sys.stdout.write(json.dumps({"error": error}) + "\n")
    else:
        sys.stderr.write(f"peak: {message}\n  why: no_workspace\n  do:  {remedy}\n")
    return 3


def _told(ws: Workspace, outcome: StopOutcome, recorded: "Recorded") -> dict[str, Any]:
    return {
        "root": str(ws.root),
        "stop_id": outcome.stop_id,
        "effective": outcome.effective,
        "reason": outcome.reason,
        "steps": [
            {"step": one.step, "ok": one.ok, "detail": one.detail, "at_us": one.at_us}
            for one in outcome.report.steps
        ],
        "failed": [
            {"step": one.step, "detail": one.detail, "remedy": remedy} for one, remedy in outcome.failed
        ],
        "recorded": recorded.as_dict(),
    }


def _print(wish: _Wish, told: list[dict[str, Any]], notes: list[str]) -> None:
    if wish.as_json:
        document = told[0] if len(told) == 1 else {"stops": told}
        sys.stdout.write(json.dumps({**document, "notes": notes}) + "\n")
        return
    for one in told:
        word = "STOPPED" if one["effective"] else "NOT STOPPED: ENABLED could not be removed"
        sys.stdout.write(f"{word}  {one['root']}\n")
        for step in one["failed"]:
            sys.stdout.write(f"  failed: {step['step']}: {step['detail']}\n    do: {step['remedy']}\n")
        sys.stdout.write(f"  {one['recorded']['line']}\n")
        if one["effective"]:
            sys.stdout.write('  to go on later: peak enable --reason "..." --confirm ENABLE\n')
    for note in notes:
        sys.stdout.write(f"  note: {note}\n")
