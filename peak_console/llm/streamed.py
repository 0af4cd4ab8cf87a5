"""Step 6 and 7 of the road for a streamed answer: read, checked for who answers, handed on delta by delta."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from peak_console.domain.calls import Answer, CallReason, Delta, Failure, OutcomeClass, Pending
from peak_console.domain.text import one_line
from peak_console.llm.handing import Handing
from peak_console.llm.identity import misanswered
from peak_console.llm.losses import net_failure
from peak_console.llm.providers.streaming import StreamReader
from peak_console.llm.router import Hop
from peak_console.llm.striking import Secrets, struck_delta
from peak_console.llm.tooling import not_offered
from peak_console.net.http import HttpTransport
from peak_console.net.messages import Deadlines, HttpRequest, NetError

_BODY_END_S: Final = 0.25
"""How long the end of a body is waited for after the end mark of its stream."""

_CUTS: Final = frozenset({CallReason.CONNECTION_LOST, CallReason.TIMEOUT, CallReason.STREAM_CUT})


@dataclass(frozen=True, slots=True)
class Streaming:
    """How a hop's answer is streamed: to whom, and which tools it may ask for."""

    handing: Handing
    offered: frozenset[str]


async def received(
    transport: HttpTransport,
    hop: Hop,
    request: HttpRequest,
    to: Streaming,
    secrets: Secrets,
    *,
    deadlines: Deadlines,
) -> tuple[int, Answer | Failure | Pending]:
    """Send ``request`` and hand its answer on as it comes; gives the response's status and its outcome.

    Raises ``NetError`` where no stream began. What breaks off later, before anything was handed on, is a
    failure like any other; afterwards nobody else may answer, for its reader would get a second beginning.
    None of ``secrets`` that stands whole in one delta is handed on.
    """
    reader: StreamReader | None = None
    failed: Failure | None = None
    status = 0
    try:
        async with transport.stream(request, deadlines=deadlines) as stream:
            status = stream.status
            make = hop.usable.adapter.reader
            if make is None or not 200 <= status < 300:  # noqa: PLR2004 - the success class of RFC 9110
                body = b"".join([chunk async for chunk in stream.chunks])
                return status, hop.usable.adapter.parse(status, stream.headers, body)
            reader = make(status, stream.headers)
            failed = await _handed_on(stream.chunks, reader, hop, to, secrets)
    except NetError as error:
        if reader is None:
            raise
        failed = _late(net_failure(error), to.handing)
    outcome = _ended(reader, failed)
    if isinstance(outcome, Failure) and to.handing.count:
        outcome = cut(outcome)
    return status, outcome


def cut(failed: Failure) -> Failure:
    """A failure after deltas were handed on: the call ends with it."""
    reason = CallReason.STREAM_CUT if failed.reason in _CUTS else failed.reason
    return replace(failed, reason=reason, outcome=OutcomeClass.STOP)


async def _handed_on(
    chunks: AsyncIterator[bytes], reader: StreamReader, hop: Hop, to: Streaming, secrets: Secrets
) -> Failure | None:
    """Read to the end of the body; why that was given up, if it was.

    Deltas are held back until the model's name has been told and found fit, where the format tells one.
    """
    handing, judged = to.handing, 0
    held: list[Delta] = []
    async for chunk in _until_ended(chunks, reader):
        deltas = reader.feed(chunk)
        if len(reader.named) > judged:
            if (failed := _misnamed(hop, reader.named[judged:], secrets)) is not None:
                return failed
            judged = len(reader.named)
        if reader.failure is not None:
            return reader.failure
        if not deltas:
            continue
        if held or (not judged and reader.echoes):
            held.extend(deltas)
            if not judged:
                continue
            deltas, held = held, []
        if (failed := _unasked(deltas, to.offered)) is not None:
            return failed
        handing.hand_on([struck_delta(one, secrets) for one in deltas])
        if handing.full:
            await handing.room()
    return _rest(held, reader, hop, to, secrets)


async def _until_ended(chunks: AsyncIterator[bytes], reader: StreamReader) -> AsyncIterator[bytes]:
    """The chunks until the reader has seen the end mark; the body's own end is waited for only briefly.

    It is read where it comes at once, so that the connection can serve again. A provider that keeps its
    body open after the end mark holds nobody up.
    """
    async for chunk in chunks:
        yield chunk
        if reader.ended:
            break
    else:
        return
    with suppress(TimeoutError, NetError):
        async with asyncio.timeout(_BODY_END_S):
            async for _ in chunks:
                pass


def _misnamed(hop: Hop, names: Sequence[str], secrets: Secrets) -> Failure | None:
    judged = (misanswered(hop, name, secrets) for name in names)
    return next((failed for failed in judged if failed is not None), None)


def _rest(
    held: list[Delta], reader: StreamReader, hop: Hop, to: Streaming, secrets: Secrets
) -> Failure | None:
    """Hand on what was held back for a name that never came, if the answer is whole."""
    if not held:
        return None
    outcome = reader.close()
    if isinstance(outcome, Failure):
        return outcome
    echo = outcome.model_echo
    if echo is not None and (failed := misanswered(hop, echo, secrets)) is not None:
        return failed
    if (failed := _unasked(held, to.offered)) is not None:
        return failed
    to.handing.hand_on([struck_delta(one, secrets) for one in held])
    return None


def _unasked(deltas: Sequence[Delta], offered: frozenset[str]) -> Failure | None:
    """Why deltas must not be handed on: they begin a call of a tool that was not offered."""
    for delta in deltas:
        if delta.tool is not None and delta.tool_name and delta.tool_name not in offered:
            return not_offered(delta.tool_name)
    return None


def _ended(reader: StreamReader, failed: Failure | None) -> Answer | Failure:
    """The outcome of a body that ended, or that was given up for ``failed``.

    An answer that is whole counts, however its connection ended; what was told of a bill is kept.
    """
    outcome = reader.close()
    if failed is None:
        return outcome
    whole = isinstance(outcome, Answer)
    if whole and failed.reason in _CUTS:
        return outcome
    return replace(
        failed,
        usage=failed.usage or outcome.usage,
        model_echo=failed.model_echo or outcome.model_echo,
        request_id=failed.request_id or outcome.request_id,
    )


def _late(failed: Failure, handing: Handing) -> Failure:
    """A network failure in mid-body; a deadline that passed while the reader dawdled says so."""
    if failed.reason is CallReason.TIMEOUT and handing.stalled:
        return replace(failed, detail=one_line(f"{failed.detail}: its reader kept it waiting"))
    if failed.reason is CallReason.CONNECTION_LOST:
        return replace(failed, reason=CallReason.STREAM_CUT)
    return failed
