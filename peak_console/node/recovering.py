"""After a broken ledger: what can be proven is kept, a new ledger names it, and the workspace stands stopped.

Offline, under the node's own lock. Until the last rename the old file stays where it is; whatever fails
before leaves the workspace as it was, but stopped.
"""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.folder import prepare
from peak_console.control.history import stop_draft
from peak_console.control.keys import KeyStore, check_name, state_folder, verify_proof
from peak_console.control.stop import stop_now
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import (
    ControlRefused,
    EnvironmentUnfit,
    LedgerUnavailable,
    PeakError,
    UsageWrong,
)
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.vocabulary import Phase
from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.heads.anchors import open_anchors
from peak_console.ledger.heads.known_heads import KnownHeads, known_heads
from peak_console.ledger.heads.notes import origin_of
from peak_console.ledger.keeping.salvage import Proven, mended_copies, prove, write_prefix
from peak_console.ledger.service.privileges import challenge_message
from peak_console.ledger.verifying.verify import verify as verify_file
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.facts import Facts
from peak_console.node.genesis import Successor, successor_drafts, successor_genesis
from peak_console.node.lock import NodeLock
from peak_console.node.recovery import Recovery
from peak_console.node.salvage_folder import (
    NEXT_FILE,
    PROVEN_FILE,
    RECORD_FILE,
    keep_old,
    make_folder,
    put_back_log,
    put_in_place,
    unwritable_told,
    write_record,
)
from peak_console.node.taking_over import Taken, phase_kept, take_over
from peak_console.operations.enable import choose_operator
from peak_console.operations.ledger import verify
from peak_console.operations.settings import ledger_settings
from peak_console.policy.breaker import BreakerRules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peak_console.budget.limits import BudgetLimits

_ACTOR: Final = "node"
_REASON_LIMIT: Final = 500
_NOT_BROKEN: Final = frozenset(
    {"ledger_locked", "ledger_read_only", "ledger_full", "ledger_schema_newer", "ledger_schema_older"}
)
"""Why a ledger cannot be read or written now although nothing of it is lost."""

Progress = Callable[[str, int, int], None]


def recover_ledger(
    ws: Workspace,
    *,
    reason: str,
    operator: str | None = None,
    phase: str | None = None,
    force: bool = False,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    progress: Progress | None = None,
) -> Recovery:
    """Begin a new ledger after a broken one; whoever decides it proves to be an operator with a key.

    ``phase`` names the phase where the ledger cannot tell it any more. Raises ``UsageWrong`` without a
    reason, ``ControlRefused`` where nothing is broken (unless ``force``) or the operator may not,
    ``EnvironmentUnfit`` beside a node or where nothing can be written.
    """
    if not reason.strip():
        raise UsageWrong("a recovery needs a reason", code="reason_missing", remedy='add: --reason "..."')
    environ = os.environ if environ is None else environ
    with unwritable_told(ws):
        ws.audits.mkdir(parents=True, exist_ok=True)
        prepare(ws.control, group_of=ws.root)
    with _alone(ws):
        signer = choose_operator(KeyStore(ws.keys, environ), operator)
        one = _Recovering(
            ws, reason.strip()[:_REASON_LIMIT], check_name(signer), environ, clock or SystemClock()
        )
        put_back_log(ws)
        heads = one.known_heads()
        one = one.judged(heads, force=force)
        folder = make_folder(ws, one.clock.now())
        try:
            with unwritable_told(ws):
                keep_old(ws, folder)
                with one.examined(folder, heads, progress) as found:
                    return one.recover(found, folder, progress, phase)
        except BaseException:
            if not (folder / RECORD_FILE).exists() and (ws.ledger.exists() or not any(folder.iterdir())):
                shutil.rmtree(folder, ignore_errors=True)
            raise


@dataclass(frozen=True, slots=True)
class _Found:
    """What there is to recover from."""

    source: Path
    """The file that is read: the broken one, or a copy whose beginning was mended."""
    proven: Proven
    heads: KnownHeads
    origin: str
    how: str
    detail: str

    @property
    def signed(self) -> int:
        return max(self.heads.of(self.origin), default=0)

    @property
    def known(self) -> int:
        return max(self.proven.seen, self.signed, self.proven.events)


@dataclass(frozen=True, slots=True)
class _Recovering:
    ws: Workspace
    reason: str
    operator: str
    environ: Mapping[str, str]
    clock: Clock
    how: str = ""
    """How it is broken, in the verifier's words; empty where it is not."""
    detail: str = ""
    configs: list[ConfigCache] = field(default_factory=list)

    @property
    def key(self) -> bytes:
        """The workspace's public key; empty without one."""
        return KeyStore(self.ws.keys, self.environ).raw_public() or b""

    def known_heads(self) -> KnownHeads:
        """What was signed, by files and anchors."""
        rules, state = ledger_settings(self.ws).anchors, state_folder(self.environ)
        return known_heads(self.ws.checkpoints, self.key, open_anchors(self.ws.root, rules, self.key, state))

    @contextmanager
    def examined(self, folder: Path, heads: KnownHeads, progress: Progress | None) -> "Iterator[_Found]":
        """How far the ledger holds; where nothing does, how far a copy with a mended beginning does."""

        def signed(genesis: str) -> Mapping[int, bytes]:
            return heads.of(origin_of(self.key, genesis))

        source, proven = self.ws.ledger, prove(self.ws.ledger, signed, progress)
        with ExitStack() as stack:
            if not proven.events:
                copies = mended_copies(self.ws.ledger, folder)
                stack.callback(copies.close)
                for copy in copies:
                    again = prove(copy, signed, progress)
                    if again.events:
                        source, proven = copy, again
                        break
            origin = heads.newest.origin if heads.newest else ""
            if proven.genesis:
                origin = origin_of(self.key, proven.genesis)
            said = (self.how, self.detail) if self.how else (proven.broken_how or "asked_for", proven.detail)
            yield _Found(source, proven, heads, origin, *said)

    def judged(self, heads: KnownHeads, *, force: bool) -> "_Recovering":
        """The same, knowing how the ledger is broken; raises ``ControlRefused`` where it is not."""
        how, detail = self._verdict(heads, force=force)
        return replace(self, how=how, detail=detail)

    def _verdict(self, heads: KnownHeads, *, force: bool) -> tuple[str, str]:
        """How the ledger is broken, in the verifier's words; raises ``ControlRefused`` where it is not."""
        if not self.ws.ledger.exists():
            if heads.newest is None and not force:
                raise ControlRefused(
                    f"{self.ws.root} never had a ledger that anything tells of",
                    code="nothing_to_recover",
                    remedy="begin one: peak init",
                )
            return "ledger_missing", f"{self.ws.ledger.name} is gone"
        try:
            result = verify(self.ws)
        except LedgerUnavailable as error:
            if error.code in _NOT_BROKEN and not force:
                raise
            return error.code, error.message
        if not result.ok:
            return result.broken_how or "broken", result.detail
        if not force:
            raise ControlRefused(
                f"the ledger verifies: {result.events:,} events, nothing to recover",
                code="nothing_to_recover",
                remedy="look at: peak status; to begin anew all the same: --force",
            )
        return "", ""

    def recover(
        self, found: _Found, folder: Path, progress: Progress | None, phase_named: str | None
    ) -> Recovery:
        """Salvage what is proven, write the new ledger beside it, and put it in the old one's place."""
        facts, taken = self._salvage(found, folder, progress)
        named = None if phase_named is None else Phase(phase_named)
        phase, phase_from = phase_kept(found.source, found.proven, facts, named)
        operators, left_out = self._operators(facts)
        successor = Successor(
            self.operator,
            self.reason,
            self._recovered(found, folder),
            facts.simulated,
            operators,
            phase,
            taken.latched,
        )
        genesis, proof = self._proved(successor)
        stop_id = self._stop()
        written = self._write_new(
            folder / NEXT_FILE,
            successor=successor,
            genesis=genesis,
            proof=proof,
            taken=taken,
            stop_id=stop_id,
            operators_from="ledger" if facts.operators else "configs/keys",
        )
        made = Recovery(
            broken_how=found.how,
            detail=found.detail,
            proven=found.proven.events,
            proven_head=found.proven.head,
            known=found.known,
            signed=found.signed,
            folder=folder,
            proven_file=folder / PROVEN_FILE if found.proven.events else None,
            operators=tuple(sorted(operators)),
            left_out=left_out,
            phase=phase.value,
            phase_from=phase_from,
            simulated=facts.simulated,
            carried=taken.count,
            spend_known=taken.complete,
            events=written[0],
            head=written[1],
            stop_id=stop_id,
        )
        put_in_place(self.ws, folder)
        record = {"at": iso(self.clock.now()), "operator": self.operator, "reason": self.reason}
        text = json.dumps({**record, **made.as_json()}, indent=2, default=str)
        write_record(folder, text + "\n")
        return made

    # -- steps

    def _salvage(self, found: _Found, folder: Path, progress: Progress | None) -> tuple[Facts, Taken]:
        """Write the proven part as a ledger of its own; what it says of operators, phase and budgets."""
        facts, proven = Facts(), found.proven
        path = folder / PROVEN_FILE
        if proven.events:
            projections = (facts, Rollups(), Reservations(self.limits, clock=self.clock))
            write_prefix(found.source, path, proven, projections, progress)
        taken = take_over(
            found.source, path if proven.events else None, proven, self.limits, self.clock.now()
        )
        return facts, taken

    def _operators(self, facts: Facts) -> tuple[dict[str, str], tuple[str, ...]]:
        """Who is enrolled again: who was by the proven part, and whose key file still says the same.

        Where no enrolment is left the key files alone say it; the record tells so.
        """
        store = KeyStore(self.ws.keys, self.environ)
        shown = {name: _public(store, name) for name in store.names()}
        if not facts.operators:
            return {name: key for name, key in shown.items() if key}, ()
        kept = {name: key for name, key in facts.operators.items() if shown.get(name) == key}
        left = [
            f"{name}: configs/keys/{name}.pub is gone or another key"
            for name in facts.operators
            if name not in kept
        ]
        left += [
            f"{name}: the saved part knows no such enrolment" for name in shown if name not in facts.operators
        ]
        return kept, tuple(sorted(left))

    def _recovered(self, found: _Found, folder: Path) -> dict[str, Any]:
        proven, newest = found.proven, found.heads.newest
        head = None
        if newest is not None:
            head = {"origin": newest.origin, "size": newest.size, "root": newest.root.hex()}
        return {
            "origin": found.origin,
            "origins": sorted({found.origin, *found.heads.roots} - {""})[-100:],
            "old_seq": found.known,
            "old_head": proven.head if proven.events == found.known else "",
            "proven_seq": proven.events,
            "proven_head": proven.head,
            "broken_how": found.how,
            "detail": found.detail[:_REASON_LIMIT],
            "file": (folder / self.ws.ledger.name).relative_to(self.ws.root).as_posix(),
            "checkpoint": head,
            "checkpoint_from": found.heads.where,
        }

    def _proved(self, successor: Successor) -> tuple[EventDraft, dict[str, Any]]:
        """The new genesis and the operator's signature for it; raises ``ControlRefused``."""
        enrolled = successor.operators.get(self.operator)
        genesis, nonce = successor_genesis(successor), secrets.token_hex(16)
        if enrolled is None:
            raise ControlRefused(
                f"{self.operator} is no operator by what is left of the ledger and configs/keys",
                code="operator_unknown",
                remedy=f"sign as one of: {', '.join(sorted(successor.operators)) or 'nobody is left'}",
            )
        proof = KeyStore(self.ws.keys, self.environ).prove(self.operator, nonce, genesis)
        if not verify_proof(enrolled, proof, challenge_message(nonce, genesis)):
            raise ControlRefused(
                f"the signature is not that of operator {self.operator}",
                code="proof_required",
                remedy="sign with the key that is enrolled",
            )
        return genesis, {"event_id": genesis.event_id, "nonce": nonce, "signature": proof.signature}

    def _stop(self) -> str:
        outcome = stop_now(self.ws.control, reason=f"ledger recovered: {self.reason}", operator=self.operator)
        if not outcome.effective or any(one.step == "write STOP" for one, _ in outcome.failed):
            raise EnvironmentUnfit(
                "the workspace could not be stopped before its recovery",
                code="stop_failed",
                remedy="see: peak stop; check audits/control and its disk",
            )
        return outcome.stop_id

    def _write_new(
        self,
        path: Path,
        *,
        successor: Successor,
        genesis: EventDraft,
        proof: dict[str, Any],
        taken: Taken,
        stop_id: str,
        operators_from: str,
    ) -> tuple[int, str]:
        """Write the new ledger and verify it: its events and head."""
        told = {
            "reason": self.reason,
            "operator": self.operator,
            "proof": proof,
            **successor.recovered,
            "operators": sorted(successor.operators),
            "operators_from": operators_from,
            "phase": successor.phase.value,
            "simulated": successor.simulated,
            "spend_known": taken.complete,
            **taken.body,
        }
        last = EventDraft(new_event_id(secrets.token_bytes), EventKind.LEDGER_RECOVERED.value, told)
        stopped = stop_draft(stop_id, reason=f"ledger recovered: {self.reason}", operator=self.operator)
        projections = (
            Facts(),
            Rollups(),
            Breakers(BreakerRules),
            Reservations(self.limits, clock=self.clock),
        )
        with LedgerWriter(path, clock=self.clock, projections=projections) as writer:
            for draft in (genesis, *successor_drafts(successor), last, stopped):
                (written,) = writer.append([(draft, _ACTOR)])
                if isinstance(written, PeakError):
                    raise written
            head = writer.head
        result = verify_file(path)
        if not result.ok:
            raise LedgerUnavailable(
                f"the new ledger does not verify ({result.broken_how}): the disk may be at fault",
                code="ledger_io_error",
                remedy="check the disk of audits/, then recover again",
            )
        return head

    def limits(self) -> "BudgetLimits":
        """The limits that bind now; raises ``ConfigInvalid``."""
        if not self.configs:
            self.configs.append(ConfigCache(self.ws, clock=self.clock))
        return self.configs[0].current().budgets.limits


@contextmanager
def _alone(ws: Workspace) -> "Iterator[None]":
    """Hold the node's own lock; raises ``EnvironmentUnfit`` (``node_running``) beside a node."""
    try:
        lock = NodeLock(ws.audits)
    except EnvironmentUnfit as error:
        if error.code != "node_running":
            raise
        raise EnvironmentUnfit(
            "a node runs here: a recovery needs the ledger for itself",
            code="node_running",
            remedy="end it first: peak node stop",
        ) from error
    with lock:
        yield


def _public(store: KeyStore, name: str) -> str | None:
    with suppress(PeakError):
        return store.public(name)
    return None
