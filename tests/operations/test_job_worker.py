"""A job's worker: it takes one order, and its last line always says how it ended."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.domain.errors import ConfigInvalid, ControlRefused, PeakError, UsageWrong
from peak_console.domain.jobs import JobKind, RunCause, RunState
from peak_console.operations.jobs import worker
from peak_console.operations.jobs.context import JobEnd, Order, order_from

ORDER = {
    "job": "eurusd",
    "key": "eurusd@2026-11-22T12:00:00Z",
    "claim": "token",
    "kind": "shadow_cycle",
    "due_at": "2026-11-22T12:00:00Z",
    "cause": "due",
    "attempt": 2,
    "timeout_s": 60,
    "params": {"slot": "L2.primary"},
}
DONE = JobEnd(RunState.DONE, "would_allow", "all limits hold")


def line(**changes: Any) -> bytes:
    """An order as the node writes it."""
    return orjson.dumps(ORDER | changes) + b"\n"


def test_an_order_is_read_as_the_node_writes_it() -> None:
    """Every field of it."""
    order = order_from(line())
    assert (order.job, order.kind, order.cause, order.attempt) == (
        "eurusd",
        JobKind.SHADOW_CYCLE,
        RunCause.DUE,
        2,
    )
    assert (order.claim, order.timeout_s, order.params) == ("token", 60, {"slot": "L2.primary"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "order"},
        {"job": ""},
        {"claim": None},
        {"due_at": "noon"},
        {"due_at": "2026-11-22T12:00:00"},
        {"cause": "whim"},
        {"params": [1]},
        {"attempt": "two"},
    ],
)
def test_an_order_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    """In the words of the product."""
    with pytest.raises(UsageWrong) as told:
        order_from(line(**wrong))
    assert (told.value.code, bool(told.value.remedy)) == ("order_malformed", True)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ODD_ORDERS = st.fixed_dictionaries({key: st.just(value) | VALUES for key, value in ORDER.items()})


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | VALUES.map(orjson.dumps) | ODD_ORDERS.map(orjson.dumps))
def test_no_line_breaks_the_reading_of_orders(data: bytes) -> None:
    """Whatever it holds it is an order, or refused."""
    with contextlib.suppress(UsageWrong):
        assert isinstance(order_from(data), Order)


@asynccontextmanager
async def node_end(data: bytes) -> AsyncIterator[tuple[int, int]]:
    """A worker's standard input and the node's end of it, with ``data`` written."""
    reading, writing = os.pipe()
    os.write(writing, data)
    open_ends = {writing}
    try:
        yield reading, writing
    finally:
        for end in open_ends:
            try:
                os.close(end)
            except OSError:
                continue


def ended(perform: Callable[[Order], Awaitable[JobEnd]], data: bytes = line()) -> JobEnd:
    """How a worker ends that performs so."""

    async def main() -> JobEnd:
        async with node_end(data) as (stdin, _):
            return await worker.run(perform, stdin)

    return asyncio.run(main())


def raising(error: Exception) -> Callable[[Order], Awaitable[JobEnd]]:
    """Work that ends in an error."""

    async def perform(_: Order) -> JobEnd:
        raise error

    return perform


def test_what_the_work_gives_is_how_the_run_ended() -> None:
    """And the order reaches it."""
    got: list[Order] = []

    async def perform(order: Order) -> JobEnd:
        got.append(order)
        return DONE

    assert ended(perform) == DONE
    assert [one.key for one in got] == [ORDER["key"]]


@pytest.mark.parametrize(
    ("error", "state", "outcome"),
    [
        (ControlRefused("stopped", code="stop_present"), RunState.ABORTED, "stop_present"),
        (ConfigInvalid("gone", code="job_gone", remedy="do"), RunState.FAILED, "job_gone"),
        (PeakError("odd"), RunState.FAILED, "error"),
        (RuntimeError("\x1b[31mred\n"), RunState.FAILED, "defect"),
    ],
)
def test_an_error_is_an_end_with_its_reason(error: Exception, state: RunState, outcome: str) -> None:
    """What posture refuses is an abort; everything else a failure, a defect too."""
    found = ended(raising(error))
    assert (found.state, found.outcome) == (state, outcome)


@pytest.mark.parametrize("data", [b"", b"nonsense\n", b"x" * 200_000], ids=["none", "odd", "long"])
def test_without_an_order_nothing_is_performed(data: bytes) -> None:
    """No line, no order, a line without an end: each is told."""

    async def main() -> JobEnd:
        reading, writing = os.pipe()
        feeding = asyncio.create_task(asyncio.to_thread(_feed, writing, data))
        found = await worker.run(raising(AssertionError("performed")), reading)
        await feeding
        return found

    found = asyncio.run(main())
    assert (found.state, found.outcome) == (RunState.FAILED, "order_malformed")


def _feed(writing: int, data: bytes) -> None:
    try:
        os.write(writing, data)
    except BrokenPipeError:
        pass
    finally:
        os.close(writing)


@pytest.mark.parametrize("how", ["signal", "node"])
def test_told_to_end_the_work_is_cancelled_and_says_so(how: str) -> None:
    """By SIGTERM, or by the node's end of standard input; the work has time to write its end down."""
    seen: list[str] = []

    async def main() -> JobEnd:
        async with node_end(line()) as (stdin, writing):

            async def perform(_: Order) -> JobEnd:
                if how == "signal":
                    os.kill(os.getpid(), signal.SIGTERM)
                else:
                    os.close(writing)
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    await asyncio.sleep(0)
                    seen.append("recorded")
                    raise
                return DONE

            return await worker.run(perform, stdin)

    assert asyncio.run(main()) == JobEnd(RunState.ABORTED, "ended", "it was told to end")
    assert seen == ["recorded"]


def test_work_that_makes_something_of_its_end_is_heard() -> None:
    """A cycle that was told to end still gives its own outcome."""

    async def main() -> JobEnd:
        async with node_end(line()) as (stdin, _):

            async def perform(_: Order) -> JobEnd:
                os.kill(os.getpid(), signal.SIGTERM)
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    return JobEnd(RunState.ABORTED, "aborted", "stopped while L3 answered", "run")
                return DONE

            return await worker.run(perform, stdin)

    assert asyncio.run(main()).outcome == "aborted"


def test_work_that_does_not_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its grace the process ends, and its last line says so before the node kills it."""
    said: list[Any] = []
    monkeypatch.setattr(worker, "GRACE_S", 0.02)
    monkeypatch.setattr(worker, "say", said.append)
    go_on = asyncio.Event()

    def leave(code: int) -> None:
        go_on.set()
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", leave)

    async def main() -> None:
        async with node_end(line()) as (stdin, _):

            async def perform(_: Order) -> JobEnd:
                os.kill(os.getpid(), signal.SIGTERM)
                while not go_on.is_set():
                    try:
                        await go_on.wait()
                    except asyncio.CancelledError:
                        continue
                return DONE

            await worker.run(perform, stdin)

    with pytest.raises(SystemExit):
        asyncio.run(main())
    assert [one["ended"] for one in said] == ["unfinished"]


def test_the_last_line_is_one_harmless_line(capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever a provider put into a message."""
    worker.say(worker.last_line(JobEnd(RunState.FAILED, "bad", "\x1b[31mred\nline\u202e" + "x" * 9000)))
    (told,) = capfd.readouterr().out.splitlines()
    fields = orjson.loads(told)
    assert (fields["ended"], fields["state"]) == ("bad", "failed")
    assert "\x1b" not in fields["detail"]
    assert "\n" not in fields["detail"]
    assert len(fields["detail"]) <= 400


def test_a_key_is_struck_out_before_a_line_is_cut(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first half would tell half of it, and the node could not know it by that."""
    monkeypatch.setenv("SOME_API_KEY", "k3y-of-no-known-form" * 10)
    worker.say({"step": "x" * 300 + " " + "k3y-of-no-known-form" * 10})
    told = capfd.readouterr().out
    assert "[redacted]" in told
    assert "k3y" not in told


@pytest.mark.parametrize("kind", list(JobKind))
def test_every_kind_has_its_work(kind: JobKind) -> None:
    """The table names functions that are there."""
    assert asyncio.iscoroutinefunction(worker.work_of(kind))
