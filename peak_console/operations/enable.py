"""Enable: an operator lets calls be made, by the file protocol, recorded and proved (ADR 0003)."""

import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.boot import boot_id
from peak_console.control.enabling import REMEDIES, EnableReport, enable
from peak_console.control.files import STOP, decode, encode
from peak_console.control.folder import RealFolder
from peak_console.control.gate import CallGate
from peak_console.control.history import ControlHistory, enable_draft, stop_draft
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.ids import new_event_id
from peak_console.domain.posture import Posture
from peak_console.domain.stopping import REDUCE, parse_scope
from peak_console.ledger.service.blocking import BlockingLedgerClient

CONFIRM_WORD: Final = "ENABLE"
"""What an operator types."""

_STALE_US: Final = 30_000_000
_EFFECT_WAIT_S: Final = 3.0
_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Enabled:
    """An enable that holds; ``posture`` as the gate of any other process sees it now."""

    event_id: str
    seq: int
    operator: str
    posture: Posture


def enable_workspace(
    ws: Workspace,
    client: BlockingLedgerClient,
    *,
    reason: str,
    confirm: str,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> Enabled:
    """Enable ``ws`` through its running node; from STOPPED to DISARMED.

    ``operator`` is whose key signs; by default the only one this user holds. Raises ``UsageWrong`` without a
    reason or the typed word, ``ControlRefused`` (with the reason and a remedy) when it may not be, and what
    kept it from being recorded. Whatever is raised, it is not enabled.
    """
    environ = os.environ if environ is None else environ
    clock = clock or SystemClock()
    _check_words(reason, confirm)
    store = KeyStore(ws.keys, environ)
    signer = choose_operator(store, operator)
    event_id = new_event_id(secrets.token_bytes)
    signing = _Signer(client, store, signer)
    ledger = _Ledger(ws, signing, reason.strip(), event_id)
    data = encode(
        {
            "v": 1,
            "event_id": event_id,
            "operator": signer,
            "reason": reason.strip()[:500],
            "at": iso(clock.now()),
            "boot_id": boot_id(),
            "boot_us": clock.boot_us(),
            "pid": os.getpid(),
        }
    )
    report = enable(event_id, data, RealFolder(ws.control), ledger, lambda other: is_stale(other, clock))
    if not report.enabled:
        raise _refusal(report)
    return Enabled(event_id, ledger.seq, signer, _effect(ws, clock, environ))


@dataclass(frozen=True, slots=True)
class Lifted:
    """A scope's stop, or *reduce*, that was lifted; ``shown`` once the lease no longer says it."""

    scope: str
    event_id: str
    seq: int
    operator: str
    shown: bool
    posture: Posture


def enable_scope(
    ws: Workspace,
    client: BlockingLedgerClient,
    *,
    scope: str,
    reason: str,
    confirm: str,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> Lifted:
    """Lift the stop that stands on ``scope`` (or ``reduce``), through the running node.

    Raises as :func:`enable_workspace` does, and ``ControlRefused`` (``scope_not_stopped``) where none stands.
    """
    environ = os.environ if environ is None else environ
    clock = clock or SystemClock()
    _check_words(reason, confirm)
    scope = scope.strip() if scope.strip() == REDUCE else parse_scope(scope).text
    store = KeyStore(ws.keys, environ)
    signer = choose_operator(store, operator)
    standing = client.request("control").get("lowered", {}).get(scope, {})
    draft = enable_draft(
        new_event_id(secrets.token_bytes),
        reason=reason.strip(),
        operator=signer,
        after_stop=standing.get("stop_id"),
        after_event=None,
        scope=scope,
    )
    seq = append_proved(client, store, signer, draft)
    gate = CallGate(ws.control, clock, environ)
    shown = _await(lambda: not _says(gate, scope))
    return Lifted(scope, draft.event_id, seq, signer, shown, gate.posture())


def _says(gate: CallGate, scope: str) -> bool:
    """Whether the lease still says that ``scope`` is lowered."""
    lease = gate.lease()
    return lease is not None and (lease.reduce if scope == REDUCE else scope in lease.stopped_scopes)


def choose_operator(store: KeyStore, wanted: str | None) -> str:
    """Whose key signs: the one named, or the only one this user holds."""
    mine = store.mine()
    if wanted is not None:
        return wanted
    if len(mine) == 1:
        return mine[0]
    if not mine:
        raise ControlRefused(
            "you hold no operator's key of this workspace",
            code="no_operator_key",
            remedy="ask an operator to enroll you: peak operator enroll NAME; on a new workspace: peak init",
        )
    raise UsageWrong(
        f"you hold several operators' keys: {', '.join(mine)}",
        code="operator_ambiguous",
        remedy="name one with --operator",
    )


def is_stale(enabling: bytes, clock: Clock) -> bool:
    """Whether the maker of an ``ENABLING`` is dead: another boot, no such process, or too long ago."""
    fields = decode(enabling) or {}
    pid, made_us = fields.get("pid"), fields.get("boot_us")
    if fields.get("boot_id") != boot_id() or not isinstance(pid, int) or not isinstance(made_us, int):
        return True
    if not 0 <= clock.boot_us() - made_us <= _STALE_US:
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True  # nobody has such a number
    except PermissionError:
        return False
    return False


@dataclass(frozen=True, slots=True)
class _Signer:
    client: BlockingLedgerClient
    store: KeyStore
    operator: str


class _Ledger:
    """The ledger as an enable needs it, through the node."""

    def __init__(self, ws: Workspace, signer: _Signer, reason: str, event_id: str) -> None:
        self._folder = RealFolder(ws.control)
        self._signer = signer
        self._reason = reason
        self._event_id = event_id
        self.seq = 0

    def history(self) -> ControlHistory:
        return history_from(self._signer.client.request("control"))

    def record_stop(self, stop_id: str) -> None:
        fields = decode(self._folder.read(STOP)) or {}
        operator, reason = str(fields.get("operator", "")), str(fields.get("reason", ""))
        try:
            self._signer.client.append([stop_draft(stop_id, reason=reason[:500], operator=operator[:100])])
        except UsageWrong as error:
            if error.code != "event_id_taken":  # whoever stopped, or the node, has recorded it meanwhile
                raise

    def record_enable(self, *, after_stop: str | None, after_event: str | None) -> None:
        draft = enable_draft(
            self._event_id,
            reason=self._reason,
            operator=self._signer.operator,
            after_stop=after_stop,
            after_event=after_event,
        )
        self.seq = append_proved(self._signer.client, self._signer.store, self._signer.operator, draft)


def append_proved(client: BlockingLedgerClient, store: KeyStore, operator: str, draft: EventDraft) -> int:
    """Append one event that needs an operator's proof; gives its place. Raises as the client does."""
    nonce = str(client.request("challenge")["nonce"])
    return client.append([draft], store.prove(operator, nonce, draft))[0].seq


def history_from(reply: Mapping[str, Any]) -> ControlHistory:
    """The control history in the node's reply to ``control``."""
    return ControlHistory(
        last=reply["last"],
        in_force=reply["in_force"],
        since=reply["since"],
        stops=frozenset(reply["stops"]),
        lifted=frozenset(reply["lifted"]),
    )


def _check_words(reason: str, confirm: str) -> None:
    if not reason.strip():
        raise UsageWrong("an enable needs a reason", code="reason_missing", remedy='add: --reason "..."')
    if confirm != CONFIRM_WORD:
        raise UsageWrong(
            f"the word {CONFIRM_WORD} was not typed",
            code="confirm_missing",
            remedy=f"if it is right that calls may be made: --confirm {CONFIRM_WORD}",
        )


def _refusal(report: EnableReport) -> PeakError:
    if isinstance(report.error, PeakError):
        return report.error
    detail = f" ({report.error})" if report.error is not None else ""
    return ControlRefused(
        f"not enabled: {report.reason.replace('_', ' ')}{detail}",
        code=report.reason,
        remedy=REMEDIES.get(report.reason, "look at: peak status"),
    )


def _effect(ws: Workspace, clock: Clock, environ: Mapping[str, str]) -> Posture:
    """Wait until the node's lease says so too; gives what the gate says, whatever it says by then."""
    gate = CallGate(ws.control, clock, environ)
    _await(lambda: gate.posture().calls)
    return gate.posture()


def _await(holds: Callable[[], bool]) -> bool:
    """Whether it held before the time for it was over."""
    until = time.monotonic() + _EFFECT_WAIT_S
    while not (held := holds()) and time.monotonic() < until:
        time.sleep(_POLL_S)
    return held
