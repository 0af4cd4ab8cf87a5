"""A lock as people look at it: the one in force, or any kept one by digest, prefix or ``previous``."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from peak_console.config.lock import Lock
from peak_console.config.verifying import LockTrouble, trouble_of
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import EnvironmentUnfit, UsageWrong
from peak_console.operations.locking.placing import NAME, SUFFIX, kept_lock, standing_lock

PREVIOUS: Final = "previous"
LEAST_PREFIX: Final = 6


@dataclass(frozen=True, slots=True)
class Shown:
    """A lock, whether it stands in its place now, and why it does not count."""

    lock: Lock
    standing: bool
    trouble: LockTrouble | None

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        trouble = self.trouble
        file = None if self.lock.file is None else self.lock.file.model_dump(mode="json", exclude_none=True)
        return {
            "digest": self.lock.digest,
            "standing": self.standing,
            "sound": self.lock.sound,
            "counts": trouble is None,
            "trouble": None if trouble is None else {"code": trouble.code, "message": trouble.message},
            **(file or {}),
        }


def show(ws: Workspace, word: str | None = None, *, clock: Clock | None = None) -> Shown:
    """The lock of ``word`` (default: the one in its place); raises as :func:`lock_named`."""
    now = (clock or SystemClock()).now()
    here = standing_lock(ws)
    lock = _present(here) if word is None else lock_named(ws, word)
    return shown(lock, here, now)


def shown(lock: Lock, here: Lock | None, now: datetime) -> Shown:
    """A lock beside the one in its place."""
    return Shown(lock, here is not None and here.digest == lock.digest, trouble_of(lock, now))


def lock_named(ws: Workspace, word: str) -> Lock:
    """A lock by digest, by a prefix of it, or ``previous``: the one before the one in its place.

    Raises ``UsageWrong``: ``lock_unknown``, ``digest_ambiguous``, ``no_previous_lock``, ``digest_malformed``.
    """
    here = standing_lock(ws)
    digest = _previous(here) if word == PREVIOUS else _digest(ws, word.strip().lower(), here)
    if here is not None and here.digest == digest:
        return here
    found = kept_lock(ws, digest)
    if found is None:
        raise UsageWrong(
            f"no lock {digest[:12]} is kept in audits/versions",
            code="lock_unknown",
            remedy="restore audits/versions/lock from a backup, or name another",
        )
    return found[0]


def kept_digests(ws: Workspace) -> list[str]:
    """The digests of all locks that are kept, sorted."""
    folder = ws.versions / NAME
    try:
        names = [one.name for one in folder.iterdir() if one.name.endswith(SUFFIX)]
    except OSError:
        return []
    digests = (name.removesuffix(SUFFIX) for name in names)
    return sorted(one for one in digests if re.fullmatch(r"[0-9a-f]{64}", one))


def _present(lock: Lock | None) -> Lock:
    if lock is None:
        raise EnvironmentUnfit(
            "there is no lock of verified models",
            code="no_lock",
            remedy='write one: peak lock write --reason "..."',
        )
    return lock


def _previous(here: Lock | None) -> str:
    """Of the lock that stands; of one that cannot be read nothing comes before."""
    previous = here.file.lock.previous if here is not None and here.file is not None else None
    if previous is None:
        raise UsageWrong(
            "no lock is known to have been before this one",
            code="no_previous_lock",
            remedy="name it by its digest; they lie in audits/versions/lock",
        )
    return previous


def _digest(ws: Workspace, word: str, here: Lock | None) -> str:
    if not re.fullmatch(rf"[0-9a-f]{{{LEAST_PREFIX},64}}", word):
        raise UsageWrong(
            f"'{word[:70]}' is no digest of a lock",
            code="digest_malformed",
            remedy=f"write at least {LEAST_PREFIX} digits of it, or: {PREVIOUS}",
        )
    known = {*kept_digests(ws), *([here.digest] if here else [])}
    found = sorted(one for one in known if one.startswith(word))
    if len(found) > 1:
        raise UsageWrong(
            f"{word} begins {len(found)} digests",
            code="digest_ambiguous",
            remedy=f"write more of it: {', '.join(one[:16] for one in found[:5])}",
        )
    if not found:
        raise UsageWrong(
            f"no lock of a digest {word[:16]} is known", code="lock_unknown", remedy="see: peak lock show"
        )
    return found[0]
