import asyncio
from pathlib import Path

import pytest

from peak_console.control.gate import CallGate, InFlight
from peak_console.domain.clock import SystemClock
from peak_console.llm.entropy import Entropy
from peak_console.llm.interrupting import Interrupted, interruptible


@pytest.fixture
def control(tmp_path: Path) -> Path:
    """A control folder that permits."""
    (tmp_path / "ENABLED").write_text("{}")
    return tmp_path


async def test_a_stop_ends_the_block_and_nothing_else(control: Path) -> None:
    """The task goes on after the block, uncancelled."""
    watch = InFlight(CallGate(control, SystemClock(), {}))

    async def stopped_meanwhile() -> None:
        with interruptible(watch):
            (control / "ENABLED").unlink()
            await asyncio.sleep(60)

    with pytest.raises(Interrupted) as caught:
        await stopped_meanwhile()
    assert caught.value.halt.words == "not_enabled"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)
    watch.close()


async def test_a_callers_cancelling_goes_through(control: Path) -> None:
    """Without a stop a cancel is a cancel, also when both come."""
    watch = InFlight(CallGate(control, SystemClock(), {}))
    inside = asyncio.Event()

    async def work(*, stop: bool) -> None:
        with interruptible(watch):
            if stop:
                (control / "ENABLED").unlink(missing_ok=True)
            inside.set()
            await asyncio.sleep(60)

    for stop in (False, True):
        inside.clear()
        task = asyncio.create_task(work(stop=stop))
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    watch.close()


async def test_a_block_that_ends_well_leaves_no_trace(control: Path) -> None:
    """A stop after the block cancels nobody."""
    watch = InFlight(CallGate(control, SystemClock(), {}))
    with interruptible(watch):
        await asyncio.sleep(0)
    (control / "ENABLED").unlink()
    await asyncio.sleep(0.05)
    watch.close()


def test_entropy_gives_each_byte_once() -> None:
    """Pieces are drawn as needed and never given out twice."""
    drawn = bytearray()

    def source(count: int) -> bytes:
        piece = bytes(range(256)) * (count // 256 + 1)
        drawn.extend(piece[:count])
        return piece[:count]

    entropy = Entropy(source)
    taken = b"".join(entropy.take(size) for size in (1, 100, 3995, 5, 9000, 1))
    assert len(taken) == 1 + 100 + 3995 + 5 + 9000 + 1
    assert taken[:4096] == bytes(drawn)[:4096]
