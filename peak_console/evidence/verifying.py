"""Whether a pack is what the workspace's key sealed: every file, hash and proof, read from the pack alone.

Nothing of the pack is trusted but what the given public key signed; nothing outside it is asked.
"""

from collections.abc import Callable, Mapping
from typing import Final

import orjson

from peak_console.domain.canonical import sha256_hex
from peak_console.domain.events import LedgerEvent
from peak_console.evidence.artefacts import recorded_artefacts
from peak_console.evidence.derived import derived_files, program_version
from peak_console.evidence.dsse import EnvelopeWrong, key_id, signers_of, unseal
from peak_console.evidence.event_lines import EventLine, read_lines
from peak_console.evidence.layout import CHECKPOINT, EVENTS, GOVERNING, PROOFS, UNPROVED, config_digest
from peak_console.evidence.manifest import (
    MANIFEST,
    STATEMENT,
    Manifest,
    PackMalformed,
    media_type,
    read_manifest,
)
from peak_console.evidence.sources import PackFiles, PackUnreadable
from peak_console.evidence.statement import Statement, read_statement
from peak_console.evidence.verified import FileState, PackVerified, State
from peak_console.ledger.heads.merkle_proofs import verify_inclusion
from peak_console.ledger.heads.notes import Checkpoint, NoteKey, NoteMalformed, origin_of, read_note

Progress = Callable[[str, int, int], None]
"""Told what is being verified, how much of it is done, and of how much."""

Cancelled = Callable[[], bool]

PROBLEMS_LIMIT: Final = 200
_TELL_EVERY: Final = 200


class VerificationCancelled(Exception):
    """The caller wanted no more of it."""


def verify_files(
    pack: PackFiles, public: bytes, progress: Progress | None = None, cancelled: Cancelled | None = None
) -> PackVerified:
    """Verify a pack with the 32 bytes of the workspace's public key.

    Never raises for what the pack holds. Raises :class:`VerificationCancelled` when ``cancelled`` says so.
    """
    return _Verification(pack, public, _Watch(progress, cancelled)).result()


class _Watch:
    def __init__(self, progress: Progress | None, cancelled: Cancelled | None) -> None:
        self._progress, self._cancelled = progress, cancelled

    def look(self, what: str, done: int, total: int) -> None:
        if self._cancelled is not None and self._cancelled():
            raise VerificationCancelled
        if self._progress is not None:
            self._progress(what, done, total)


class _Verification:
    """One verification; problems gather, and what depends on a broken part is not looked at."""

    def __init__(self, pack: PackFiles, public: bytes, watch: _Watch) -> None:
        self._pack, self._public, self._watch = pack, public, watch
        self._problems: list[str] = []
        self._notes: list[str] = []
        self._states: dict[str, FileState] = {}
        self._events = 0

    def result(self) -> PackVerified:
        self._watch.look("signature", 0, 1)
        statement, manifest = self._statement(), self._manifest()
        self._files(statement, manifest)
        proofs_ok = False
        if statement is not None and manifest is not None:
            proofs_ok = self._about(statement, manifest)
        for odd in self._pack.odd():
            self._states.setdefault(odd, FileState(odd, 0, media_type(odd), State.EXTRA))
            what = "an empty folder" if odd.endswith("/") else "not a plain file, or a name that no pack has"
            self._problem(f"{odd}: {State.EXTRA.value}: {what}")
        return PackVerified(
            ok=not self._problems,
            run_id=statement.run_id if statement else "",
            signed_by=key_id(self._public) if statement else "",
            files=tuple(self._states[path] for path in sorted(self._states)),
            proofs_ok=proofs_ok,
            events=self._events,
            problems=tuple(self._problems[:PROBLEMS_LIMIT]),
            notes=tuple(self._notes),
            checkpoint_size=statement.size if statement else 0,
            origin=statement.origin if statement else "",
            version=statement.version if statement else "",
        )

    # -- what the key says

    def _statement(self) -> Statement | None:
        envelope = self._read(STATEMENT)
        if envelope is None:
            self._problem(f"{STATEMENT} is missing: nothing says that this was ever sealed")
            return None
        try:
            return read_statement(unseal(envelope, self._public))
        except PackMalformed as error:
            self._problem(str(error))
        except EnvelopeWrong as error:
            self._problem(f"{STATEMENT}: {error}{_claimed(envelope)}")
        return None

    def _manifest(self) -> Manifest | None:
        data = self._read(MANIFEST)
        if data is None:
            return None
        try:
            return read_manifest(data)
        except PackMalformed as error:
            self._problem(str(error))
        return None

    # -- files

    def _files(self, statement: Statement | None, manifest: Manifest | None) -> None:
        """Compare what lies there with what was sealed: by the statement, else by an unsigned manifest."""
        listed = {} if manifest is None else {one.path: one.sha256 for one in manifest.files}
        sealed = dict(statement.subjects) if statement else listed
        sizes = self._pack.sizes()
        for number, (path, digest) in enumerate(sorted(sealed.items())):
            self._watch.look("files", number, len(sealed))
            self._compare(path, digest, sizes.get(path))
        for path in sorted(set(sizes) - set(sealed) - {STATEMENT, MANIFEST}):
            self._state(path, sizes[path], State.EXTRA)
        if STATEMENT in sizes:
            known = State.OK if statement else State.CHANGED
            self._states[STATEMENT] = FileState(STATEMENT, sizes[STATEMENT], media_type(STATEMENT), known)
        if statement is not None and manifest is not None:
            unlike = {path for path, digest in listed.items() if sealed.get(path) != digest}
            unlike |= set(sealed) - set(listed) - {MANIFEST}
            for path in sorted(unlike):
                self._problem(f"{path}: manifest and statement do not agree")

    def _compare(self, path: str, digest: str, size: int | None) -> None:
        if size is None:
            self._state(path, 0, State.MISSING)
            return
        data = self._read(path)
        same = data is not None and sha256_hex(data) == digest
        self._state(path, size, State.OK if same else State.CHANGED)

    def _state(self, path: str, size: int, state: State) -> None:
        self._states[path] = FileState(path, size, media_type(path), state)
        if state is not State.OK:
            self._problem(f"{path}: {state.value}")

    # -- what the files say of the run

    def _about(self, statement: Statement, manifest: Manifest) -> bool:
        """Whether all events are proved; what else the files say of the run is looked at too."""
        if manifest.run_id != statement.run_id:
            self._problem("manifest and statement name different runs")
        if statement.is_capture:
            self._copies(manifest, [])
            self._unproved()
            if not statement.checkpointed:
                return self._without_slice(manifest)
        lines = self._lines(EVENTS), self._lines(GOVERNING)
        if lines[0] is None or lines[1] is None:
            return False
        before = len(self._problems)
        self._run(statement, lines[0], lines[1])
        checkpoint = self._checkpoint(statement)
        if checkpoint is not None:
            self._origin(statement, lines[1])
            self._proofs([*lines[0], *lines[1]], checkpoint)
        proved = checkpoint is not None and len(self._problems) == before
        if statement.is_capture:
            self._tell(manifest, [*lines[0], *lines[1]])
            return proved
        self._copies(manifest, [one.event for one in lines[0]])
        self._derived(statement, [one.event for one in lines[0]], [one.event for one in lines[1]])
        self._tell(manifest, [*lines[0], *lines[1]])
        return proved

    def _without_slice(self, manifest: Manifest) -> bool:
        """A capture of a ledger that could not be read, or had no signed head."""
        for path in (EVENTS, GOVERNING, PROOFS, CHECKPOINT):
            if path in self._pack.sizes():
                self._problem(f"{path}: it leads to no checkpoint that the statement names")
        self._notes.append("no slice of the ledger under a signed head is in it")
        self._tell(manifest, [])
        return False

    def _unproved(self) -> None:
        """Events above the signed head: each must give its own hash; more is not known of them."""
        lines = self._lines(UNPROVED) or []
        for fault in (fault for line in lines for fault in line.faults()):
            self._problem(fault)
        if lines:
            self._notes.append(f"{len(lines)} events are under no signed head: {UNPROVED}")

    def _run(self, statement: Statement, run: list[EventLine], governing: list[EventLine]) -> None:
        for name, found in ((EVENTS, run), (GOVERNING, governing)):
            places = [one.event.seq for one in found]
            if places != sorted(set(places)):
                self._problem(f"{name}: events are not once and in order")
        for one in () if statement.is_capture else run:
            if one.event.run_id != statement.run_id and "header" not in one.redacted:
                self._problem(f"event {one.event.seq} is not of run {statement.run_id}")
        counted = {"events": len(run), "governing": len(governing)}
        for name, count in counted.items():
            if statement.counts.get(name) != count:
                self._problem(f"{count} {name} are there, {statement.counts.get(name)} were sealed")

    def _checkpoint(self, statement: Statement) -> Checkpoint | None:
        data = self._read(CHECKPOINT)
        if data is None:
            return None
        try:
            note = read_note(data.decode("utf-8"))
            found = Checkpoint.of_text(note.text)
        except (NoteMalformed, UnicodeDecodeError) as error:
            self._problem(f"{CHECKPOINT}: {error}")
            return None
        if not note.signed_by(NoteKey(statement.origin, self._public)):
            self._problem(f"{CHECKPOINT}: not signed by the workspace's key under this origin")
            return None
        told = (found.origin, found.size, found.root.hex())
        if told != (statement.origin, statement.size, statement.root):
            self._problem(f"{CHECKPOINT}: not the checkpoint that the statement names")
            return None
        return found

    def _origin(self, statement: Statement, governing: list[EventLine]) -> None:
        first = governing[0].event if governing else None
        if first is None or first.seq != 1:
            self._problem(f"{GOVERNING}: the genesis is missing")
        elif origin_of(self._public, first.hash) != statement.origin:
            self._problem("the checkpoint is of a log with another genesis or key")

    def _proofs(self, lines: list[EventLine], checkpoint: Checkpoint) -> None:
        paths = self._paths()
        for number, line in enumerate(lines):
            if number % _TELL_EVERY == 0:
                self._watch.look("events", number, len(lines))
            faults = list(line.faults())
            if not _is_included(line.event, paths.get(line.event.seq), checkpoint):
                faults.append(f"event {line.event.seq}: no proof that it is under the checkpoint")
            for fault in faults:
                self._problem(fault)
            self._events += not faults
        places = {line.event.seq for line in lines}
        for stray in sorted(set(paths) - places)[:3]:
            self._problem(f"{PROOFS}: a proof of event {stray}, which is not in the pack")

    def _paths(self) -> Mapping[int, tuple[str, list[str]]]:
        data = self._read(PROOFS) or b""
        found: dict[int, tuple[str, list[str]]] = {}
        for line in data.splitlines():
            try:
                fields = orjson.loads(line)
                found[int(fields["seq"])] = (str(fields["hash"]), [str(one) for one in fields["path"]])
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
                self._problem(f"{PROOFS}: not a proof's line: {line[:60]!r}")
        return found

    def _copies(self, manifest: Manifest, run: list[LedgerEvent]) -> None:
        """Whether copies of configs are of the digest they are named for, and artefacts those on record."""
        recorded = recorded_artefacts(run)
        for entry in manifest.files:
            whole = entry.original or entry.sha256
            wanted = config_digest(entry.path)
            if wanted is not None and wanted != whole:
                self._problem(f"{entry.path}: not the config of this digest")
            if entry.recorded is not None and entry.recorded not in recorded:
                self._problem(f"{entry.path}: the run's events do not record this artefact")
            if entry.recorded is not None and entry.recorded != whole:
                self._notes.append(f"{entry.path} was changed after the run recorded it")

    def _derived(self, statement: Statement, run: list[LedgerEvent], governing: list[LedgerEvent]) -> None:
        """Whether what the pack tells in short is what its events say."""
        self._watch.look("report", 0, 1)
        if statement.version != program_version(governing, run[0].seq if run else 0):
            self._problem("the statement names another program version than node.started")
        for path, data in derived_files(statement.run_id, run, governing).items():
            there = self._read(path)
            if there is not None and there != data:
                self._problem(f"{path}: it does not follow from the events")

    def _tell(self, manifest: Manifest, lines: list[EventLine]) -> None:
        for what, count in (
            ("files have keys struck out of them", sum(one.redacted for one in manifest.files)),
            ("events have keys struck out of them", sum(bool(one.redacted) for one in lines)),
            ("events had lost their bodies by retention", sum(one.pruned for one in lines)),
        ):
            if count:
                self._notes.append(f"{count} {what}")
        self._notes.extend(f"not in the pack: {one.what} ({one.reason})" for one in manifest.left_out)

    # -- reading

    def _lines(self, path: str) -> list[EventLine] | None:
        data = self._read(path)
        if data is None:
            return None
        try:
            return read_lines(data)
        except PackMalformed as error:
            self._problem(f"{path}: {error}")
            return None

    def _read(self, path: str) -> bytes | None:
        if path not in self._pack.sizes():
            return None
        try:
            return self._pack.read(path)
        except PackUnreadable as error:
            self._problem(str(error))
            return None

    def _problem(self, text: str) -> None:
        if text not in self._problems:
            self._problems.append(text)


def _is_included(event: LedgerEvent, proof: tuple[str, list[str]] | None, checkpoint: Checkpoint) -> bool:
    if proof is None or proof[0] != event.hash:
        return False
    try:
        entry, path = bytes.fromhex(event.hash), [bytes.fromhex(one) for one in proof[1]]
    except ValueError:
        return False
    return verify_inclusion(entry, event.seq - 1, checkpoint.size, path, checkpoint.root)


def _claimed(envelope: bytes) -> str:
    try:
        named = signers_of(envelope)
    except EnvelopeWrong:
        return ""
    return f" (it names {', '.join(one[:16] for one in named[:3]) or 'no key'})"
