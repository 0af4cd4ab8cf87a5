"""The arming machine as it is, and as it would be with a planted flaw, loaded from its sources."""

import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

NAMES = ("tokens", "arm_rules", "arm_state", "arm_records", "arming")
"""The machine's modules, each after those it imports."""

_ROOM = "peak_console.control"


@dataclass(frozen=True)
class Program:
    """The machine's modules by their names; attributes of all of them are found here."""

    modules: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        for module in self.modules.values():
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(name)


@cache
def _source(name: str) -> str:
    return inspect.getsource(importlib.import_module(f"{_ROOM}.{name}"))


def real() -> Program:
    """The machine as it ships."""
    return Program({name: importlib.import_module(f"{_ROOM}.{name}") for name in NAMES})


def flawed(where: str, old: str, new: str) -> Program:
    """The machine with ``old`` replaced by ``new`` in one module, where it must stand exactly once."""
    text = _source(where)
    assert text.count(old) == 1, f"{where}: {text.count(old)} places read {old!r}"
    sources = {name: _source(name) for name in NAMES} | {where: text.replace(old, new)}
    made: dict[str, ModuleType] = {}
    with _restored():
        for name in NAMES:
            module = made[name] = ModuleType(f"{_ROOM}.{name}")
            sys.modules[module.__name__] = module
            exec(compile(sources[name], f"{name}.py", "exec"), module.__dict__)  # noqa: S102 - our own source
    return Program(made)


@contextmanager
def _restored() -> Iterator[None]:
    before = {f"{_ROOM}.{name}": sys.modules[f"{_ROOM}.{name}"] for name in NAMES}
    try:
        yield
    finally:
        sys.modules.update(before)
