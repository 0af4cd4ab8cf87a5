"""The demo's processes: simulator, node and traffic over one workspace; all of them end with it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self
from urllib.parse import urlsplit

from peak_console.config.workspace import Workspace
from peak_console.control.keys import WORKSPACE, KeyStore
from peak_console.demo.workspace import make_demo_workspace
from peak_console.domain.errors import (
    ControlRefused,
    EnvironmentUnfit,
    NodeUnreachable,
    PeakError,
    UsageWrong,
)
from peak_console.domain.text import one_line
from peak_console.node.admission import MADE_BY_INIT
from peak_console.node.genesis import Genesis
from peak_console.node.spawn import ensure_node, ledger_client, stop_node
from peak_console.operations.demo import (
    LedgerFigures,
    check_demo_root,
    demo_lock,
    environment_text,
    events_of,
    figures_of,
    shadow_figures,
    traffic_environment,
)
from peak_console.operations.enable import CONFIRM_WORD, enable_workspace
from peak_console.operations.locking.writing import write

OPERATOR: Final = "demo"
_PREFIX: Final = "peak-demo-"
_READY_S: Final = 60.0
"""How long simulator, node and the first records may each take: a loaded machine is slow, not broken."""

_END_S: Final = 10.0
_PAUSE_S: Final = 0.02
_LAST_BYTES: Final = 4000
_LAST_LINES: Final = 3
"""How much of what the traffic complained of is told."""


class DemoHouse:
    """A context manager: inside, the demo runs. ``summary()`` gives the traffic's figures after the end."""

    def __init__(self, root: Path | None, *, rate: float, seed: int, seconds: float = 0.0) -> None:
        self.kept = root is not None
        self._folder = None if root else _new_folder()
        self._root = root or self._base / "demo"
        self._rate, self._seed, self._seconds = rate, seed, seconds
        self._simulator: subprocess.Popen[bytes] | None = None
        self._traffic: subprocess.Popen[bytes] | None = None
        self._told: IO[bytes] | None = None
        self._complaint: IO[bytes] | None = None
        self._node_started = False
        self._exports: Path | None = None
        self._environment: Path | None = None
        """The folder of the environment file of the node's jobs, outside of the workspace."""
        self._first_seq = 0
        self._before = LedgerFigures()
        self.addresses: Mapping[str, str] = {}
        """The simulator's addresses, by provider."""
        self.ws = Workspace(self._root)

    @property
    def _base(self) -> Path:
        """The throw-away folder."""
        assert self._folder is not None  # noqa: S101 - only asked for without a root
        return self._folder

    def __enter__(self) -> Self:
        try:
            self._begin()
        except NodeUnreachable as error:
            self._end()
            raise NodeUnreachable(
                f"the demo's own node did not answer in time: {error.message}",
                remedy="the machine is busy: run the demo again, perhaps with a lower --rate",
            ) from error
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def environment_file(self) -> Path | None:
        """The environment file of the node's jobs; ``None`` before the beginning."""
        return self._environment / "environment" if self._environment else None

    @property
    def simulator(self) -> str:
        """The simulator's address, for its own requests under ``/_sim``; empty before the beginning."""
        url = urlsplit(next(iter(self.addresses.values()), ""))
        return f"{url.scheme}://{url.netloc}" if url.netloc else ""

    def wait(self) -> int:
        """Wait for the traffic's end; gives its exit code."""
        assert self._traffic is not None  # noqa: S101 - inside the context
        return self._traffic.wait()

    def summary(self) -> dict[str, Any]:
        """What the traffic did, and what the ledger holds; asked for inside, after :meth:`wait`."""
        assert self._traffic is not None  # noqa: S101 - inside the context
        assert self._told is not None  # noqa: S101 - inside the context
        self._told.seek(0)
        lines = self._told.read().splitlines()
        if self._traffic.returncode != 0 or not lines:
            raise EnvironmentUnfit(
                ": ".join(
                    [f"the demo's traffic ended with code {self._traffic.returncode}", *self._last_words()]
                ),
                code="demo_traffic_failed",
                remedy=f"see its log: peak logs --root {self.ws.root}",
            )
        told = json.loads(lines[-1])
        return {
            **told,  # what the ledger counts goes before what the traffic thinks of its calls
            **(figures_of(self.ws) - self._before).as_json(),
            **shadow_figures(self.ws, self._first_seq),
            "events": events_of(self.ws),
            "simulator": self.simulator,
            "root": str(self.ws.root),
            "kept": self.kept,
        }

    def _last_words(self) -> list[str]:
        """The last lines that the traffic wrote on standard error."""
        if self._complaint is None:
            return []
        size = self._complaint.seek(0, os.SEEK_END)
        self._complaint.seek(max(0, size - _LAST_BYTES))
        lines = self._complaint.read().decode("utf-8", "replace").splitlines()[-_LAST_LINES:]
        return [one_line("; ".join(line.strip() for line in lines if line.strip()), 1000)] if lines else []

    # -- beginning

    def _begin(self) -> None:
        check_demo_root(self._root)
        if self._folder is not None:
            os.environ["PEAK_KEYS_DIR"] = str(self._folder / "keys")
            os.environ["PEAK_STATE_DIR"] = str(self._folder / "state")
        self.ws = make_demo_workspace(self._root, today=datetime.now(UTC).date(), told=_say)
        self.addresses = self._start_simulator()
        self._make_ledger()
        file = self._write_environment()
        node = ensure_node(self.ws, simulated=True, with_parent=True, environment_file=file, wait_s=_READY_S)
        if not node.started:
            raise UsageWrong(
                f"a node (pid {node.pid}) runs on {self.ws.root} already",
                code="node_running",
                remedy=f"end that demo, or its node: peak node stop --root {self.ws.root}",
            )
        self._node_started = True
        self._before, self._first_seq = figures_of(self.ws), events_of(self.ws)
        self._enable()
        self._start_traffic(self.addresses)

    def _enable(self) -> None:
        """Open a new demo. One of before stays as it was left: what an operator stopped he enables again."""
        with ledger_client(self.ws, name="peak demo", deadline_s=_READY_S) as client:
            control = client.request("control")
            if control["last"] is None:
                if not self.ws.lock.exists():
                    write(self.ws, client, demo_lock(self.ws, datetime.now(UTC).date()), operator=OPERATOR)
                why = "the demo opens itself"
                enable_workspace(self.ws, client, reason=why, confirm=CONFIRM_WORD, operator=OPERATOR)
            elif control["in_force"] is None and self._seconds:
                raise ControlRefused(
                    f"{self.ws.root} was stopped, so no call would be made",
                    code="stopped_by_operator",
                    remedy="open it with the console (peak demo) and enable it there, or name a new folder",
                )

    def _make_ledger(self) -> None:
        """A genesis that says ``simulated``, with the demo's operator as its first."""
        keys = KeyStore(self.ws.keys)
        keys.create(WORKSPACE)
        public = keys.create(OPERATOR)
        begun = Genesis(MADE_BY_INIT, simulated=True, operator=OPERATOR, public_key=public)
        with ledger_client(self.ws, name="peak demo", genesis=begun):
            pass

    def _write_environment(self) -> Path:
        """The environment file of the node's jobs: its owner's only, and gone when the demo ends."""
        self._environment = Path(tempfile.mkdtemp(prefix="peak-environment-", dir=self._folder))
        file = self._environment / "environment"
        file.touch(mode=0o600)
        file.write_text(environment_text(self.addresses), encoding="utf-8")
        return file

    def _start_simulator(self) -> Mapping[str, str]:
        ready = Path(tempfile.mkdtemp(prefix="peak-ready-")) / "simulator.json"
        words = ["--seed", str(self._seed), "--ready-file", str(ready), "--with-parent"]
        self._simulator = _start("peak_console.simulator", words, os.environ)
        until = time.monotonic() + _READY_S
        try:
            while not ready.exists():
                if self._simulator.poll() is not None or time.monotonic() > until:
                    raise EnvironmentUnfit(
                        "the simulator does not start", code="simulator_failed", remedy="run the demo again"
                    )
                time.sleep(_PAUSE_S)
            urls: Mapping[str, str] = json.loads(ready.read_bytes())["urls"]
        finally:
            shutil.rmtree(ready.parent, ignore_errors=True)
        return urls

    def _start_traffic(self, urls: Mapping[str, str]) -> None:
        environ = traffic_environment(os.environ, urls)
        words = ["--root", str(self.ws.root), "--rate", str(self._rate), "--seed", str(self._seed)]
        if self.kept:
            words += ["--keep-runs", "0"]  # a workspace that is kept is kept whole
        words += ["--with-parent", *(["--seconds", str(self._seconds)] if self._seconds else [])]
        self._told = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the demo
        self._complaint = tempfile.TemporaryFile()  # noqa: SIM115 - likewise
        self._traffic = _start(
            "peak_console.demo.traffic", words, environ, stdout=self._told, stderr=self._complaint
        )

    # -- ending

    def _end(self) -> None:
        """End what was started, the last first; one that does not end is killed."""
        _stop(self._traffic)
        if self._node_started:
            try:
                stop_node(self.ws, force=True)
            except PeakError as error:
                sys.stderr.write(f"peak demo: {error.message}\n")
        _stop(self._simulator)
        for file in (self._told, self._complaint):
            if file is not None:
                file.close()
        if self._environment is not None:
            shutil.rmtree(self._environment, ignore_errors=True)
        if self._folder is not None:
            self._exports = _kept_exports(self.ws)
            shutil.rmtree(self._folder, ignore_errors=True)

    def last_words(self) -> list[str]:
        """What became of the workspace, for people, after the end."""
        if self._folder is None:
            return [f"the demo's workspace is kept: {self._root}"]
        lines = ["the demo's throw-away workspace is gone, with its ledger, runs and sealed packs"]
        if self._exports is not None:
            lines.append(f"the archives that were exported are kept in {self._exports}")
        return lines


def _say(words: str) -> None:
    sys.stderr.write(f"peak demo: {words}\n")


def _kept_exports(ws: Workspace) -> Path | None:
    """Move what was exported, with the key it verifies by, out of a throw-away workspace; where it is."""
    folder = ws.audits / "exports"
    try:
        if not any(folder.iterdir()):
            return None
        place = Path(tempfile.mkdtemp(prefix="peak-exports-"))
        for one in folder.iterdir():
            shutil.move(one, place / one.name)
        shutil.copy(ws.keys / f"{WORKSPACE}.pub", place)
    except OSError:
        return None
    return place


def _new_folder() -> Path:
    """A throw-away folder named after this process; those of demos that were killed are removed."""
    base = Path(tempfile.gettempdir())
    for left in base.glob(f"{_PREFIX}*-*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and left.stat().st_uid == os.getuid() and not _alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start(
    module: str,
    words: list[str],
    environ: Mapping[str, str],
    stdout: IO[bytes] | None = None,
    stderr: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", module, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if stdout is None else stdout,
        stderr=subprocess.DEVNULL if stderr is None else stderr,
        env=dict(environ),
        start_new_session=True,
    )


def _stop(child: subprocess.Popen[bytes] | None) -> None:
    if child is None or child.poll() is not None:
        return
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(_END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
