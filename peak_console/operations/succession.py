"""Who answers for a recovery of the ledger: operators' keys, from the key files and the saved part."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import orjson

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore, state_folder, verify_proof
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventKind
from peak_console.ledger.heads.anchors import open_anchors
from peak_console.ledger.heads.known_heads import known_heads
from peak_console.ledger.heads.notes import origin_of
from peak_console.ledger.heads.succession import Claim, Proved
from peak_console.ledger.keeping.salvage import prove, read_table
from peak_console.ledger.service.privileges import Proof, challenge_message
from peak_console.operations.settings import ledger_settings

SALVAGED: Final = "salvaged"
"""Below ``audits/``: a folder for each recovery."""

PROVEN_FILE: Final = "proven.db"
"""In it: what was saved, a ledger of its own."""

_ENROLLED: Final = (
    "SELECT l.kind, b.bytes FROM ledger l JOIN body b USING (seq) "
    "WHERE l.seq <= {upto} AND l.kind IN ('operator.enrolled', 'operator.removed') ORDER BY l.seq"
)


def proved_by(ws: Workspace, environ: Mapping[str, str] | None = None) -> Proved:
    """Whether an operator of this workspace signed a recovery.

    His key stands in ``configs/keys``, or was enrolled in events of the saved part under a signed head.
    """

    def proved(claim: Claim) -> bool:
        proof = Proof(claim.operator, claim.nonce, claim.signature)
        message = challenge_message(claim.nonce, claim.genesis)
        return any(verify_proof(key, proof, message) for key in _keys(ws, claim, environ))

    return proved


def _keys(ws: Workspace, claim: Claim, environ: Mapping[str, str] | None) -> Iterator[str]:
    """The keys of the operator who is named, the nearest first."""
    store = KeyStore(ws.keys, environ)
    with suppress(PeakError):
        if claim.operator in store.names() and (public := store.public(claim.operator)):
            yield public
    with suppress(PeakError, OSError, ValueError):
        yield from _enrolled(ws, store, claim, environ)


def _enrolled(
    ws: Workspace, store: KeyStore, claim: Claim, environ: Mapping[str, str] | None
) -> Iterator[str]:
    """His key as the saved part has it on record; that counts as far as it was signed."""
    key, folder = store.raw_public(), ws.audits / SALVAGED
    path = (ws.root / str(claim.recovered.get("file", ""))).parent / PROVEN_FILE
    if key is None or folder.resolve() not in path.resolve().parents or not path.is_file():
        return
    anchors = open_anchors(ws.root, ledger_settings(ws).anchors, key, state_folder(environ))
    heads = known_heads(ws.checkpoints, key, anchors)
    proven = prove(path, lambda genesis: heads.of(origin_of(key, genesis)))
    signed = heads.of(origin_of(key, proven.genesis))
    upto = max((size for size in signed if size <= proven.events), default=0)
    found = ""
    for kind, data in read_table(path, _ENROLLED.format(upto=upto)):
        body: Any = orjson.loads(data)
        if body.get("operator") == claim.operator:
            found = str(body.get("public_key")) if kind == EventKind.OPERATOR_ENROLLED else ""
    if found:
        yield found
