"""Signs of life: what systemd is told, and how a node that hangs ends itself."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from peak_console.node.alive import EXIT_HUNG, Notifier, Watchdog

HOUR_US = "3600000000"


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket that receives what a service manager would."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    line.bind(str(tmp_path / "notify"))
    line.settimeout(60)
    yield line
    line.close()


def test_without_a_service_manager_nothing_is_told() -> None:
    """A node in the foreground has nobody to tell, and no watchdog to please."""
    alone = Notifier({})
    assert not alone.tell("READY=1")
    assert alone.watchdog_s is None


def test_a_socket_that_is_gone_stops_nobody(tmp_path: Path) -> None:
    """The service manager may restart."""
    assert not Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell("READY=1")


@pytest.mark.parametrize("usec", ["", "0", "-5", "soon", "9e9", "²"])
def test_a_watchdog_time_that_is_none_is_none(usec: str) -> None:
    """What cannot be read asks for nothing."""
    assert Notifier({"NOTIFY_SOCKET": "x", "WATCHDOG_USEC": usec}).watchdog_s is None


def test_another_process_watchdog_is_not_ours() -> None:
    """The variables are inherited by children; the pid says whose they are."""
    assert Notifier({"WATCHDOG_USEC": HOUR_US, "WATCHDOG_PID": "1"}).watchdog_s is None


async def test_life_is_told_only_while_the_loop_advances(tmp_path: Path, systemd: socket.socket) -> None:
    """A loop that ticks no more gives no sign, so that systemd ends the node."""
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000"})
    advancing = True
    task = asyncio.create_task(notifier.keep(lambda: advancing))
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, systemd.recv, 100) == b"WATCHDOG=1"
    advancing = False
    await asyncio.sleep(0)
    systemd.settimeout(0)
    while True:  # what was sent before
        try:
            systemd.recv(100)
        except BlockingIOError:
            break
    await asyncio.sleep(0.05)
    with pytest.raises(BlockingIOError):
        systemd.recv(100)
    task.cancel()


def test_a_node_that_hangs_ends_itself() -> None:
    """Nobody beats: the process ends with a code of its own, which a service manager restarts."""
    ended: list[int] = []
    told = threading.Event()

    def end(code: int) -> None:
        ended.append(code)
        told.set()

    Watchdog(0.05, end=end, look_s=0.01)
    assert told.wait(60)
    assert ended == [EXIT_HUNG]


async def test_a_node_that_ticks_lives_on() -> None:
    """Beaten in time, the watchdog ends nobody."""
    ended: list[int] = []
    dog = Watchdog(60.0, end=ended.append, look_s=0.01)
    task = asyncio.create_task(dog.keep(lambda: True))
    await asyncio.sleep(0.05)
    task.cancel()
    dog.close()
    assert ended == []
