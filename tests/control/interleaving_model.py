"""A model of the control folder, the ledger and the node, for a search through every interleaving.

The processes are the production generators.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any

from interleaving_search import Done, Process, Search

from peak_console.control import enabling, files, history
from peak_console.control.history import ControlHistory

SHORT = {files.ENABLED: "enabled", files.ENABLING: "enabling", files.STOP: "stop"}


@dataclass(frozen=True)
class Append:
    """A process appends a stop's record."""

    event_id: str
    body: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Lease:
    """The node writes a lease that permits calls under this enable, or under none."""

    enabled: str | None


@dataclass(frozen=True)
class World:
    """Everything that is shared. Files hold the id of who wrote them."""

    enabled: str | None = None
    enabling: str | None = None
    stop: str | None = None
    full: bool = False
    node_up: bool = True
    ledger: ControlHistory = field(default_factory=ControlHistory)
    recorded: frozenset[str] = frozenset()
    lease: str | None = None
    # what the monitors remember
    looked_stop: frozenset[str] = frozenset()
    looked_enabled: frozenset[str] = frozenset()
    created: frozenset[str] = frozenset()
    before: tuple[tuple[str, frozenset[str]], ...] = ()
    past_moment: frozenset[str] = frozenset()
    dead: frozenset[str] = frozenset()


def data(field_name: str, value: str) -> bytes:
    """A control file's bytes, down to what identifies it."""
    return files.encode({field_name: value})


def stopper(name: str, steps: Callable[..., Any] = files.stop_steps) -> Process:
    """``peak stop``: the file protocol, then the record."""

    def run() -> Generator[Any, Any, Any]:
        report = yield from steps(data("stop_id", name), lambda: 0)
        ended = None if report.written else report.enabled_event
        yield Append(f"ev_{name}", (("scope", "global"), ("stop_id", name), ("ended", ended)))
        return report.effective

    return run


def enabler(name: str, steps: Callable[..., Any] = enabling.enable_steps, *, steals: bool = False) -> Process:
    """``peak enable``. With ``steals`` it takes every other enable for dead."""
    return lambda: steps(name, data("event_id", name), lambda _: steals)


def node_ticks(count: int) -> Process:
    """The node's watch: fold, look, record what stands unrecorded, write the lease."""

    def run() -> Generator[Any, Any, Any]:
        for _ in range(count):
            known = yield enabling.AskHistory()
            seen = yield from history.observe_steps()
            draft = history.unrecorded_stop(known, seen)
            if draft is not None:
                body = tuple((key, draft.body[key]) for key in ("scope", "stop_id", "ended"))
                yield Append(draft.event_id, body)
                continue
            yield Lease(history.permitted(known, seen))

    return run


def hand() -> Generator[Any, Any, Any]:
    """``rm audits/control/ENABLED`` by hand."""
    yield files.Unlink(files.ENABLED)


def disk() -> Generator[Any, Any, Any]:
    """The disk fills at some moment, and has space again at some later one."""
    yield "fill"
    yield "free"


def outage() -> Generator[Any, Any, Any]:
    """The node dies at some moment, and another one starts at some later one."""
    yield "node down"
    yield "node up"


def act_watched(world: World, name: str, action: Any) -> Done:
    """One atomic action under the monitors' eyes."""
    after, answer = act(world, name, action)
    after = watch(after, name, action, answer, removed=world.enabled is not None)
    gate_open = after.enabled is not None and after.enabled == after.lease and after.stop is None
    return Done(after, answer, gate_open, _broken(after, name, action, gate_open=gate_open))


def every_order(processes: dict[str, Process], world: World) -> Search:
    """The search through every interleaving of these over one world; not run yet."""
    return Search(processes, world, act_watched)


def _broken(world: World, name: str, action: Any, *, gate_open: bool) -> tuple[str, ...]:
    found = []
    if world.enabled in world.dead and world.enabled in {world.ledger.in_force, world.lease}:
        found.append(f"{world.enabled}, begun before a stop, is in force; by {name} {action}")
    if gate_open and world.enabled not in world.recorded:
        found.append(f"the gate is open for {world.enabled}, which is on no record")
    return tuple(found)


def act(world: World, process: str, action: Any) -> tuple[World, tuple[str, Any]]:  # noqa: C901, PLR0911, PLR0912 - one table
    """One atomic action on the world; the answer is ``("ok", value)`` or ``("raise", what)``."""
    match action:
        case files.Read(name):
            return world, ("ok", _content(world, name))
        case files.Unlink(name):
            found = getattr(world, SHORT[name]) is not None
            return replace(world, **{SHORT[name]: None}), ("ok", found)
        case files.Create(name, content):
            if getattr(world, SHORT[name]) is not None:
                return world, ("raise", "exists")
            if world.full:
                return world, ("raise", "full")
            return replace(world, **{SHORT[name]: _id(name, content)}), ("ok", None)
        case files.Replace(name, content):
            if world.full:
                return world, ("raise", "full")
            return replace(world, **{SHORT[name]: _id(name, content)}), ("ok", None)
        case files.Rename(source, target):
            moved = getattr(world, SHORT[source])
            if moved is None:
                return world, ("raise", "missing")
            return replace(world, **{SHORT[source]: None, SHORT[target]: moved}), ("ok", None)
        case files.Sync():
            return world, ("ok", None)
        case enabling.AskHistory():
            return world, ("ok", world.ledger) if world.node_up else ("raise", "no node")
        case Append(event_id, body):
            return _append(world, event_id, "control.stopped", dict(body))
        case enabling.RecordStop(stop_id):
            body = {"scope": "global", "stop_id": stop_id, "ended": None}
            return _append(world, f"ev_{stop_id}", "control.stopped", body)
        case enabling.RecordEnable(after_stop, after_event):
            body = {"scope": "global", "after_stop": after_stop, "after_event": after_event}
            if history.admit_enable(world.ledger, body) is not None:
                return world, ("raise", "changed")
            return _append(world, process, "control.enabled", body)
        case Lease(enabled):
            if world.full or not world.node_up:
                return world, ("ok", None)
            return replace(world, lease=enabled), ("ok", None)
        case "fill":
            return replace(world, full=True), ("ok", None)
        case "free":
            return replace(world, full=False), ("ok", None)
        case "node down":
            return replace(world, node_up=False), ("ok", None)
        case "node up":
            return replace(world, node_up=True), ("ok", None)
    raise AssertionError(action)


def _append(world: World, event_id: str, kind: str, body: dict[str, Any]) -> tuple[World, tuple[str, Any]]:
    if world.full or not world.node_up:
        return world, ("raise", "not recorded")
    if event_id in world.recorded:
        return world, ("ok", None)
    ledger = world.ledger.after(kind, event_id, body, "")
    return replace(world, ledger=ledger, recorded=world.recorded | {event_id}), ("ok", None)


def _content(world: World, name: str) -> bytes | None:
    found = getattr(world, SHORT[name])
    if found is None:
        return None
    return data("stop_id" if name == files.STOP else "event_id", found)


def _id(name: str, content: bytes) -> str | None:
    return files.text_field(content, "stop_id" if name == files.STOP else "event_id")


def watch(world: World, name: str, action: Any, answer: tuple[str, Any], *, removed: bool) -> World:
    """The monitors: which enables began before which stop, and which stops have come to their end.

    A stop's *moment* is its attempt to write ``STOP``. An enable has begun with its look when the stop leaves
    a trace that a look can see (``STOP``, or an ``ENABLED`` it removed), else with its ``ENABLING``. Once the
    stop has come to its end, ``ENABLED`` of an enable begun before its moment must never stand.
    """
    if name.startswith("E"):
        return _watch_enable(world, name, action, answer)
    if name.startswith("S"):
        return _watch_stop(world, name, action, answer, removed=removed)
    return world


def _watch_enable(world: World, name: str, action: Any, answer: tuple[str, Any]) -> World:
    if isinstance(action, files.Read) and action.name == files.STOP:
        return replace(world, looked_stop=world.looked_stop | {name})
    if isinstance(action, files.Read) and action.name == files.ENABLED:
        return replace(world, looked_enabled=world.looked_enabled | {name})
    if isinstance(action, files.Create) and answer[0] == "ok":
        return replace(world, created=world.created | {name})
    return world


def _watch_stop(world: World, name: str, action: Any, answer: tuple[str, Any], *, removed: bool) -> World:
    before = dict(world.before)
    known = before.get(name, frozenset())
    past = name in world.past_moment
    match action:
        case files.Unlink(files.ENABLED) if removed and not past:
            before[name] = known | world.looked_enabled
        case files.Replace(files.STOP, _):
            before[name] = known | (world.looked_stop if answer[0] == "ok" else world.created)
            world = replace(world, past_moment=world.past_moment | {name})
        case files.Read(files.ENABLED) if past:
            world = replace(world, dead=world.dead | known)
    return replace(world, before=tuple(sorted(before.items())))
