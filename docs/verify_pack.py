"""Verify an evidence pack of Peak Console without Peak Console.

    python verify_pack.py FOLDER_OR_TAR_GZ workspace.pub

Needs Python 3.11 and the package `cryptography`, nothing else. Written apart from the program, from the formats
that docs/evidence.md names: DSSE, in-toto Statement v1, C2SP signed notes, RFC 9162 inclusion proofs, RFC 8785
JSON. Prints what is wrong, a line each; exit code 0 only where nothing is.
"""

import base64
import hashlib
import json
import re
import sys
import tarfile
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

TYPE = "application/vnd.in-toto+json"
CAPTURE = "urn:peak-console:incident-capture:v1"
SEALED_BY = ("manifest.json", "statement.dsse.json")
SLICE = ("events.jsonl", "governing.jsonl", "proofs.jsonl", "checkpoint.note")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_pack(path):
    """Every plain file by its path; links and the like are given as problems."""
    if path.is_dir():
        found = {one.relative_to(path).as_posix(): one for one in path.rglob("*") if not one.is_dir()}
        odd = [name for name, one in found.items() if one.is_symlink() or not one.is_file()]
        odd += [str(one) for one in path.rglob("*") if one.is_symlink() and one.is_dir()]
        odd += [f"{one}/" for one in path.rglob("*") if one.is_dir() and not any(one.iterdir())]
        return {name: one.read_bytes() for name, one in found.items() if name not in odd}, odd
    files, odd, folders = {}, [], []
    with tarfile.open(path) as archive:
        for member in archive:
            name = member.name.partition("/")[2]
            if member.isdir():
                folders.append(f"{name}/" if name else "")
                continue
            if not member.isreg() or not name or name in files or ".." in name.split("/"):
                odd.append(member.name)
            else:
                files[name] = archive.extractfile(member).read()
    odd += [one for one in folders if not any(name.startswith(one) for name in files)]
    return files, odd


def signed(key, signature, message):
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def open_statement(files, key, raw):
    """The statement in the envelope; raises ValueError where the key did not sign it."""
    envelope = json.loads(files["statement.dsse.json"])
    payload = base64.b64decode(envelope["payload"], validate=True)
    kind = envelope["payloadType"]
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    ours = [one for one in envelope["signatures"] if one["keyid"] == sha256(raw)]
    if kind != TYPE or not any(signed(key, base64.b64decode(one["sig"]), message) for one in ours):
        raise ValueError("statement.dsse.json: not signed by this key")
    statement = json.loads(payload)
    if statement["_type"] != "https://in-toto.io/Statement/v1":
        raise ValueError("statement.dsse.json: not an in-toto statement")
    return statement


def check_files(files, statement):
    sealed = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
    for name, digest in sealed.items():
        if name not in files:
            yield f"{name}: missing"
        elif sha256(files[name]) != digest:
            yield f"{name}: changed"
    for name in sorted(set(files) - set(sealed) - {"statement.dsse.json"}):
        yield f"{name}: extra"
    for entry in json.loads(files["manifest.json"])["files"]:
        name, whole = entry["path"], entry.get("original_sha256", entry["sha256"])
        if sealed.get(name) != entry["sha256"] or len(files.get(name, b"")) != entry["bytes"]:
            yield f"{name}: manifest and statement do not agree"
        copy = re.fullmatch(r"configs/[^/]+@([0-9a-f]{64})\.[a-z]+", name)
        if copy and copy[1] != whole:
            yield f"{name}: not the config of this digest"


def open_checkpoint(files, key, raw, predicate):
    """Size and root of the signed checkpoint; raises ValueError where it is not what the statement names."""
    text = files["checkpoint.note"].decode()
    body, _, under = text.partition("\n\n")
    origin, size, root = body.split("\n")[:3]
    name = predicate["origin"]
    key_id = hashlib.sha256(name.encode() + b"\n\x01" + raw).digest()[:4]
    for line in under.splitlines():
        dash, signer, encoded = line.split(" ")
        data = base64.b64decode(encoded)
        if (dash, signer, data[:4]) == ("\u2014", name, key_id) and signed(
            key, data[4:], (body + "\n").encode()
        ):
            break
    else:
        raise ValueError("checkpoint.note: not signed by this key")
    said = predicate["checkpoint"]
    if (origin, int(size), base64.b64decode(root).hex()) != (name, said["size"], said["root"]):
        raise ValueError("checkpoint.note: not the one that the statement names")
    return int(size), base64.b64decode(root)


def check_event(line):
    header, body, struck = line["header"], line.get("body"), line.get("redacted", [])
    if "header" not in struck:
        rest = {name: value for name, value in header.items() if name != "hash"}
        if sha256(canonical(rest)) != header["hash"]:
            yield f"event {header['seq']}: its header does not give its hash"
    if body is None and not line.get("pruned"):
        yield f"event {header['seq']}: its body is missing"
    if body is not None and "body" not in struck and sha256(canonical(body)) != header["body_sha256"]:
        yield f"event {header['seq']}: its body does not give its hash"


def included(index, size, entry, path, root):
    """RFC 9162 section 2.1.3.2."""
    if index >= size:
        return False
    number, last = index, size - 1
    found = hashlib.sha256(b"\x00" + entry).digest()
    for sibling in path:
        if last == 0:
            return False
        if number % 2 or number == last:
            found = hashlib.sha256(b"\x01" + sibling + found).digest()
            while number and number % 2 == 0:
                number, last = number // 2, last // 2
        else:
            found = hashlib.sha256(b"\x01" + found + sibling).digest()
        number, last = number // 2, last // 2
    return last == 0 and found == root


def check_events(files, raw, predicate, checkpoint):
    run, governing = ([json.loads(one) for one in files[name].splitlines()] for name in
                      ("events.jsonl", "governing.jsonl"))  # fmt: skip
    proofs = {one["seq"]: one for one in map(json.loads, files["proofs.jsonl"].splitlines())}
    if (len(run), len(governing)) != (predicate["counts"]["events"], predicate["counts"]["governing"]):
        yield "events are missing or too many"
    genesis = governing[0]["header"]
    origin = f"peak-console/{sha256(raw)[:16]}/{genesis['hash'][:16]}"
    if genesis["seq"] != 1 or origin != predicate["origin"]:
        yield "the checkpoint is of a log with another genesis or key"
    for line in [*run, *governing]:
        yield from check_event(line)
        seq, entry = line["header"]["seq"], line["header"]["hash"]
        proof = proofs.get(seq, {"hash": "", "path": []})
        path = [bytes.fromhex(one) for one in proof["path"]]
        size, root = checkpoint
        if proof["hash"] != entry or not included(seq - 1, size, bytes.fromhex(entry), path, root):
            yield f"event {seq}: no proof that it is under the checkpoint"
    for line in run if "incident_id" not in predicate else ():
        if line["header"].get("run_id") != predicate["run_id"] and "header" not in line.get("redacted", []):
            yield f"event {line['header']['seq']}: of another run"


def problems(path, public):
    """Everything that is wrong with the pack at ``path``, under the OpenSSH text of a public key."""
    files, odd = read_pack(path)
    yield from (f"{name}: not a plain file" for name in odd)
    key = load_ssh_public_key(public)
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    missing = [name for name in SEALED_BY if name not in files]
    if missing:
        yield f"{missing[0]}: missing"
        return
    try:
        statement = open_statement(files, key, raw)
        found = list(check_files(files, statement))
        yield from found
        predicate = statement["predicate"]
        capture = statement["predicateType"] == CAPTURE
        for line in map(json.loads, files.get("unproved.jsonl", b"").splitlines() if capture else ()):
            yield from check_event(line)
        if capture and "checkpoint" not in predicate:
            yield from (f"{name}: leads to no checkpoint" for name in SLICE if name in files)
            return
        yield from check_events(files, raw, predicate, open_checkpoint(files, key, raw, predicate))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        yield f"not in its form: {error!r}" if not str(error) else str(error)


def main(words):
    if len(words) != 2:
        sys.stderr.write("usage: verify_pack.py FOLDER_OR_TAR_GZ workspace.pub\n")
        return 2
    found = list(problems(Path(words[0]), Path(words[1]).read_bytes()))
    sys.stdout.write("".join(f"{one}\n" for one in found) or "ok: the pack is what this key sealed\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
