import asyncio

import pytest
from support.loop_time import let_pass

from peak_console.demo.pacing import Pacer
from peak_console.domain.errors import ControlRefused


async def test_tickets_come_at_the_rate() -> None:
    """In a second at 200 a second about two hundred are handed out, no burst at the start."""
    begun: list[float] = []
    loop = asyncio.get_running_loop()

    def start() -> bool:
        begun.append(loop.time())
        return True

    task = asyncio.create_task(Pacer(200.0, start).run(lambda: 0.0))
    await asyncio.sleep(0)
    first = loop.time()
    for _ in range(500):
        let_pass(0.002)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    expected = 200 * (loop.time() - first)
    task.cancel()
    assert 0.6 * expected <= len(begun) <= 1.3 * expected


async def test_who_waits_goes_before_who_begins() -> None:
    """A waiting call gets the ticket; a run begins only when nobody waits."""
    order: list[str] = []

    def start() -> bool:
        order.append("start")
        return True

    pacer = Pacer(1000.0, start)

    async def waiting(name: str) -> None:
        await pacer.ticket()
        order.append(name)

    waiters = [asyncio.create_task(waiting(name)) for name in ("first", "second")]
    await asyncio.sleep(0)
    task = asyncio.create_task(pacer.run(lambda: 0.0))
    await asyncio.gather(*waiters)
    task.cancel()
    assert [one for one in order if one != "start"] == ["first", "second"]


async def test_what_cannot_begin_is_missed_not_queued() -> None:
    """Tickets beyond the bound are counted and gone."""
    pacer = Pacer(1000.0, lambda: False)
    task = asyncio.create_task(pacer.run(lambda: 0.0))
    async with asyncio.timeout(60):
        while pacer.missed < 10:  # noqa: ASYNC110 - the pacer tells nobody
            await asyncio.sleep(0.005)
    task.cancel()


async def test_a_pause_holds_everything_back() -> None:
    """No ticket while paused; those who wait can be sent away with a reason."""
    begun: list[int] = []

    def start() -> bool:
        begun.append(1)
        return True

    pacer = Pacer(1000.0, start)
    task = asyncio.create_task(pacer.run(lambda: 0.05))
    waiter = asyncio.create_task(pacer.ticket())
    await asyncio.sleep(0.1)
    assert not begun
    assert not waiter.done()
    pacer.refuse(ControlRefused("stopped"))
    with pytest.raises(ControlRefused):
        await waiter
    task.cancel()


async def test_a_cancelled_call_costs_no_ticket() -> None:
    """A ticket is not wasted on a call that has gone."""
    pacer = Pacer(1000.0, lambda: True)
    gone = asyncio.create_task(pacer.ticket())
    waits = asyncio.create_task(pacer.ticket())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    task = asyncio.create_task(pacer.run(lambda: 0.0))
    async with asyncio.timeout(60):
        await waits
    task.cancel()


async def test_after_the_end_nobody_waits() -> None:
    """Who comes for a ticket after the end is sent away at once."""
    pacer = Pacer(1000.0, lambda: True)
    waits = asyncio.create_task(pacer.ticket())
    await asyncio.sleep(0)
    pacer.close(ControlRefused("the end", code="traffic_ends"))
    for late in (waits, asyncio.create_task(pacer.ticket())):
        with pytest.raises(ControlRefused):
            await late
