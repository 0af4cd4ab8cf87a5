"""Servers of others end with the tests that started them, however these end."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.children import eventually
from support.servers import proof_program, started

TESTS = Path(__file__).parent.parent
STARTER = """
import signal
import sys
from pathlib import Path
from support.servers import started

for number in (signal.SIGTERM, signal.SIGHUP):  # ignored where the tests run under nohup, and inherited
    signal.signal(number, signal.SIG_DFL)

command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "{port}"]
with started(command, log=Path(sys.argv[1])) as server:
    print(server.url, server.process.pid, flush=True)
    sys.stdin.read()
"""


def refuses(url: str) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) != 0


def gone(pid: int) -> bool:
    """Whether a process is no more."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_server_outlives_no_killed_test_run(tmp_path: Path, ending: signal.Signals) -> None:
    """The starter's whole group gets the signal: its server refuses soon after, and the keeper has ended."""
    (tmp_path / "starter.py").write_text(STARTER)
    run = subprocess.Popen(
        [sys.executable, str(tmp_path / "starter.py"), str(tmp_path / "log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        start_new_session=True,
    )
    assert run.stdout is not None
    assert run.stdin is not None
    url, keeper = run.stdout.readline().split()
    if ending is signal.SIGKILL:
        run.send_signal(ending)
    else:
        os.killpg(run.pid, ending)
    run.wait(30)
    eventually(lambda: refuses(url), "the server ended")
    eventually(lambda: gone(int(keeper)), "the keeper ended")
    run.stdin.close()
    run.stdout.close()


def test_what_is_missing_is_named_with_its_remedy() -> None:
    """A server that is not installed skips its tests, and says how to get it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PEAK_PROOF", raising=False)
        with pytest.raises(pytest.skip.Exception, match="make proof"):
            proof_program("no-such-server")
        patch.setenv("PEAK_PROOF", "required")
        with pytest.raises(pytest.fail.Exception, match="make proof"):
            proof_program("no-such-server")


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    """Its own last words are in the failure."""
    command = [sys.executable, "-c", "raise SystemExit('no licence')"]
    with pytest.raises(pytest.fail.Exception, match="no licence"), started(command, log=tmp_path / "log"):
        pass
