"""The words that lie in every pack: what it is, and how to check it with tools that everybody has. Pure."""

from typing import Final


def readme(run_id: str, key_id: str) -> str:
    """The text of ``README.txt``; ``key_id`` is the SHA-256 of the workspace's public key."""
    return _TEXT.format(run_id=run_id, key_id=key_id)


_TEXT: Final = """\
Evidence of run {run_id}
========================

Sealed by the workspace whose public Ed25519 key (32 bytes) has the SHA-256
  {key_id}
Get that key (workspace.pub) from somebody you trust. It is not in this folder on purpose.

What lies here
  statement.dsse.json  DSSE envelope over an in-toto statement: the SHA-256 of every file, signed
  manifest.json        every file with SHA-256, size, type; what is missing, and where keys were struck out
  events.jsonl         the run's events on the ledger, header and body, one a line
  governing.jsonl      events that governed the run: genesis, operators, control, phase, node, configs
  proofs.jsonl         for each event the path (RFC 9162) from its leaf to the root of the checkpoint
  checkpoint.note      the ledger's head, signed (c2sp.org/tlog-checkpoint)
  texts.jsonl          prompts and answers, each by the SHA-256 that the events name
  artefacts/           what the run wrote
  configs/             the configs that were in force, each by its SHA-256
  critic_report.md, critic.json, gate.json, costs.json, environment.json
                       what follows from the events, in short
A name with % in artefacts/ is percent-encoded.

Checking it
  With the program:  peak evidence verify FOLDER --key workspace.pub
  Without it:        verify_pack.py of the program's documentation does all of this with Python alone.
  By hand, in a copy of this folder with workspace.pub in it:
  1. Files. Each must have the SHA-256 that the manifest names:
       jq -r '.files[] | .sha256 + "  " + .path' manifest.json | sha256sum -c
  2. Signature. The payload's subjects must name the same, and manifest.json:
       jq -r .payload statement.dsse.json | base64 -d > payload
       {{ printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(wc -c < payload)"; cat payload; }} > signed
       jq -r '.signatures[0].sig' statement.dsse.json | base64 -d > signature
       cut -d' ' -f2 workspace.pub | base64 -d | tail -c 32 > raw; sha256sum raw
       {{ printf '0*0\\005\\006\\003+ep\\003!\\000'; cat raw; }} > key.der
       openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in signed -sigfile signature
  3. Events. sha256(canonical JSON of the header without "hash") is its "hash"; sha256(canonical JSON of the
     body) is its "body_sha256", unless the line says that keys were struck out ("redacted").
  4. Proofs. From sha256(00 || hash) of an event its path leads to the root in checkpoint.note; leaf number =
     seq - 1. That note is signed by the same key.

What a pack cannot show: that the run had no further events (compare with the ledger or a later pack), that
the clock was right, and that what was signed was true when it was written down.
"""
