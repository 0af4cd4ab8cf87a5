"""After a broken ledger: what can be proven is kept, a new ledger names it, and the workspace stands stopped.

Offline, under the node's own lock. Until the last rename the old file stays where it is; whatever fails
before leaves the workspace as it was, but stopped.
"""

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.folder import prepare
from peak_console.control.history import stop_draft
from peak_console.control.keys import KeyStore, check_name
from peak_console.control.stop import stop_now
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import EnvironmentUnfit, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.vocabulary import Phase
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.keeping.salvage import Bodiless, Progress, write_prefix
from peak_console.node.broken_ledger import Found, examined, signed_heads, verdict
from peak_console.node.carrying import lowered_over, names_of
from peak_console.node.facts import Facts
from peak_console.node.first_head import sign_first_head
from peak_console.node.genesis import Successor, successor_drafts
from peak_console.node.lock import NodeLock
from peak_console.node.new_ledger import proved_genesis, write_ledger
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
from peak_console.node.taking_over import Taken, operators_kept, phase_kept, take_over
from peak_console.operations.enable import choose_operator
from peak_console.operations.succession import proved_by

if TYPE_CHECKING:
    from peak_console.budget.limits import BudgetLimits

_REASON_LIMIT: Final = 500


def recover_ledger(
    ws: Workspace,
    *,
    reason: str,
    operator: str | None = None,
    phase: str | None = None,
    force: bool = False,
    backup: Path | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    progress: Progress | None = None,
) -> Recovery:
    """Begin a new ledger after a broken one; whoever decides it proves to be an operator with a key.

    ``phase`` names the phase where the ledger cannot tell it any more. ``backup`` is a file whose events are
    saved instead of the ledger's own, as far as the same proofs go; with ``force`` also where these are
    fewer. Raises ``UsageWrong`` without a
    reason, ``ControlRefused`` where nothing is broken (unless ``force``) or the operator may not,
    ``EnvironmentUnfit`` beside a node or where nothing can be written.
    """
    if not reason.strip():
        raise UsageWrong("a recovery needs a reason", code="reason_missing", remedy='add: --reason "..."')
    store = KeyStore(ws.keys, os.environ if environ is None else environ)
    with unwritable_told(ws):
        ws.audits.mkdir(parents=True, exist_ok=True)
        prepare(ws.control, group_of=ws.root)
    with _alone(ws):
        signer = check_name(choose_operator(store, operator))
        now = clock or SystemClock()
        one = _Recovering(ws, reason.strip()[:_REASON_LIMIT], signer, store, now, environ)
        named = None if phase is None else Phase(phase)
        put_back_log(ws)
        key = store.raw_public() or b""
        heads = signed_heads(ws, key, os.environ if environ is None else environ)
        said = verdict(ws, heads, force=force)
        with _salvage_folder(ws, one.clock) as folder, unwritable_told(ws):
            keep_old(ws, folder)
            proved = proved_by(ws, environ)
            with examined(
                ws.ledger,
                folder,
                key,
                heads,
                proved,
                said=said,
                progress=progress,
                backup=backup,
                fewer=force,
            ) as found:
                return one.recover(found, folder, progress, named)


@dataclass(frozen=True, slots=True)
class _Saved:
    """What the proven part is, and what it says."""

    facts: Facts
    taken: Taken
    lowered: tuple[EventDraft, ...]
    """What tells the new ledger what stays lowered."""
    bodiless: Bodiless | None


@dataclass(frozen=True, slots=True)
class _Recovering:
    ws: Workspace
    reason: str
    operator: str
    store: KeyStore
    clock: Clock
    environ: Mapping[str, str] | None = None
    configs: list[ConfigCache] = field(default_factory=list)

    def recover(self, found: Found, folder: Path, progress: Progress | None, named: Phase | None) -> Recovery:
        """Salvage what is proven, write the new ledger beside it, and put it in the old one's place."""
        saved = self._salvage(found, folder, progress)
        facts, taken = saved.facts, saved.taken
        phase, phase_from = phase_kept(found.beside, found.proven, facts, named)
        operators, left_out = operators_kept(self.store, facts)
        told = self._recovered(found, folder, saved.bodiless)
        successor = Successor(
            self.operator,
            self.reason,
            told,
            facts.simulated,
            operators,
            phase,
            taken.latched,
            self.store.raw_public(),
        )
        genesis, proof = proved_genesis(self.store, successor)
        stop_id = self._stop()
        sources = {
            "operators_from": "ledger" if facts.operators else "configs/keys",
            "phase_from": phase_from,
        }
        last = self._last(successor, taken, proof, {**sources, "lowered": names_of(saved.lowered)})
        stopped = stop_draft(stop_id, reason=f"ledger recovered: {self.reason}", operator=self.operator)
        drafts = (genesis, *successor_drafts(successor), *saved.lowered, last, stopped)
        events, head = write_ledger(folder / NEXT_FILE, drafts, self.limits, self.clock)
        made = Recovery(
            broken_how=found.how,
            detail=found.detail,
            proven=found.proven.events,
            proven_head=found.proven.head,
            known=found.known,
            signed=found.signed,
            folder=folder,
            proven_file=folder / PROVEN_FILE if found.proven.events else None,
            bodiless=saved.bodiless,
            operators=tuple(sorted(operators)),
            left_out=left_out,
            phase=phase.value,
            phase_from=phase_from,
            simulated=facts.simulated,
            carried=taken.count,
            spend_known=taken.complete,
            events=events,
            head=head,
            stop_id=stop_id,
            had_file=(folder / self.ws.ledger.name).exists(),
            backup=found.backup,
        )
        put_in_place(self.ws, folder)
        made = replace(made, first=sign_first_head(self.ws, self.environ))
        self._record(made)
        return made

    def _salvage(self, found: Found, folder: Path, progress: Progress | None) -> _Saved:
        """Write the proven part as a ledger of its own; what it says of operators, phase and budgets."""
        facts, proven, bodiless = Facts(), found.proven, None
        path = folder / PROVEN_FILE if proven.events else None
        if path is not None:
            projections = (facts, Rollups(), Reservations(self.limits, clock=self.clock))
            bodiless = write_prefix(found.source, path, proven, projections, progress)
        older = found.backup is not None
        taken = take_over(found.beside, path, proven, self.limits, self.clock.now(), older=older)
        lowered = lowered_over(found.beside, path, facts, proven.events, self.clock)
        return _Saved(facts, taken, lowered, bodiless)

    def _recovered(self, found: Found, folder: Path, bodiless: Bodiless | None) -> dict[str, Any]:
        """What the new genesis says of the old ledger."""
        proven, newest = found.proven, found.heads.newest_of(found.origin) or found.heads.newest
        head = None
        if newest is not None:
            head = {"origin": newest.origin, "size": newest.size, "root": newest.root.hex()}
        told = {
            "origin": found.origin,
            "origins": sorted({found.origin, *found.heads.roots, *found.heads.unsigned} - {""}),
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
        if found.backup is not None:
            told["from"] = found.backup.name[:_REASON_LIMIT]
        return told if bodiless is None else {**told, "bodiless": bodiless.as_json()}

    def _last(
        self, successor: Successor, taken: Taken, proof: dict[str, Any], sources: Mapping[str, Any]
    ) -> EventDraft:
        """``ledger.recovered``: the proof, what was carried over, and from where."""
        told = {
            "reason": self.reason,
            "operator": self.operator,
            "proof": proof,
            **successor.recovered,
            "operators": sorted(successor.operators),
            **sources,
            "phase": successor.phase.value,
            "simulated": successor.simulated,
            "spend_known": taken.complete,
            **taken.body,
        }
        return EventDraft(new_event_id(secrets.token_bytes), EventKind.LEDGER_RECOVERED.value, told)

    def _stop(self) -> str:
        outcome = stop_now(self.ws.control, reason=f"ledger recovered: {self.reason}", operator=self.operator)
        if not outcome.effective or any(one.step == "write STOP" for one, _ in outcome.failed):
            raise EnvironmentUnfit(
                "the workspace could not be stopped before its recovery",
                code="stop_failed",
                remedy="see: peak stop; check audits/control and its disk",
            )
        return outcome.stop_id

    def _record(self, made: Recovery) -> None:
        record = {"at": iso(self.clock.now()), "operator": self.operator, "reason": self.reason}
        text = json.dumps({**record, **made.as_json()}, indent=2, default=str)
        write_record(made.folder, text + "\n")

    def limits(self) -> "BudgetLimits":
        """The limits that bind now; raises ``ConfigInvalid``."""
        if not self.configs:
            self.configs.append(ConfigCache(self.ws, clock=self.clock))
        return self.configs[0].current().budgets.limits


@contextmanager
def _salvage_folder(ws: Workspace, clock: Clock) -> Iterator[Path]:
    """A new folder for what is kept; gone again where the recovery fails and nothing depends on it."""
    folder = make_folder(ws, clock.now())
    try:
        yield folder
    except BaseException:
        if not (folder / RECORD_FILE).exists() and (ws.ledger.exists() or not any(folder.iterdir())):
            shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def _alone(ws: Workspace) -> Iterator[None]:
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
