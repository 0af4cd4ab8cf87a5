"""Settings of the ledger: when its head is signed, where it is witnessed, how long content is kept."""

from typing import Annotated

from pydantic import Field

from peak_console.config.schema import ConfigModel


class CheckpointRules(ConfigModel):
    """When the head is signed. Control events, lock changes and live orders are signed at once, always."""

    every_events: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=1000, description="Events after which the head is signed."
    )
    every_s: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=60, description="Seconds after which a head that moved is signed."
    )


class AnchorRules(ConfigModel):
    """Where signed heads are kept outside the database. One anchor is always kept: git, or a folder."""

    git: bool = Field(
        default=True, description="Whether heads are committed to `refs/peak/checkpoints` where git is used."
    )
    folder: Annotated[str, Field(max_length=500)] = Field(
        default="",
        description="A folder outside the workspace for a copy, absolute or from `~`, best on another disk "
        "or another user's. Empty: the user's state folder, and only where there is no git.",
    )
    every_s: Annotated[int, Field(ge=1, le=86_400)] = Field(
        default=300, description="Seconds between two commits to git while nothing urgent happens."
    )
    max_lag_s: Annotated[int, Field(ge=1, le=604_800)] = Field(
        default=900, description="Seconds an anchor may stand behind the ledger before verification fails."
    )


class RetentionRules(ConfigModel):
    """What `peak ledger prune` may drop. Headers, hashes and proofs are never dropped."""

    least_days: Annotated[int, Field(ge=32, le=36_500)] = Field(
        default=32, description="Days that are kept whatever is asked; budgets of a month need their events."
    )


class LedgerConfig(ConfigModel):
    """The shape of `configs/ledger.toml`."""

    checkpoints: CheckpointRules = Field(default=CheckpointRules(), description="Signed heads.")
    anchors: AnchorRules = Field(default=AnchorRules(), description="Witnesses outside the database.")
    retention: RetentionRules = Field(default=RetentionRules(), description="How long content is kept.")
