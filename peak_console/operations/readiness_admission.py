"""A promotion's own judgement, held against the one that whoever records it makes. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from peak_console.domain.clock import from_iso
from peak_console.domain.errors import ControlRefused

if TYPE_CHECKING:
    from peak_console.operations.readiness import Readiness

VALID_FOR: Final = timedelta(seconds=300)
"""How old a judgement may be when it is recorded."""

_AHEAD: Final = timedelta(seconds=5)


def refusal_of(told: object, own: "Readiness") -> ControlRefused | None:
    """Why a promotion that tells ``told`` may not be recorded by who found ``own``; ``None`` when it may.

    Both must be green on every criterion that is asked by now, and of the same configs, byte by byte.
    """
    given = told if isinstance(told, Mapping) else {}
    phase = own.phase
    if not _all_green(given.get("results"), own):
        return _refused(own, f"{phase} is not ready by what the promotion itself says")
    if given.get("config") != own.config_digest or given.get("configs") != dict(own.digests):
        return ControlRefused(
            f"the configs are not those that were judged for {phase}",
            code="changed_meanwhile",
            remedy=f"look again, then promote if it still holds: peak readiness {phase}",
        )
    if not _fresh(given, own):
        return ControlRefused(
            f"what was found for {phase} is older than {VALID_FOR.seconds} s, or has no time that counts",
            code="judgement_old",
            remedy='promote again, which judges anew: peak phase promote --reason "..."',
        )
    if not own.green:
        return _refused(own, f"{phase} is not ready by what the node finds")
    return None


def _all_green(results: object, own: "Readiness") -> bool:
    """Whether every criterion that is asked is told, and all that is told is green."""
    if not isinstance(results, Mapping) or not results or not own.criteria:
        return False
    green = all(isinstance(one, Mapping) and one.get("status") == "green" for one in results.values())
    return green and {one.id for one in own.criteria} <= set(results)


def _fresh(told: Mapping[str, Any], own: "Readiness") -> bool:
    """By the wall clock and by the boot clock, which nobody sets."""
    at, boot_us = told.get("judged_at"), told.get("judged_us")
    if type(boot_us) is not int or not isinstance(at, str):
        return False
    try:
        age = own.taken_at - from_iso(at)
    except (ValueError, TypeError):
        return False
    passed_us = own.boot_us - boot_us
    return -_AHEAD <= age <= VALID_FOR and 0 <= passed_us <= VALID_FOR.seconds * 1_000_000


def _refused(own: "Readiness", message: str) -> ControlRefused:
    names = ", ".join(one.id for one in own.missing)
    return ControlRefused(
        f"{message}: {names}" if names else message,
        code="not_ready",
        remedy=f"see what is missing and why: peak readiness {own.phase}",
        phase=own.phase.value,
        missing=[one.as_dict() for one in own.missing],
    )
