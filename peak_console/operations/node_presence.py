"""What the node tells of itself in the control folder, and whether it is still there."""

import contextlib
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peak_console.control.boot import boot_id
from peak_console.control.files import NODE
from peak_console.control.folder import read_file
from peak_console.domain.clock import from_iso
from peak_console.operations.standing import rebooted_at
from peak_console.operations.views.bar import NodeFacts

if TYPE_CHECKING:
    from peak_console.control.lease import Lease


def read_node_json(control: Path) -> Mapping[str, Any]:
    """What the node of a control folder tells of itself; empty where there is nothing that can be read."""
    with contextlib.suppress(OSError, ValueError):
        data = read_file(os.fspath(control / NODE))
        told = json.loads(data) if data else {}
        return told if isinstance(told, dict) else {}
    return {}


def node_facts(told: Mapping[str, Any], lease: "Lease | None", *, now: datetime, boot_us: int) -> NodeFacts:
    """Whether the node of ``told`` runs, and since when; ``boot_us`` is the time since this boot in µs."""
    pid, boot, here = told.get("pid"), told.get("boot_id"), this_boot()
    left = boot if isinstance(boot, str) else lease.boot_id if lease else None
    rebooted = rebooted_at(left, here, now=now, boot_us=boot_us)
    if not isinstance(pid, int) or not _alive(pid) or rebooted:
        return NodeFacts(rebooted_at=rebooted)
    started = told.get("started") or told.get("started_at")
    when = None
    with contextlib.suppress(TypeError, ValueError):
        when = from_iso(str(started)) if started else None
    session = told.get("session")
    return NodeFacts(
        running=True,
        pid=pid,
        session=session if isinstance(session, str) else None,
        started_at=when,
        metrics_url=lease.metrics_url if lease else None,
    )


def this_boot() -> str:
    """This boot's id; empty where the kernel tells none."""
    with contextlib.suppress(OSError):
        return boot_id()
    return ""


def _alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
