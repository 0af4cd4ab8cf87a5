"""``peak stop``: files first, record last. Nothing heavy is imported before the unlinks are done."""

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peak_console.config.workspace import Workspace, find_workspace
from peak_console.control.stop import StopOutcome, stop_now
from peak_console.domain.errors import EnvironmentUnfit

if TYPE_CHECKING:
    from peak_console.control.venues import VenuesStep
    from peak_console.operations.stop import Recorded
    from peak_console.operations.stop_background import BackgroundStep
    from peak_console.operations.workers import Attendance


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
    if wish.scope != "global":
        return _stop_part(wish, targets, reason)
    outcomes = [(one, stop_now(one.control, reason=reason)) for one in targets]

    from peak_console.control.venues import begin_cancel_all, venues_of  # noqa: PLC0415 - after the unlinks

    orders = [begin_cancel_all(venues_of(one.root)) for one in targets]
    from peak_console.operations.stop import record_stop  # noqa: PLC0415 - only after the unlinks

    told = [_told(ws, outcome, record_stop(ws, outcome)) for ws, outcome in outcomes]
    if not wish.as_json:
        _print(told)
        _flush()  # what stands is told before anything is waited for

    from peak_console.operations.stop_background import cancel_background  # noqa: PLC0415 - likewise
    from peak_console.operations.workers import PATIENCE_S, acknowledgements  # noqa: PLC0415 - likewise

    workers = [acknowledgements(ws, one.stop_id, patience_s=PATIENCE_S) for ws, one in outcomes]
    if not wish.as_json:
        _print_workers(targets, workers)
        _flush()
    ended = cancel_background(targets)
    venues = [one.result() for one in orders]
    notes = [f"unknown option {one} was ignored" for one in wish.ignored]
    if wish.as_json:
        documents = [
            _with_background(_with_venues(_with_workers(one, worker), venue), step)
            for one, venue, step, worker in zip(told, venues, ended, workers, strict=True)
        ]
        document = documents[0] if len(documents) == 1 else {"stops": documents}
        _write(json.dumps({**document, "notes": notes}) + "\n")
    else:
        _print_background(targets, ended)
        _print_venues(targets, venues)
        _write("".join(f"  note: {note}\n" for note in notes))
    return 0 if all(one["effective"] for one in told) else 1


def _stop_part(wish: _Wish, targets: list[Workspace], reason: str) -> int:
    """Stop one scope, through the node; whatever goes wrong on the way stops everything."""
    told: list[dict[str, Any]] = []
    everything: list[Workspace] = []
    for ws in targets:
        document, said = _stopped_part(ws, wish.scope, reason)
        told.append(document)
        everything += [ws] if document["escalated"] else []
        if not wish.as_json:
            _write("\n".join(said) + "\n")
            _flush()
    from peak_console.operations.stop_background import cancel_background  # noqa: PLC0415 - slow
    from peak_console.operations.workers import PATIENCE_S, acknowledgements  # noqa: PLC0415 - likewise

    workers = [acknowledgements(ws, patience_s=PATIENCE_S) for ws in targets]
    told = [_with_workers(one, worker) for one, worker in zip(told, workers, strict=True)]
    if not wish.as_json:
        _print_workers(targets, workers)
        _flush()
    parts = [one for one in targets if one not in everything]
    ended = cancel_background(everything) + cancel_background(parts, scope=wish.scope.strip())
    if not wish.as_json:
        _print_background(everything + parts, ended)
    by_root = {str(ws.root): step for ws, step in zip(everything + parts, ended, strict=True)}
    told = [_with_background({"steps": [], "failed": [], **one}, by_root[one["root"]]) for one in told]
    notes = [f"unknown option {one} was ignored" for one in wish.ignored]
    if wish.as_json:
        document = told[0] if len(told) == 1 else {"stops": told}
        _write(json.dumps({**document, "notes": notes}) + "\n")
    else:
        _write("".join(f"  note: {note}\n" for note in notes))
    return 0 if all(one["effective"] for one in told) else 1


def _stopped_part(ws: Workspace, scope: str, reason: str) -> tuple[dict[str, Any], list[str]]:
    """The document and the lines of one workspace's stop of a scope."""
    try:
        from peak_console.cli.lowering import lines  # noqa: PLC0415 - not needed to stop everything
        from peak_console.operations.lowering import stop_scope  # noqa: PLC0415 - likewise

        done = stop_scope(ws, scope, reason=reason)
        return {"root": str(ws.root), **done.as_dict()}, lines(done, str(ws.root))
    except Exception as error:  # noqa: BLE001 - a stop that was asked for is a stop, whatever broke
        outcome = stop_now(ws.control, reason=reason, asked_scope=scope)
        word = "STOPPED" if outcome.effective else "NOT STOPPED: ENABLED could not be removed"
        document = {"root": str(ws.root), "effective": outcome.effective, "escalated": True}
        return document, [f"{word}  {ws.root}", f"  everything, for the scope alone failed: {error}"]


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
        _write(json.dumps({"error": error}) + "\n")
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


def _with_background(told: dict[str, Any], step: "BackgroundStep") -> dict[str, Any]:
    """The document of one stop with its last step, and the calls that step was about."""
    failed = [
        {"step": "background", "detail": f"{one.work.call_id}: {one.detail}", "remedy": one.remedy}
        for one in step.failed
    ]
    if step.problem:
        failed.append({"step": "background", "detail": step.problem, "remedy": step.remedy})
    return {
        **told,
        "steps": [*told["steps"], step.as_dict()],
        "failed": [*told["failed"], *failed],
        "background": [one.as_dict() for one in step.calls],
    }


def _with_venues(told: dict[str, Any], step: "VenuesStep") -> dict[str, Any]:
    """The document of one stop with what became of orders."""
    failed = [
        {"step": "cancel_all", "detail": f"{one.venue}: {one.detail}", "remedy": one.remedy}
        for one in step.failed
    ]
    return {
        **told,
        "steps": [*told["steps"], step.as_dict()],
        "failed": [*told["failed"], *failed],
        "venues": [one.as_dict() for one in step.venues],
    }


def _with_workers(told: dict[str, Any], found: "Attendance") -> dict[str, Any]:
    """The document of one stop with who has acknowledged it."""
    failed = [
        {"step": "workers", "detail": f"no word from {one.shown}", "remedy": found.remedy}
        for one in found.missing
    ]
    return {
        **told,
        "steps": [*told.get("steps", []), found.as_dict()],
        "failed": [*told.get("failed", []), *failed],
        "workers": [one.as_dict() for one in found.workers],
    }


def _print_workers(targets: list[Workspace], found: "list[Attendance]") -> None:
    """Who has acknowledged, where anybody is connected; in red who has not."""
    for ws, one in zip(targets, found, strict=True):
        if not one.workers:
            continue
        where = f" of {ws.root}" if len(targets) > 1 else ""
        _say(f"  workers{where}: {one.detail}", red=not one.ok)
        if not one.ok:
            _say(f"    do: {one.remedy}")


def _print_venues(targets: list[Workspace], steps: "list[VenuesStep]") -> None:
    """What became of orders; in red where they may stand."""
    for ws, step in zip(targets, steps, strict=True):
        where = f" of {ws.root}" if len(targets) > 1 else ""
        if not step.venues:
            _say(f"  orders{where}: {step.detail}")
        for one in step.venues:
            _say(f"  orders{where} at {one.venue}: {one.detail}", red=not one.ok)
            if not one.ok:
                _say(f"    do: {one.remedy}")


def _print(told: list[dict[str, Any]]) -> None:
    for one in told:
        word = "STOPPED" if one["effective"] else "NOT STOPPED: ENABLED could not be removed"
        _write(f"{word}  {one['root']}\n")
        first_us = min((step["at_us"] for step in one["steps"]), default=0)
        for step in one["steps"]:
            detail = f": {step['detail']}" if step["detail"] else ""
            ms = (step["at_us"] - first_us) / 1000
            _say(f"  {'done' if step['ok'] else 'FAILED':<6} {ms:>7.1f} ms  {step['step']}{detail}")
        for step in one["failed"]:
            _write(f"  failed: {step['step']}: {step['detail']}\n    do: {step['remedy']}\n")
        _write(f"  {one['recorded']['line']}\n")
        if one["effective"]:
            _write('  to go on later: peak enable --reason "..." --confirm ENABLE\n')


def _print_background(targets: list[Workspace], steps: "list[BackgroundStep]") -> None:
    """What became of background work, where there was any; in red what may run on."""
    for ws, step in zip(targets, steps, strict=True):
        if not step.calls and step.ok:
            continue
        where = f" of {ws.root}" if len(targets) > 1 else ""
        _say(f"  background work{where}: {step.detail}", red=not step.ok)
        if step.problem:
            _say(f"    do: {step.remedy}")
        for one in step.calls:
            work = one.work
            said = f"{work.call_id} {work.provider}:{work.model_id}: {one.detail}"
            _say(f"    {'cancelled' if one.ok else 'MAY STILL RUN'}  {said}", red=not one.ok)
            if not one.ok:
                _say(f"      do: {one.remedy}")


def _say(line: str, *, red: bool = False) -> None:
    """A line without a terminal's commands but our own, and those only where a terminal reads them."""
    from peak_console.domain.text import plain  # noqa: PLC0415 - only after the unlinks

    coloured = red and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    _write(f"\x1b[31m{plain(line)}\x1b[0m\n" if coloured else f"{plain(line)}\n")


def _write(text: str) -> None:
    """Write; a reader that has gone away (``peak stop | head -1``) keeps no later step from being done."""
    try:
        sys.stdout.write(text)
    except (OSError, ValueError):
        _nobody_reads()


def _flush() -> None:
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _nobody_reads()


def _nobody_reads() -> None:
    """Let all further output go nowhere, what is buffered and flushed at the exit too."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
