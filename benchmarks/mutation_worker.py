"""A worker of mutation.py: tries mutants of one module, each in a forked process.

    python mutation_worker.py MODULE SECONDS PYTEST_ARGUMENT...

The working folder is a copy of the repository. Asked by one line of JSON, ``{"source": ...}``, it answers by
one line ``{"outcome": ..., "by": ..., "seconds": ...}``. The source stands in for the module's when the tests
import it, so nothing is written; everything that does not import the module is imported once, before. Draws
of property tests are the same each time and are not shrunk.
"""

import contextlib
import gc
import importlib
import importlib.abc
import importlib.util
import json
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

PLUGINS = ("pytest_asyncio.plugin", "_hypothesis_pytestplugin")
SURVIVED, KILLED, TIMEOUT = "survived", "killed", "timeout"


class Standin(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a text; without a text it cannot be imported, nor what imports it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = os.path.abspath(name.replace(".", os.sep) + ".py")  # noqa: PTH100 - no pathlib in a child
        self.source: str | None = None
        self.used = False

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's
        target: ModuleType | None = None,  # noqa: ARG002 - the protocol's
    ) -> ModuleSpec | None:
        """Only of the one module."""
        if fullname != self.name:
            return None
        if self.source is None:
            raise ImportError(f"{fullname} comes later", name=fullname)
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        """The text, run as the module."""
        self.used = True
        exec(compile(self.source or "", self.path, "exec"), module.__dict__)  # noqa: S102 - what a mutant is


class Told:
    """A plugin of pytest that keeps the first failure."""

    def __init__(self) -> None:
        self.by = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The first test that failed."""
        if report.failed and not self.by:
            self.by = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that could not be imported fails all of its tests."""
        if report.failed and not self.by:
            self.by = f"import of {report.nodeid}"


def child(standin: Standin, arguments: list[str], pipe: int) -> None:
    """Run the tests on what stands in, and tell the outcome."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(nothing, handle)
    told = Told()
    code = pytest.main([*arguments, f"--basetemp={os.environ['TMPDIR']}/{os.getpid()}"], plugins=[told])
    answer: dict[str, Any] = {
        "outcome": SURVIVED if code == 0 else KILLED,
        "by": told.by or f"exit {int(code)}",
    }
    if not standin.used:
        answer = {"outcome": "unused", "by": "the tests never import the module"}
    answer["modules"] = [
        name
        for name, one in sys.modules.items()
        if not getattr(one, "__file__", None) or "/tests/" not in str(one.__file__)
    ]
    data = json.dumps(answer).encode()
    while data:
        data = data[os.write(pipe, data) :]


def tried(standin: Standin, source: str, arguments: list[str], seconds: float) -> dict[str, Any]:
    """What the tests make of this source; a child that takes too long is ended with all that it started."""
    reading, writing = os.pipe()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            standin.source = source
            child(standin, arguments, writing)
        finally:
            os._exit(0)
    os.close(writing)
    data, over = b"", False
    while not over:
        left = began + seconds - time.monotonic()
        if left <= 0 or not select.select([reading], [], [], left)[0]:
            break
        piece = os.read(reading, 65536)
        data, over = data + piece, not piece
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(reading)
    spent = round(time.monotonic() - began, 2)
    if not over:
        return {"outcome": TIMEOUT, "by": "", "seconds": spent}
    answer: dict[str, Any] = json.loads(data) if data else {"outcome": KILLED, "by": "the process died"}
    return {**answer, "seconds": spent}


def preload(names: list[str]) -> None:
    """Import what tests import, as far as it does not need the module."""
    for name in names:
        if name not in sys.modules and name != "conftest":
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    gc.collect()
    gc.freeze()


def main() -> None:
    """First the module as it is, then what is asked for."""
    module, seconds, *tests = sys.argv[1:]
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as above
    standin = Standin(module)
    sys.meta_path.insert(0, standin)
    arguments = ["-x", "-q", "--no-header", "-p", "no:cacheprovider"]
    arguments += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
    for plugin in PLUGINS:
        importlib.import_module(plugin)
        arguments += ["-p", plugin]
    arguments += tests
    settings.register_profile(
        "mutation",
        database=None,
        derandomize=True,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutation")
    for line in sys.stdin:
        asked = json.loads(line)
        answer = tried(standin, asked["source"], arguments, float(seconds))
        modules = answer.pop("modules", [])
        if asked.get("first"):
            preload(modules)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
