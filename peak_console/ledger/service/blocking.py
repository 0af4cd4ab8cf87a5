"""The blocking client of the ledger's server: the same calls, for a command that has nothing else to do."""

import os
import secrets
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from peak_console.domain.errors import NodeUnreachable, PeakError
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Ack
from peak_console.ledger.service.privileges import Proof
from peak_console.ledger.service.wire import (
    DEADLINE_S,
    PROTOCOL,
    FrameReader,
    Message,
    ack_from_wire,
    answer,
    draft_to_wire,
    frame,
    unreachable,
)

_CHUNK = 65536
_PAUSE_S = 0.05


class BlockingLedgerClient:
    """A connection to the node's ledger for one thread; one request at a time."""

    def __init__(self, socket_path: Path, *, name: str, actor: str | None, deadline_s: float) -> None:
        self._path = socket_path
        self._deadline_s = deadline_s
        self._hello_fields: Message = {
            "op": "hello",
            "protocol": PROTOCOL,
            "client_id": secrets.token_hex(12),
            "pid": os.getpid(),
            "name": name,
            **({"actor": actor} if actor else {}),
        }
        self._socket: socket.socket | None = None
        self._reader = FrameReader()
        self._next_id = 1
        self.server: Message = {}
        """What the server said of itself in its hello: protocol, schema, sqlite, actor, head."""

    @classmethod
    def connect(
        cls, socket_path: Path, *, name: str, actor: str | None = None, deadline_s: float = DEADLINE_S
    ) -> Self:
        """Connect and say hello; raises ``NodeUnreachable`` when no node answers."""
        client = cls(socket_path, name=name, actor=actor, deadline_s=deadline_s)
        client._open(time.monotonic() + deadline_s)
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def notice(self) -> str:
        """Why this client can only read; empty when it may write."""
        return str(self.server.get("notice", ""))

    def append(
        self, drafts: Sequence[EventDraft], proof: Proof | None = None, *, deadline_s: float | None = None
    ) -> list[Ack]:
        """Append ``drafts`` in order, in one transaction; returns when they are durable.

        Raises as :meth:`peak_console.ledger.service.client.SocketLedgerClient.append` does.
        """
        fields: Message = {"events": [draft_to_wire(draft) for draft in drafts]}
        if proof is not None:
            fields["proof"] = asdict(proof)
        reply = self.request("append", deadline_s=deadline_s, **fields)
        return [ack_from_wire(place) for place in reply["acks"]]

    def request(self, op: str, *, deadline_s: float | None = None, **fields: Any) -> Message:
        """Any operation of the server; asked again on a new line when the old one breaks before the reply."""
        message = {"op": op, "id": self._next_id, **fields}
        self._next_id += 1
        until = time.monotonic() + (self._deadline_s if deadline_s is None else deadline_s)
        while True:
            try:
                if self._socket is None:
                    self._open(until)
                return answer(self._exchange(message, until))
            except (OSError, _LineEnded, NodeUnreachable) as error:
                self._drop()
                if isinstance(error, TimeoutError) or time.monotonic() + _PAUSE_S >= until:
                    raise unreachable(self._path, "no acknowledgement in time") from error
                time.sleep(_PAUSE_S)

    def close(self) -> None:
        """End the connection."""
        self._drop()

    def _open(self, until: float) -> None:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.settimeout(max(until - time.monotonic(), 0.001))
            line.connect(str(self._path))
            self._socket, self._reader = line, FrameReader()
            self.server = answer(self._exchange({**self._hello_fields, "id": 0}, until))
        except OSError as error:
            line.close()
            self._socket = None
            raise unreachable(self._path, error.strerror or str(error)) from error
        except _LineEnded as error:
            self._drop()
            raise unreachable(self._path, "it ended the connection") from error
        except PeakError:
            self._drop()
            raise

    def _exchange(self, message: Message, until: float) -> Message:
        line = self._socket
        if line is None:
            raise _LineEnded
        line.settimeout(max(until - time.monotonic(), 0.001))
        line.sendall(frame([message]))
        while True:
            line.settimeout(max(until - time.monotonic(), 0.001))
            data = line.recv(_CHUNK)
            if not data:
                raise _LineEnded
            for reply in self._reader.feed(data):
                if reply.get("id") == message["id"]:
                    return reply

    def _drop(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None


class _LineEnded(Exception):
    """The server ended the connection before its reply."""
