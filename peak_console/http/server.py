"""The HTTP server of ``/metrics`` and ``/healthz``: loopback, GET only, bounded in every direction."""

import json
import re
import socket
import socketserver
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Final
from urllib.parse import urlsplit

from peak_console.domain.errors import EnvironmentUnfit, LedgerUnavailable
from peak_console.http.exposition import Exposition, Page
from peak_console.operations.metrics import Meter

LOOPBACK: Final = "127.0.0.1"
CONNECTIONS: Final = 8
"""Connections served at once; one more is closed."""
IDLE_S: Final = 5.0
"""How long a client may say nothing."""
DEADLINE_S: Final = 15.0
"""How long a connection may take in all."""

_LOCAL_HOST: Final = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)


class MetricsServer(socketserver.ThreadingTCPServer):
    """Serves one workspace's meter on 127.0.0.1; port 0 takes a free one.

    Raises ``EnvironmentUnfit`` when the port cannot be had.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 16

    def __init__(self, meter: Meter, port: int = 0) -> None:
        self._meter = meter
        self._exposition = Exposition(meter)
        self._reading = threading.Lock()
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise EnvironmentUnfit(
                f"port {port} of {LOOPBACK} cannot be had: {error.strerror}",
                code="port_unavailable",
                remedy="set [exporters.metrics] port in configs/console.toml to a free port, or to 0",
            ) from error

    @property
    def url(self) -> str:
        """Where monitors scrape."""
        return f"http://{LOOPBACK}:{self.server_address[1]}/metrics"

    def page(self, path: str, accept: str) -> Page | None:
        """The page at ``path``; ``None`` when there is none."""
        with self._reading:
            if path == "/metrics":
                return self._exposition.metrics(accept)
            return health(self._meter) if path == "/healthz" else None

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection on a thread of its own, or close it when too many are open."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection, at most for its deadline."""
        deadline = threading.Timer(DEADLINE_S, _cut, (request,))
        deadline.daemon = True
        deadline.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            deadline.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no event."""


def health(meter: Meter) -> Page:
    """``/healthz``: whether the ledger can be read, and the posture; JSON, 200 or 503."""
    reading = meter.read()
    why = reading.ledger
    found: dict[str, Any] = {
        "ok": not isinstance(why, LedgerUnavailable),
        "posture": reading.posture.state.value,
        "reasons": list(reading.posture.reasons),
    }
    if isinstance(why, LedgerUnavailable):
        found["error"] = {"code": why.code, "message": why.message, "remedy": why.remedy}
    else:
        found["seq"] = why.events
    return Page(200 if found["ok"] else 503, "application/json", json.dumps(found).encode() + b"\n")


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    timeout = IDLE_S
    protocol_version = "HTTP/1.1"
    server_version = "peak"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer one request; the connection ends with it."""
        refusal = self._refusal()
        if refusal is not None:
            self._refuse(*refusal)
            return
        page = self.server.page(urlsplit(self.path).path, self.headers.get("Accept", ""))
        if page is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there are /metrics and /healthz")
            return
        self._answer(page.status, page.content_type, page.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the parser refuses, in one plain line that repeats nothing of the request."""
        del message, explain
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "GET only")
        else:
            self._refuse(code, HTTPStatus(code).phrase)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server gives
        """Scrapes are not logged."""

    def _refusal(self) -> tuple[int, str] | None:
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1:
            return HTTPStatus.BAD_REQUEST, "one Host header is needed"
        if _LOCAL_HOST.fullmatch(hosts[0].strip()) is None:
            return HTTPStatus.MISDIRECTED_REQUEST, "this is served to this machine only"
        if "Transfer-Encoding" in self.headers or self.headers.get("Content-Length", "0").strip() != "0":
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "no request body is taken"
        return None

    def _refuse(self, status: int, why: str) -> None:
        self._answer(status, "text/plain; charset=utf-8", f"{why}\n".encode())

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET")
        self.end_headers()
        self.wfile.write(body)


def _cut(request: socket.socket) -> None:
    """End a connection from another thread."""
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended already
