"""Rehearsals of a rollback: the whole way on a mirror, from the version to what is loaded; nothing moves.

What was walked is recorded as ``drill.finished``, proved by an operator, whether it held or not.
"""

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from peak_console.config.editing.targets import Target
from peak_console.config.load import load_configs
from peak_console.config.lock import Lock
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.incidents import DrillKind
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import append_proved, choose_operator
from peak_console.operations.locking.differing import compared
from peak_console.operations.locking.placing import judged_text, lock_bytes, lock_target, standing_lock
from peak_console.operations.locking.recorded import record_of
from peak_console.operations.locking.rolling_back import refuse_unsound
from peak_console.operations.locking.showing import lock_named
from peak_console.operations.phase import rules_of
from peak_console.operations.workbench.files import Replacement, bytes_of, read_standing
from peak_console.operations.workbench.history import resolve, version_text
from peak_console.operations.workbench.saving import preview
from peak_console.operations.workbench.shapes import Preview

_DETAIL: Final = 200


@dataclass(frozen=True, slots=True)
class RehearsedStep:
    """One step of a rehearsal; ``ms`` is how long it took."""

    step: str
    ok: bool
    detail: str
    ms: int

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` and the ledger have it."""
        return {"step": self.step, "ok": self.ok, "detail": self.detail, "ms": self.ms}


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A rehearsal that is over and on record at ``seq``."""

    target: str
    digest: str
    """Of the version that would be put back."""
    steps: tuple[RehearsedStep, ...]
    operator: str
    seq: int

    @property
    def held(self) -> bool:
        """Whether every step did; a real rollback would have come to its end."""
        return bool(self.steps) and all(one.ok for one in self.steps)

    @property
    def ms(self) -> int:
        """How long all of it took."""
        return sum(one.ms for one in self.steps)

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "drill": DrillKind.ROLLBACK.value,
            "target": self.target,
            "digest": self.digest,
            "held": self.held,
            "steps": [one.as_json() for one in self.steps],
            "ms": self.ms,
            "operator": self.operator,
            "seq": self.seq,
        }


def rehearse_rollback(
    ws: Workspace,
    client: BlockingLedgerClient,
    target: Target,
    to: str,
    *,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> Rehearsed:
    """Walk a rollback of a config to the version that ``to`` names; words as in ``history.resolve``.

    Version, difference, lint, weight, file, mirror, read back. Raises ``UsageWrong`` where there is no such
    version or no operator, and as the node refuses to record it; then nothing was rehearsed.
    """
    recording = _Recording(ws, client, environ, operator)
    digest = resolve(ws, target, to)
    way = _ConfigWay(ws, target, digest, recording.operator, clock or SystemClock())
    with _mirror() as mirror:
        place = _Place(ws, mirror, target, digest)
        phase = rules_of(ws)
        load = ("load", lambda: place.load(phase, way.clock))
        steps = _walked((*way.steps(), *place.steps(lambda: bytes_of(way.text)), load))
    return recording.finished(target.name, digest, steps)


def rehearse_lock_rollback(
    ws: Workspace,
    client: BlockingLedgerClient,
    word: str,
    *,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> Rehearsed:
    """Walk a rollback of the lock to the one that ``word`` names (a digest, a prefix, ``previous``).

    Raises as :func:`rehearse_rollback` and :func:`peak_console.operations.locking.showing.lock_named`.
    """
    recording = _Recording(ws, client, environ, operator)
    lock = lock_named(ws, word)
    way = _LockWay(ws, lock, clock or SystemClock())
    with _mirror() as mirror:
        place = _Place(ws, mirror, lock_target(), lock.digest)
        steps = _walked(
            (*way.steps(), *place.steps(lambda: lock_bytes(ws, lock)), ("signature", way.signature))
        )
    return recording.finished("lock", lock.digest, steps)


Step = tuple[str, Callable[[], str]]
"""A step's name, and what does it: gives its detail, raises where a real rollback would not go on."""


class _NotHeld(Exception):
    """A step saw that a real rollback would not come to its end."""


def _walked(steps: Iterable[Step]) -> tuple[RehearsedStep, ...]:
    """Steps in turn; after one that failed the others are not walked, and say so."""
    done: list[RehearsedStep] = []
    for name, step in steps:
        if done and not done[-1].ok:
            done.append(RehearsedStep(name, ok=False, detail="not walked", ms=0))
            continue
        began = time.perf_counter_ns()
        try:
            ok, detail = True, step()
        except (_NotHeld, PeakError, OSError) as error:
            ok = False
            detail = getattr(error, "message", "") or getattr(error, "strerror", "") or str(error)
        ms = (time.perf_counter_ns() - began) // 1_000_000
        done.append(RehearsedStep(name, ok, one_line(detail, _DETAIL), ms))
    return tuple(done)


class _ConfigWay:
    """What a rollback of a config looks at before it writes."""

    def __init__(self, ws: Workspace, target: Target, digest: str, operator: str, clock: Clock) -> None:
        self._ws, self._target, self._digest = ws, target, digest
        self._operator, self.clock = operator, clock
        self.text = ""
        self._seen: Preview | None = None

    def steps(self) -> tuple[Step, ...]:
        return (
            ("version", self._version),
            ("difference", self._difference),
            ("lint", self._lint),
            ("weigh", self._weigh),
        )

    def _version(self) -> str:
        self.text = version_text(self._ws, self._target, self._digest)
        return f"{self._digest[:12]} is kept whole"

    def _difference(self) -> str:
        seen = self._preview()
        return f"{len(seen.keys)} keys differ" if seen.changed else "it stands in its place already"

    def _lint(self) -> str:
        errors = self._preview().checked.errors
        if errors:
            raise _NotHeld(f"{errors} errors under the rules of now: a real one would be refused")
        return "no error under the rules of now"

    def _weigh(self) -> str:
        seen = self._preview()
        asked = [one.code for one in seen.concerns]
        asked += ["another operator's approval"] if seen.needs_approval and not seen.approved_by else []
        return f"a real one asks for: {', '.join(asked)}" if asked else "nothing to confirm"

    def _preview(self) -> Preview:
        if self._seen is None:
            now = self.clock.now()
            self._seen = preview(self._ws, self._target, self.text, now=now, operator=self._operator)
        return self._seen


class _LockWay:
    """What a rollback of the lock looks at before it writes, and after."""

    def __init__(self, ws: Workspace, lock: Lock, clock: Clock) -> None:
        self._ws, self._lock, self._clock = ws, lock, clock

    def steps(self) -> tuple[Step, ...]:
        return ("version", self._version), ("difference", self._difference), ("judge", self._judge)

    def _version(self) -> str:
        lock_bytes(self._ws, self._lock)
        return f"{self._lock.digest[:12]} is kept whole"

    def _difference(self) -> str:
        here = standing_lock(self._ws)
        if here is None or here.digest == self._lock.digest:
            return "it stands in its place already" if here else "no lock stands there"
        found = compared(here, self._lock)
        return f"{len(found.entries)} entries and {len(found.head)} fields of its head differ"

    def _judge(self) -> str:
        refuse_unsound(self._lock, record_of(self._ws), self._clock)
        return "signed by an operator who is enrolled, and not past its end"

    def signature(self) -> str:
        again = judged_text(self._ws, lock_bytes(self._ws, self._lock))
        if again is None or again.digest != self._lock.digest or not again.sound:
            raise _NotHeld("its signature does not hold")
        return "the signature holds"


class _Place:
    """The file's place: whether the real one may be replaced, and replacing it in the mirror."""

    def __init__(self, ws: Workspace, mirror: Workspace, target: Target, digest: str) -> None:
        self._ws, self._mirror, self._target, self._digest = ws, mirror, target, digest

    def steps(self, data: Callable[[], bytes]) -> tuple[Step, ...]:
        return (
            ("file", self._file),
            ("mirror", self._copy),
            ("write", lambda: self._write(data())),
            ("read back", self._read_back),
        )

    def load(self, phase: PhaseLevel, clock: Clock) -> str:
        """Load the mirror's configs as the road does; the digest of what was loaded must be the version's."""
        loaded = load_configs(self._mirror, phase=phase, today=clock.now().date()).digests
        found = loaded.get(self._target.kind, self._digest)
        if found != self._digest:
            raise _NotHeld(f"{found[:12]} was loaded, not {self._digest[:12]}")
        return f"{self._digest[:12]} was loaded"

    def _file(self) -> str:
        Replacement(self._ws, self._target).check()
        return f"{self._target.path} may be replaced"

    def _copy(self) -> str:
        source, copy = self._ws.root / "configs", self._mirror.root / "configs"
        shutil.copytree(source, copy, symlinks=True, ignore=shutil.ignore_patterns(".*"))
        return "the configs are mirrored"

    def _write(self, data: bytes) -> str:
        replacement = Replacement(self._mirror, self._target)
        try:
            replacement.write(data)
            replacement.put()
        finally:
            replacement.drop()
        return "written beside and put in its place, in a mirror"

    def _read_back(self) -> str:
        read = read_standing(self._mirror, self._target).digest
        if read != self._digest:
            raise _NotHeld(f"{(read or 'nothing')[:12]} was read back, not {self._digest[:12]}")
        return f"{self._digest[:12]} was read back"


@contextmanager
def _mirror() -> Iterator[Workspace]:
    """An empty workspace among temporary files, gone afterwards: one that is killed leaves nothing here."""
    with tempfile.TemporaryDirectory(prefix="peak-rehearsal-") as folder:
        yield Workspace(Path(folder))


class _Recording:
    """Whose rehearsal it is, and its record. Raises before anything is walked where nobody can prove it."""

    def __init__(
        self,
        ws: Workspace,
        client: BlockingLedgerClient,
        environ: Mapping[str, str] | None,
        operator: str | None,
    ) -> None:
        self._client = client
        self._store = KeyStore(ws.keys, os.environ if environ is None else environ)
        self.operator = choose_operator(self._store, operator)

    def finished(self, target: str, digest: str, steps: tuple[RehearsedStep, ...]) -> Rehearsed:
        """Record it, and give it with its place."""
        body = {
            "drill": DrillKind.ROLLBACK.value,
            "held": all(one.ok for one in steps),
            "steps": [one.as_json() for one in steps],
            "note": f"{target} to {digest[:12]}, on a mirror",
            "target": target,
            "digest": digest,
            "operator": self.operator,
        }
        draft = EventDraft(new_event_id(secrets.token_bytes), EventKind.DRILL_FINISHED.value, body)
        seq = append_proved(self._client, self._store, self.operator, draft)
        return Rehearsed(target, digest, steps, self.operator, seq)
