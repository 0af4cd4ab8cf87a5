"""The command that rehearses each drill, complete as it is printed: whoever types it gets the drill."""

from collections.abc import Mapping
from typing import Final

from peak_console.control.arm_rules import DRILL
from peak_console.domain.incidents import DrillKind

ARM_DRILL: Final = DRILL
"""Walks the whole way to armed; it holds where its lease is confirmed and runs out."""

ROLLBACK_DRILL: Final = 'peak matrix rollback previous --rehearse --reason "..."'
"""Walks the whole way back on a mirror of the configs."""

ELSEWHERE: Final[Mapping[DrillKind, str]] = {
    DrillKind.ARM: ARM_DRILL,
    DrillKind.ROLLBACK: ROLLBACK_DRILL,
}
"""What is drilled by commands of its own."""


def drill_command(name: str) -> str:
    """What is typed to drill ``name``; of one that is unknown, where all of them are listed."""
    if name not in set(DrillKind):
        return "peak incident drill --list"
    return ELSEWHERE.get(DrillKind(name), f"peak incident drill {name}")
