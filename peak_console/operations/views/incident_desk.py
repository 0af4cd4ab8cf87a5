"""What operators do about incidents, as screens need it. Everything may be called from any thread.

What a workspace can come to is raised as a ``PeakError``.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import NodeUnreachable
from peak_console.operations.views.work import Progress

if TYPE_CHECKING:
    from peak_console.ledger.service.blocking import BlockingLedgerClient
    from peak_console.operations.incidents.alerting import HookReport

_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class ActAsked:
    """What is to be recorded about an incident; ``minutes`` of a silence, ``who`` of an assignment."""

    act: str
    """``acknowledge``, ``assign``, ``note``, ``handover``, ``silence`` or ``close``."""
    incident_id: str
    operator: str
    note: str = ""
    who: str = ""
    minutes: int = 0
    anyway: bool = False
    """To close it although its cause stands."""


class IncidentDesk(Protocol):
    """Incidents of one workspace, as they are worked on."""

    def act(self, asked: ActAsked) -> str:
        """Record it; a line that says so."""
        ...

    def test_alert(self, progress: Progress) -> str:
        """Open an incident that is marked as a test; a line that says who was told."""
        ...

    def drill(self, progress: Progress) -> str:
        """All three one-minute actions on a mirror; a line that says how it went."""
        ...


class WorkspaceDesk:
    """The incidents of a real workspace: each act is one event that an operator proves, through the node."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws

    def act(self, asked: ActAsked) -> str:
        """Record it."""
        from peak_console.operations.incidents import acting  # noqa: PLC0415 - loads ledger and keys

        with _client(self._ws) as client:
            hand, one = acting.Hand(self._ws, client, asked.operator or None), asked.incident_id
            match asked.act:
                case "acknowledge":
                    done = acting.acknowledge(hand, one, note=asked.note)
                case "assign":
                    done = acting.assign(hand, one, asked.who, note=asked.note)
                case "note":
                    done = acting.add_note(hand, one, asked.note)
                case "handover":
                    done = acting.hand_over(hand, one, asked.who, note=asked.note)
                case "silence":
                    done = acting.silence(hand, one, timedelta(minutes=asked.minutes), reason=asked.note)
                case _:
                    done = acting.close(hand, one, note=asked.note, anyway=asked.anyway)
        where = "" if done.seq is None else f", on record as #{done.seq:,}"
        return f"{done.line}{where}" + (f"; {done.warning}" if done.warning else "")

    def test_alert(self, progress: Progress) -> str:
        """Open it and wait for what each hook reports; it closes itself."""
        from peak_console.operations.incidents.alerting import (  # noqa: PLC0415 - loads ledger and configs
            HookReport,
            send_test_alert,
        )

        heard: list[HookReport] = []

        def told(report: HookReport) -> None:
            heard.append(report)
            progress(f"test alert: {report.hook}", len(heard), 0)

        with _client(self._ws) as client:
            done = send_test_alert(self._ws, client, note="from the console", told=told)
        if not done.reports:
            return f"test alert #{done.seq:,} was on every console; no hook is configured to tell a person"
        return "test alert: " + "; ".join(_hook_words(one) for one in done.reports)

    def drill(self, progress: Progress) -> str:
        """Run it in a process of its own, and record how it came out."""
        from peak_console.domain.incidents import DrillKind  # noqa: PLC0415 - beside what needs it
        from peak_console.operations.drills import DrillStep, record_drill, run_drill  # noqa: PLC0415 - seldom

        seen: list[DrillStep] = []

        def told(step: DrillStep) -> None:
            seen.append(step)
            progress(f"drill: {step.step}", len(seen), 0)

        report = run_drill(DrillKind.CONTAIN, told=told)
        with _client(self._ws) as client:
            seq = record_drill(self._ws, client, report, note="from the console")
        words = ", ".join(f"{one.step} {one.ms:,} ms" for one in report.steps if one.ok)
        broken = next((one for one in report.steps if not one.ok), None)
        if broken is not None:
            return f"drill did NOT hold, #{seq:,}: {broken.step}: {broken.detail}"
        return f"drill held, #{seq:,}: {words}"


def _hook_words(report: "HookReport") -> str:
    word = {True: "told", False: "NOT told", None: "silent"}[report.ok]
    return f"{report.hook} {word} ({report.ms:,} ms{', ' + report.detail if report.detail else ''})"


def _client(ws: Workspace) -> "BlockingLedgerClient":
    from peak_console.control.sockets import NODE_SOCKET, check_socket, socket_path  # noqa: PLC0415 - seldom
    from peak_console.ledger.service.blocking import BlockingLedgerClient  # noqa: PLC0415 - loads the ledger

    path = socket_path(ws.control, NODE_SOCKET)
    if not path.exists():
        raise NodeUnreachable("no node runs that could record it", remedy="start it: peak node start")
    check_socket(path)
    return BlockingLedgerClient.connect(path, name="console", deadline_s=_PATIENCE_S)
