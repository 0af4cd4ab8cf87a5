"""The in-toto statement of a pack: which files, of which run, proved against which signed head. Pure.

Format: in-toto attestation framework, Statement v1. The subjects are the files with their SHA-256; the
predicate is ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.domain.canonical import canonical
from peak_console.domain.ids import is_incident_id
from peak_console.evidence.manifest import STATEMENT, PackMalformed, json_object, subject_key, subject_of

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:peak-console:evidence-pack:v1"
CAPTURE_TYPE: Final = "urn:peak-console:incident-capture:v1"
"""Of a capture: it names an incident, and no checkpoint where the ledger gave no slice."""

_DIGITS: Final = frozenset("0123456789abcdef")
_SHA256_DIGITS: Final = 64


@dataclass(frozen=True, slots=True)
class Statement:
    """What the workspace's key says of a pack."""

    run_id: str
    """The run; of a capture the incident."""
    origin: str
    """The log whose checkpoint the proofs lead to; empty in a capture without a slice of the ledger."""
    size: int
    """Events under that checkpoint; 0 where there is none."""
    root: str
    """Its root, in hexadecimal."""
    version: str
    """The program's version when the run began, by ``node.started``; empty where none is on record."""
    counts: Mapping[str, int] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    """Files and their SHA-256, in hexadecimal."""

    @property
    def is_capture(self) -> bool:
        """Whether it is of an incident, not of a run."""
        return is_incident_id(self.run_id)

    @property
    def checkpointed(self) -> bool:
        """Whether events in it lead to a signed checkpoint; only a capture may have none."""
        return bool(self.origin) or not self.is_capture

    def payload(self) -> bytes:
        """The statement as canonical JSON."""
        return canonical(
            {
                "_type": STATEMENT_TYPE,
                "subject": [
                    {"name": name, "digest": {"sha256": digest}}
                    for name, digest in sorted(self.subjects.items())
                ],
                "predicateType": CAPTURE_TYPE if self.is_capture else PREDICATE_TYPE,
                "predicate": {
                    subject_key(self.run_id): self.run_id,
                    **self._head(),
                    "program": {"name": "peak-console", "version": self.version},
                    "counts": dict(self.counts),
                },
            }
        )

    def _head(self) -> dict[str, Any]:
        if not self.checkpointed:
            return {}
        return {"origin": self.origin, "checkpoint": {"size": self.size, "root": self.root}}


def read_statement(payload: bytes) -> Statement:
    """A statement from its JSON; raises :class:`PackMalformed`."""
    fields = json_object(payload, STATEMENT)
    kind = fields.get("predicateType")
    if fields.get("_type") != STATEMENT_TYPE or kind not in {PREDICATE_TYPE, CAPTURE_TYPE}:
        raise PackMalformed("the statement is of another type")
    try:
        subjects = {one["name"]: _sha256(one["digest"]["sha256"]) for one in fields["subject"]}
        said = fields["predicate"]
        subject = _subject(said, kind)
        without = kind == CAPTURE_TYPE and "checkpoint" not in said
        head = {"size": 0, "root": ""} if without else said["checkpoint"]
        found = Statement(
            run_id=subject,
            origin="" if without else _text(said["origin"]),
            size=_count(head["size"]),
            root="" if without else _sha256(head["root"]),
            version=_text(said["program"]["version"]),
            counts={_text(name): _count(number) for name, number in said["counts"].items()},
            subjects=subjects,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PackMalformed(f"the statement is not in its form: {error}") from error
    if len(subjects) != len(fields["subject"]):
        raise PackMalformed("the statement names a file twice")
    return found


def _subject(said: Mapping[str, Any], kind: str) -> str:
    subject = subject_of(said)
    if is_incident_id(subject) is not (kind == CAPTURE_TYPE):
        raise ValueError("it is of another kind than it names")
    return subject


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is wanted")  # noqa: TRY004 - the form of a file, not a caller's mistake
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a count is wanted")
    return value


def _sha256(value: Any) -> str:
    text = _text(value)
    if len(text) != _SHA256_DIGITS or not _DIGITS.issuperset(text):
        raise ValueError("a SHA-256 in hexadecimal is wanted")
    return text
