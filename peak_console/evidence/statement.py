"""The in-toto statement of a pack: which files, of which run, proved against which signed head. Pure.

Format: in-toto attestation framework, Statement v1. The subjects are the files with their SHA-256; the
predicate is ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.domain.canonical import canonical
from peak_console.evidence.manifest import STATEMENT, PackMalformed, json_object

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:peak-console:evidence-pack:v1"

_DIGITS: Final = frozenset("0123456789abcdef")
_SHA256_DIGITS: Final = 64


@dataclass(frozen=True, slots=True)
class Statement:
    """What the workspace's key says of a pack."""

    run_id: str
    origin: str
    """The log whose checkpoint the proofs lead to."""
    size: int
    """Events under that checkpoint."""
    root: str
    """Its root, in hexadecimal."""
    version: str
    """The program's version when the run began, by ``node.started``; empty where none is on record."""
    counts: Mapping[str, int] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    """Files and their SHA-256, in hexadecimal."""

    def payload(self) -> bytes:
        """The statement as canonical JSON."""
        return canonical(
            {
                "_type": STATEMENT_TYPE,
                "subject": [
                    {"name": name, "digest": {"sha256": digest}}
                    for name, digest in sorted(self.subjects.items())
                ],
                "predicateType": PREDICATE_TYPE,
                "predicate": {
                    "run_id": self.run_id,
                    "origin": self.origin,
                    "checkpoint": {"size": self.size, "root": self.root},
                    "program": {"name": "peak-console", "version": self.version},
                    "counts": dict(self.counts),
                },
            }
        )


def read_statement(payload: bytes) -> Statement:
    """A statement from its JSON; raises :class:`PackMalformed`."""
    fields = json_object(payload, STATEMENT)
    if fields.get("_type") != STATEMENT_TYPE or fields.get("predicateType") != PREDICATE_TYPE:
        raise PackMalformed("the statement is of another type")
    try:
        subjects = {one["name"]: _sha256(one["digest"]["sha256"]) for one in fields["subject"]}
        said = fields["predicate"]
        found = Statement(
            run_id=_text(said["run_id"]),
            origin=_text(said["origin"]),
            size=_count(said["checkpoint"]["size"]),
            root=_sha256(said["checkpoint"]["root"]),
            version=_text(said["program"]["version"]),
            counts={_text(name): _count(number) for name, number in said["counts"].items()},
            subjects=subjects,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PackMalformed(f"the statement is not in its form: {error}") from error
    if len(subjects) != len(fields["subject"]):
        raise PackMalformed("the statement names a file twice")
    return found


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
