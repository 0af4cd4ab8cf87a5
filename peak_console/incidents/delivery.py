"""Telling one hook once: a signed POST through ``net``, or a command with the message on its input.

What the other side says is looked at as far as its status and the first words, and never followed.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from peak_console.config.incidents import Hook, HookKind
from peak_console.domain.signing import Signer
from peak_console.domain.text import one_line
from peak_console.incidents.hooks import signed_headers
from peak_console.net.http import HttpTransport
from peak_console.net.messages import Deadlines, HttpRequest, NetError, NetErrorKind

MAX_REPLY_BYTES: Final = 64 * 1024
"""The largest answer that is taken in."""

_WORDS: Final = 160
_ERROR_BYTES: Final = 4096
_GONE: Final = 410
_FINAL: Final = frozenset({NetErrorKind.ADDRESS, NetErrorKind.DENIED, NetErrorKind.REDIRECT})
_PASSED: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Delivered:
    """How one try came out; ``final`` says that trying again helps nobody."""

    ok: bool
    detail: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: the same bytes under the same id for every try."""

    message_id: str
    incident_id: str
    body: bytes


async def deliver(
    hook: Hook,
    message: Message,
    *,
    transport: HttpTransport,
    signer: Signer,
    now: datetime,
    timeout_s: float,
    folder: Path,
    environ: Mapping[str, str],
) -> Delivered:
    """Tell one hook once. Never raises for anything that the other side does; safe to cancel."""
    if hook.kind is HookKind.WEBHOOK:
        headers = signed_headers(message.message_id, message.body, now, signer)
        request = HttpRequest(hook.url, message.body, headers)
        return await post(transport, request, timeout_s)
    return await run_command(hook, message, timeout_s, folder, environ)


async def post(transport: HttpTransport, request: HttpRequest, timeout_s: float) -> Delivered:
    """Send one webhook; 2xx is good, 410 says that nobody listens there any more."""
    try:
        reply = await transport.send(request, deadlines=Deadlines(timeout_s, connect_s=timeout_s))
    except NetError as error:
        return Delivered(ok=False, detail=one_line(error.message, _WORDS), final=error.kind in _FINAL)
    if 200 <= reply.status < 300:  # noqa: PLR2004 - the class of success of RFC 9110
        return Delivered(ok=True, detail=f"answered {reply.status}")
    said = one_line(reply.body[:_ERROR_BYTES].decode("utf-8", "replace"), _WORDS)
    detail = f"answered {reply.status}: {said}" if said else f"answered {reply.status}"
    return Delivered(ok=False, detail=detail, final=reply.status == _GONE)


async def run_command(
    hook: Hook, message: Message, timeout_s: float, folder: Path, environ: Mapping[str, str]
) -> Delivered:
    """Run a command without a shell, the message on its standard input; its whole group ends with it."""
    own = {name: environ[name] for name in _PASSED if name in environ}
    own |= {"PEAK_INCIDENT_ID": message.incident_id, "PEAK_MESSAGE_ID": message.message_id}
    with _Overheard() as said:
        try:
            process = await asyncio.create_subprocess_exec(
                *hook.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=said.given,
                env=own,
                cwd=folder,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            return Delivered(ok=False, detail=one_line(f"cannot be started: {why}", _WORDS), final=True)
        said.listen()
        try:
            async with asyncio.timeout(timeout_s):
                await _feed(process, message.body)
                code = await process.wait()
        except TimeoutError:
            return Delivered(ok=False, detail=f"did not end within {timeout_s:g} s; it was killed")
        finally:
            await _end_group(process)
        if code == 0:
            return Delivered(ok=True, detail="ended with 0")
        words = said.words()
    return Delivered(ok=False, detail=one_line(f"ended with {code}: {words}".rstrip(": "), _WORDS))


class _Overheard:
    """The first words that a command says on standard error; the rest is read and thrown away.

    A pipe of its own: whatever the command leaves running may hold it open and delays nothing.
    """

    def __enter__(self) -> Self:
        self._heard = bytearray()
        self._end, self.given = os.pipe()
        os.set_blocking(self._end, False)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._end)
        os.close(self._end)
        if self.given >= 0:
            os.close(self.given)

    def listen(self) -> None:
        """Hear from now on; our copy of the command's end is closed."""
        os.close(self.given)
        self.given = -1
        asyncio.get_running_loop().add_reader(self._end, self._hear)

    def words(self) -> str:
        """What was heard so far."""
        self._hear()
        return self._heard.decode("utf-8", "replace")

    def _hear(self) -> None:
        try:
            chunk = os.read(self._end, 65_536)
        except BlockingIOError:
            return
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._end)
        self._heard += chunk[: max(0, _ERROR_BYTES - len(self._heard))]


async def _feed(process: asyncio.subprocess.Process, body: bytes) -> None:
    if process.stdin is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(body)
        await process.stdin.drain()
    process.stdin.close()


async def _end_group(process: asyncio.subprocess.Process) -> None:
    """End the command and whatever it started in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await process.wait()
