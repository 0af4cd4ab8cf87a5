"""``python -m peak_console.http --root ROOT``: the node's child that serves ``/metrics`` and ``/healthz``."""

import sys
import threading

from peak_console.config.workspace import Workspace
from peak_console.http.server import MetricsServer
from peak_console.operations.child import Lifeline, announce, run_child
from peak_console.operations.metrics import Meter
from peak_console.operations.settings import console_settings


def serve(ws: Workspace, lifeline: Lifeline) -> None:
    """Serve until the lifeline ends; the first line on standard output names the address."""
    with MetricsServer(Meter(ws), console_settings(ws).exporters.metrics.port) as server:
        thread = threading.Thread(target=server.serve_forever, name="peak-metrics", daemon=True)
        thread.start()
        announce(url=server.url)
        while not lifeline.wait(None):
            pass
        server.shutdown()


if __name__ == "__main__":
    sys.exit(run_child("peak_console.http", serve))
