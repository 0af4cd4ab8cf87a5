"""Stop now: the part of ``peak stop`` that needs no token, no database, no network and no free disk.

Standard library only, and little of it: the unlinks come before anything heavy is imported. The caller
records the outcome on the ledger afterwards; what it cannot record, the next node does.
"""

import contextlib
import getpass
import os
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from peak_console.control.files import StopReport, StopStep, encode, perform, run, stop_steps
from peak_console.control.folder import RealFolder

_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_REASON_LIMIT = 500
_SCOPE_LIMIT = 100

REMEDIES = {
    "write STOP": "free disk space; ENABLED is gone all the same, and the next node records the stop",
    "make durable": "check the disk; until it is durable, a power cut may bring ENABLED back: stop again",
    "look": "check who may read the control folder: ls -ld audits/control",
}
_UNLINK_REMEDY = "remove it by hand as its owner: rm audits/control/ENABLED audits/control/ENABLING"


@dataclass(frozen=True, slots=True)
class StopOutcome:
    """What a stop did, in the words the ledger and the operator get."""

    stop_id: str
    at: str
    scope: str
    reason: str
    operator: str
    report: StopReport
    asked_scope: str = ""
    """The scope that was asked for, where it was another one."""

    @property
    def effective(self) -> bool:
        """Whether ``ENABLED`` was read back as gone: nothing new leaves on this workspace."""
        return self.report.effective

    @property
    def failed(self) -> tuple[tuple[StopStep, str], ...]:
        """The steps that failed, each with its remedy."""
        return tuple((one, REMEDIES.get(one.step, _UNLINK_REMEDY)) for one in self.report.steps if not one.ok)


def stop_now(
    control_dir: Path, *, reason: str = "", operator: str = "", scope: str = "global", asked_scope: str = ""
) -> StopOutcome:
    """Stop this workspace by its control folder. Never refuses and never raises; look at ``effective``.

    A control folder that does not exist holds no ``ENABLED``: nothing can leave, the stop is effective, and
    its step "write STOP" fails. ``asked_scope`` is only noted: what is stopped is ``scope``.
    """
    stop_id = "stop_" + secrets.token_hex(12)
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    operator = operator or login()
    reason = reason[:_REASON_LIMIT]
    fields = {"v": 1, "stop_id": stop_id, "at": at, "scope": scope, "reason": reason, "operator": operator}
    asked_scope = "" if asked_scope == scope else asked_scope[:_SCOPE_LIMIT]
    data = encode({**fields, "asked_scope": asked_scope} if asked_scope else fields)
    folder = RealFolder(control_dir)
    report: StopReport = run(stop_steps(data, _boot_us), lambda action: perform(action, folder))
    return StopOutcome(stop_id, at, scope, reason, operator, report, asked_scope)


def login() -> str:
    """The operating-system user, by name where the system knows one."""
    with contextlib.suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return f"uid:{os.getuid()}"


def _boot_us() -> int:
    return time.clock_gettime_ns(_BOOT_CLOCK) // 1000
