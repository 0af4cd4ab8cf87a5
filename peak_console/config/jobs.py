"""Scheduled jobs: what runs, when, and within which bounds. An unknown key is an error."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, model_validator

from peak_console.config.schema import (
    ConfigModel,
    FreeText,
    Listed,
    Number,
    PromptReference,
    Seconds,
    Tokens,
    Usd,
)
from peak_console.config.timezones import Zone
from peak_console.domain.jobs import CatchUp, JobKind
from peak_console.domain.vocabulary import Layer, Role

SCHEDULE: Final = (
    r"^(every [1-9][0-9]{0,5} ?(s|m|h|d)|daily ([01][0-9]|2[0-3]):[0-5][0-9]|"
    r"[0-9*,/-]+ [0-9*,/-]+ [0-9*,/-]+ [0-9A-Za-z*,/-]+ [0-9A-Za-z*,/-]+)$"
)
"""``every 15m`` (s, m, h, d), ``daily 07:30``, or a cron line of five fields (minute to weekday)."""

JobName = Annotated[str, Field(min_length=1, max_length=48, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Instrument = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9./_-]*$")]
Fraction = Annotated[Number, Field(gt=0, le=1, max_digits=9, decimal_places=8)]
Basis = Annotated[Number, Field(ge=0, le=1000, max_digits=9, decimal_places=4)]
Eur = Annotated[Number, Field(ge=0, le=1_000_000_000, max_digits=20, decimal_places=9)]


class JobBudget(ConfigModel):
    """What one run of a job may spend: the run budget of its run. What is absent is the run's usual limit."""

    max_cost_eur: Usd | None = Field(default=None, description="Most EUR; 0 denies every call.")
    max_calls: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, description="Most calls."
    )
    max_tokens: Annotated[int, Field(ge=0, le=10**12)] | None = Field(
        default=None, description="Most tokens."
    )


class FileSource(ConfigModel):
    """Market data from a file of bars: time, open, high, low, close, volume; the newest last."""

    path: Annotated[str, Field(min_length=1, max_length=500)] = Field(
        description="A CSV, Parquet or JSON Lines file, by its suffix; relative to the workspace. "
        "`package:eurusd_1h` is the excerpt that the demo ships."
    )
    timezone: Zone = Field(default="UTC", description="Zone of times that name none.")


_LAST_COLUMN: Final = 63
_LONGEST_COLUMN: Final = 80


def _column(value: object) -> object:
    """Refuse at once, in one sentence, what neither member of the union takes."""
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_COLUMN:
        return value
    if value is None or (type(value) is int and 0 <= value <= _LAST_COLUMN):
        return value
    raise ValueError(f"should be the name of a column, or its position from 0 to {_LAST_COLUMN}")


Column = Annotated[str | int, BeforeValidator(_column)]
"""A column of a source that is not ours: its name, or its position from 0."""


class Columns(ConfigModel):
    """What a source calls the columns of a bar: a name each, or a position where its rows are lists."""

    time: Column = Field(description="Start of the bar: name, or position from 0 in a row that is a list.")
    open: Column = Field(description="First price.")
    high: Column = Field(description="Highest price.")
    low: Column = Field(description="Lowest price.")
    close: Column = Field(description="Last price.")
    volume: Annotated[str | int | None, BeforeValidator(_column)] = Field(
        default=None, description="Volume, where the source tells it."
    )

    def named(self) -> dict[str, str | int]:
        """Those that are named, by our own names."""
        return self.model_dump(exclude_none=True)


class HttpSource(ConfigModel):
    """Market data from an address: JSON or CSV of bars, as a file would hold them or as the keys say."""

    url: Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^https?://")] = Field(
        description="https, or http on loopback; subject to the hard deny. A query may stand in it, a key "
        "may not: what is named like one (`key`, `token`, `apikey`, …) is refused."
    )
    timeout_s: Annotated[int, Field(ge=1, le=120)] = Field(default=10, description="Seconds for all of it.")
    format: Annotated[str, Field(pattern=r"^(csv|json|jsonl)$")] = Field(
        default="json", description="csv, json or jsonl."
    )
    timezone: Zone = Field(default="UTC", description="Zone of times that name none.")
    rows: Annotated[str, Field(max_length=200, pattern=r"^[^.\s]+(\.[^.\s]+)*$")] | None = Field(
        default=None,
        description="Where in a JSON answer the list of bars stands, as `result.list`; a number is a place "
        "in a list. Absent: the answer is the list, or an object whose `bars` is.",
    )
    columns: Columns | None = Field(
        default=None, description="The source's columns, where they are not named or ordered as a file's."
    )
    newest_first: bool = Field(default=False, description="Whether the newest bar is the first.")

    @model_validator(mode="after")
    def _fitting(self) -> "HttpSource":
        if self.format != "json" and self.rows is not None:
            raise ValueError("rows is of format json alone")
        named = self.columns.named().values() if self.columns is not None else ()
        if self.format != "json" and any(isinstance(one, int) for one in named):
            raise ValueError("positions of columns are of format json alone")
        return self


class Replay(ConfigModel):
    """History played as if it were now: the data's own clock is the gate's, so nothing is stale by it."""

    start: Annotated[int, Field(ge=0, le=100_000_000)] = Field(
        default=0,
        description="The bar that the first cycle sees as the newest, counted from 0, plus the window.",
    )
    step: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=1, description="Bars from one cycle to the next; at the end it begins again."
    )


class Sizing(ConfigModel):
    """From a hypothesis to the order intent that the gate judges: how large, and at which cost on paper."""

    risk_eur: Eur = Field(
        description="EUR that an idea may lose at its invalidation level; sizes the intent."
    )
    max_notional_eur: Eur = Field(description="EUR that an intent is cut to, before any limit of the gate.")
    fee_bps: Basis = Field(
        default=Decimal(0), description="Fee of a paper fill, in basis points of its worth."
    )
    slippage_bps: Basis = Field(default=Decimal(0), description="Slippage of a paper fill, in basis points.")


CYCLE_PROMPTS: Final = ("outlook_prompt", "hypothesis_prompt", "critic_prompt", "verdict_prompt")
"""The keys of a cycle that name a prompt."""


class CycleSettings(ConfigModel):
    """A shadow cycle: which data, which prompts, how an idea is sized."""

    instrument: Instrument = Field(description="What is looked at, as `EUR/USD`.")
    eur_per_quote: Annotated[Number, Field(gt=0, le=1_000_000, max_digits=20, decimal_places=9)] = Field(
        description="What one unit of the quote currency is in EUR; for the gate's limits."
    )
    eur_as_of: date | None = Field(
        default=None,
        description="The day (UTC) of that rate, which the gate holds against `orders.max_rate_age_s`. "
        "Required but in replayed history, where the rate is of the moment that is replayed.",
    )
    max_rate_age_d: Annotated[int, Field(ge=1, le=365)] = Field(
        default=30, description="Days after which lint names the rate as old."
    )
    file: FileSource | None = Field(default=None, description="Data from a file.")
    http: HttpSource | None = Field(default=None, description="Data from an address; either this or a file.")
    window: Annotated[int, Field(ge=2, le=5000)] = Field(default=48, description="Bars that a cycle sees.")
    bar_s: Seconds = Field(default=3600, description="Length of a bar in seconds.")
    max_age_s: Annotated[int, Field(ge=1, le=31_536_000)] = Field(
        default=7200,
        description="A newest bar whose end is older than this is stale: the cycle says so, the gate blocks.",
    )
    horizon_h: Annotated[int, Field(ge=1, le=8760)] = Field(
        default=8, description="Hours that an outlook looks ahead."
    )
    outlook_prompt: PromptReference = Field(default="shadow-outlook@1", description="Prompt of L2.")
    hypothesis_prompt: PromptReference = Field(default="shadow-hypothesis@1", description="Prompt of L3.")
    critic_prompt: PromptReference = Field(
        default="shadow-critic@1", description="Prompt of the judges of outlook and hypothesis."
    )
    verdict_prompt: PromptReference = Field(
        default="shadow-verdict-critic@1", description="Prompt of the judge of L4's verdict."
    )
    book: JobName = Field(default="shadow", description="The paper book that the gate sees and fills go to.")
    equity_eur: Eur = Field(default=Decimal(100_000), description="What the book begins with, in EUR.")
    sizing: Sizing = Field(description="Sizing.")
    replay: Replay | None = Field(
        default=None, description="Present: history is replayed. Simulated workspaces and research only."
    )

    @model_validator(mode="after")
    def _whole(self) -> "CycleSettings":
        if (self.file is None) == (self.http is None):
            raise ValueError("needs either file or http")
        if self.replay is None and self.eur_as_of is None:
            raise ValueError("needs eur_as_of, the day of eur_per_quote")
        return self


class SlotName(ConfigModel):
    """A slot of the matrix."""

    layer: Annotated[Layer, Field(strict=False)] = Field(description="The layer.")
    role: Annotated[Role, Field(strict=False)] = Field(
        default=Role.PRIMARY, description="primary, fallback or critic."
    )


class CanarySettings(ConfigModel):
    """Gold cases put to slots, each case once a round."""

    cases: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[a-z0-9][a-z0-9_-]*$")] = Field(
        description="The set of cases: `configs/ai/canaries/<cases>.toml`."
    )
    slots: Annotated[tuple[SlotName, ...], Field(min_length=1, max_length=32), Listed] = Field(
        description="Which slots are asked."
    )


class TwoSampleSettings(ConfigModel):
    """Answers that the lock stands on against fresh ones to the same questions, by a permutation test."""

    slots: Annotated[tuple[SlotName, ...], Field(max_length=32), Listed] = Field(
        default=(), description="Which slots; none named: the one that a suspicion names."
    )
    prompts: Annotated[int, Field(ge=1, le=100)] = Field(
        default=25, description="Stored questions that are asked again, at most."
    )
    repeats: Annotated[int, Field(ge=1, le=50)] = Field(default=10, description="Times each is asked.")
    alpha: Fraction = Field(default=Decimal("0.01"), description="p-value below which it is drift.")
    permutations: Annotated[int, Field(ge=99, le=100_000)] = Field(default=1999, description="Permutations.")
    max_output_tokens: Tokens = Field(default=64, description="Output tokens that are compared.")


class Job(ConfigModel):
    """One job. Its kind names the table of settings that it must have, and no other."""

    name: JobName = Field(description="Its name; a job of another name is another job.")
    kind: Annotated[JobKind, Field(strict=False)] = Field(description="shadow_cycle, canary or two_sample.")
    schedule: Annotated[str, Field(max_length=100, pattern=SCHEDULE)] | None = Field(
        default=None,
        description="`every 15m` (s, m, h, d), `daily 07:30`, or cron (five fields). Absent: when asked.",
    )
    timezone: Zone = Field(default="UTC", description="IANA zone of daily times and cron.")
    enabled: bool = Field(default=True, description="Whether it runs by its schedule.")
    timeout_s: Seconds = Field(default=600, description="Seconds after which a run is ended.")
    max_instances: Annotated[int, Field(ge=1, le=8)] = Field(default=1, description="Runs at once.")
    catch_up: Annotated[CatchUp, Field(strict=False)] = Field(
        default=CatchUp.NONE, description="What becomes of missed runs: none, last or all."
    )
    jitter_s: Annotated[int, Field(ge=0, le=3600)] = Field(
        default=0,
        description="A run begins up to so many seconds after it is due; the same run always by as many.",
    )
    tags: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=40)], ...], Listed] = Field(
        default=(), description="For filters."
    )
    description: FreeText = Field(default="", description="What it is for.")
    budget: JobBudget = Field(default=JobBudget(), description="What a run may spend.")
    shadow_cycle: CycleSettings | None = Field(default=None, description="Settings of that kind.")
    canary: CanarySettings | None = Field(default=None, description="Settings of that kind.")
    two_sample: TwoSampleSettings | None = Field(default=None, description="Settings of that kind.")

    @model_validator(mode="after")
    def _settings(self) -> "Job":
        """A job has the settings of its kind, and of no other."""
        for kind in JobKind:
            given = getattr(self, kind.value) is not None
            if given != (kind is self.kind):
                raise ValueError(
                    f"of kind {self.kind} {'needs' if not given else 'cannot have'} a table {kind}"
                )
        return self


class JobsConfig(ConfigModel):
    """The shape of `configs/shadow/jobs.toml`. Without it nothing is scheduled."""

    job: Annotated[tuple[Job, ...], Field(max_length=200), Listed] = Field(
        default=(), description="The jobs."
    )

    @model_validator(mode="after")
    def _names(self) -> "JobsConfig":
        """A name is given once."""
        names = [one.name for one in self.job]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two jobs have the name {twice[0]}")
        return self

    def find(self, name: str) -> Job | None:
        """The job of a name; ``None`` where there is none."""
        return next((one for one in self.job if one.name == name), None)
