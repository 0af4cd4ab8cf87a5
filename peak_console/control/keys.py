"""Keys of the workspace and its operators: Ed25519, private halves in the user's config folder, 0600.

A workspace is named by the fingerprint of its public key, so that two workspaces never share a key file and
a moved one keeps its own. Public halves are OpenSSH lines in ``configs/keys/<name>.pub``.
"""

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import platformdirs
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_public_key,
)

from peak_console.domain.errors import EnvironmentUnfit, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.public_keys import signed_by
from peak_console.ledger.service.privileges import Proof, challenge_message

WORKSPACE: Final = "workspace"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_DOMAIN = b"peak-console/challenge/v1\n"
_PRIVATE_MODE = 0o600


class KeyUnusable(EnvironmentUnfit):
    """A key is missing, corrupt, readable by others, or does not fit its public half."""

    default_code = "key_unusable"


class KeyStore:
    """The keys of one workspace as one user sees them."""

    def __init__(self, public_dir: Path, environ: Mapping[str, str] | None = None) -> None:
        self.public_dir = public_dir
        self._base = keys_folder(environ)

    def public(self, name: str) -> str | None:
        """The public half as OpenSSH text without comment; ``None`` when there is none."""
        path = self.public_dir / f"{check_name(name)}.pub"
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise _unusable(path, "cannot be read", f"restore {path.name} from version control") from error
        return canonical_public(text, path)

    def names(self) -> list[str]:
        """Names that have a public half here, the workspace's own left out."""
        found = (path.stem for path in self.public_dir.glob("*.pub"))
        return sorted(one for one in found if _NAME.fullmatch(one) and one != WORKSPACE)

    def create(self, name: str) -> str:
        """Make a key, private half first; gives the public half. An existing key is kept and given.

        The workspace's own key comes first: its fingerprint names the folder of the others.
        """
        check_name(name)
        known = self.public(name)
        if known is not None:
            return known
        key = Ed25519PrivateKey.generate()
        public = openssh(key.public_key())
        fingerprint = fingerprint_of(public) if name == WORKSPACE else self._fingerprint()
        self._write_private(self._base / fingerprint / f"{name}.key", key)
        self.write_public(name, public)
        return public

    def write_public(self, name: str, public: str) -> None:
        """Write a public half that somebody handed over; raises ``UsageWrong`` when another is there."""
        path = self.public_dir / f"{check_name(name)}.pub"
        public = canonical_public(public, path)
        known = self.public(name)
        if known not in {None, public}:
            raise UsageWrong(
                f"{path.name} holds another key",
                code="operator_exists",
                remedy=f'choose another name, or remove it first: peak operator remove {name} --reason "..."',
            )
        self.public_dir.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{public} {name}\n", encoding="utf-8")

    def private_path(self, name: str) -> Path:
        """Where the private half lies."""
        return self._base / self._fingerprint() / f"{check_name(name)}.key"

    def mine(self) -> list[str]:
        """Operators of this workspace whose private half this user holds."""
        return [name for name in self.names() if self.private_path(name).exists()]

    def prove(self, operator: str, nonce: str, draft: EventDraft) -> Proof:
        """Answer the node's challenge for one event; raises :class:`KeyUnusable`."""
        signature = self._load_private(operator).sign(_DOMAIN + challenge_message(nonce, draft))
        return Proof(operator, nonce, signature.hex())

    def signer(self, name: str = WORKSPACE) -> "KeySigner":
        """The key of ``name`` ready to sign; raises :class:`KeyUnusable`."""
        return KeySigner(self._load_private(name))

    def raw_public(self, name: str = WORKSPACE) -> bytes | None:
        """The 32 bytes of a public half; ``None`` when there is none."""
        public = self.public(name)
        return None if public is None else raw_public(public)

    def _fingerprint(self) -> str:
        public = self.public(WORKSPACE)
        if public is None:
            raise _unusable(
                self.public_dir / f"{WORKSPACE}.pub",
                "is missing",
                "make the workspace's keys with: peak init",
            )
        return fingerprint_of(public)

    def _load_private(self, name: str) -> Ed25519PrivateKey:
        path = self.private_path(name)
        enroll = f"enroll a key of your own: peak operator enroll {name}"
        try:
            found = path.lstat()
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise _unusable(path, "is missing", enroll) from error
        except OSError as error:
            raise _unusable(path, f"cannot be read ({error.strerror})", f"check its owner: {path}") from error
        if (
            not stat.S_ISREG(found.st_mode)
            or stat.S_IMODE(found.st_mode) & 0o077
            or found.st_uid != os.getuid()
        ):
            raise _unusable(path, "is open to others", f"close it: chmod 600 {path}")
        try:
            key = load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise _unusable(path, "is corrupt", enroll) from error
        if not isinstance(key, Ed25519PrivateKey) or openssh(key.public_key()) != self.public(name):
            raise _unusable(path, "does not fit its public half", enroll)
        return key

    @staticmethod
    def _write_private(path: Path, key: Ed25519PrivateKey) -> None:
        data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE_MODE)
        except OSError as error:
            remedy = f"move what is there away, or name another folder in PEAK_KEYS_DIR: {path}"
            raise _unusable(path, f"cannot be made ({error.strerror})", remedy) from error
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


class KeySigner:
    """A private key in memory; signs as :class:`peak_console.domain.signing.Signer` says."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, message: bytes) -> bytes:
        """The signature's 64 bytes."""
        return self._key.sign(message)


def raw_public(text: str) -> bytes:
    """The 32 bytes of an OpenSSH line's key; raises :class:`KeyUnusable`."""
    key = load_ssh_public_key(canonical_public(text, Path("the key")).encode())
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def state_folder(environ: Mapping[str, str] | None = None) -> Path:
    """What this user's workspaces keep outside themselves: ``PEAK_STATE_DIR``, or the user's state folder."""
    environ = os.environ if environ is None else environ
    named = environ.get("PEAK_STATE_DIR")
    return Path(named) if named else platformdirs.user_state_path("peak-console")


def keys_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where this user's private keys lie: ``PEAK_KEYS_DIR``, or the user's config folder."""
    environ = os.environ if environ is None else environ
    named = environ.get("PEAK_KEYS_DIR")
    return Path(named) if named else platformdirs.user_config_path("peak-console") / "keys"


def verify_proof(public: str, proof: Proof, message: bytes) -> bool:
    """Whether ``proof`` signs ``message`` under ``public``; false for anything malformed."""
    return signed_by(public, proof.signature, _DOMAIN + message)


def openssh(key: Ed25519PublicKey) -> str:
    """A public key as OpenSSH text without comment."""
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")


def fingerprint_of(public: str) -> str:
    """The first 16 hexadecimal digits of SHA-256 over the public key's text."""
    return hashlib.sha256(public.encode()).hexdigest()[:16]


def canonical_public(text: str, path: Path) -> str:
    """The key of an OpenSSH line, its comment dropped; raises :class:`KeyUnusable`."""
    try:
        key = load_ssh_public_key(text.strip().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(
            path, "is not an OpenSSH public key", f"restore {path.name} or enroll again"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise _unusable(path, "is not an Ed25519 key", f"restore {path.name} or enroll again")
    return openssh(key)


def check_name(name: str) -> str:
    """An operator's name as it may stand in a file name; raises ``UsageWrong``."""
    if not _NAME.fullmatch(name):
        raise UsageWrong(
            f"{name[:40]!r} cannot be an operator's name",
            code="operator_name",
            remedy="use lower-case letters, digits, dot, dash and underscore, at most 32",
        )
    return name


def _unusable(path: Path, what: str, remedy: str) -> KeyUnusable:
    return KeyUnusable(f"the key {path} {what}", remedy=remedy, path=str(path))
