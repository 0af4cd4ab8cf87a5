"""Scheduled work: kinds of jobs, what becomes of their runs. Pure vocabulary."""

from enum import StrEnum
from typing import Final

KEY_FILE_VARIABLE: Final = "PEAK_ENVIRONMENT_FILE"
"""Tells a job's worker which file its environment comes from."""


class JobKind(StrEnum):
    """What a job does. Each kind has its own table of settings in ``configs/shadow/jobs.toml``."""

    SHADOW_CYCLE = "shadow_cycle"
    """Snapshot, outlook, advice, critic, gate; no order."""
    CANARY = "canary"
    """Gold cases put to a slot, judged by exact or structural match (drift, tier 2)."""
    TWO_SAMPLE = "two_sample"
    """Locked answers against fresh ones (drift, tier 3)."""


class CatchUp(StrEnum):
    """What happens to runs that were missed while no node ran, or none was permitted."""

    NONE = "none"
    """They are recorded as missed."""
    LAST = "last"
    """The last one is run, those before it are recorded as missed."""
    ALL = "all"
    """Each is run, one after the other; those beyond a limit are recorded as missed."""


class RunState(StrEnum):
    """Where a job's run stands."""

    CLAIMED = "claimed"
    """It belongs to this node and is recorded; its worker is being started."""
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """It ended with an error; the outcome says which."""
    TIMED_OUT = "timed_out"
    """It hung and was ended at its timeout."""
    ABORTED = "aborted"
    """A stop, a pause or an operator ended it."""
    INTERRUPTED = "interrupted"
    """Its node or worker died; what it did is on the ledger as far as it got."""
    MISSED = "missed"
    """It was due and never began."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it, unless its job's policy runs it again."""
        return self not in {RunState.CLAIMED, RunState.RUNNING}


class RunCause(StrEnum):
    """Why a run began."""

    DUE = "due"
    CATCH_UP = "catch_up"
    """It was due before and had been missed."""
    AGAIN = "again"
    """It was interrupted, and its job's policy runs it again."""
    ASKED = "asked"
    """An operator asked for it now."""
    SUSPICION = "suspicion"
    """A test of drift asks for a stronger one."""
