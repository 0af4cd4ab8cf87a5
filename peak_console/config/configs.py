"""All configs of a workspace as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from peak_console.config.budgets import Budgets
from peak_console.config.canaries import NO_CANARIES, CanaryLibrary
from peak_console.config.console import ConsoleConfig
from peak_console.config.control import ControlConfig
from peak_console.config.incidents import IncidentsConfig
from peak_console.config.jobs import JobsConfig
from peak_console.config.ledger import LedgerConfig
from peak_console.config.limits import LimitsConfig
from peak_console.config.lock import Lock
from peak_console.config.matrix import Matrix
from peak_console.config.prices import PriceTable
from peak_console.config.prompts import PromptLibrary
from peak_console.config.readiness import ReadinessConfig
from peak_console.config.registry import ModelRegistry
from peak_console.config.scopes import NO_SCOPES, ScopeLibrary
from peak_console.domain.errors import ConfigInvalid


@dataclass(frozen=True, slots=True)
class Configs:
    """What the files of a workspace say, found fit for use.

    ``digests`` names each file that was read (the kinds of ``sources.MAIN_FILES``) with the SHA-256 of its
    bytes, and ``prompts``, ``scopes`` and, where there are any, ``canaries`` with that of the library.

    ``jobs`` is ``None`` where their file has an error, and ``jobs_problem`` says which: it grants no call
    anything, so calls go on, and nothing of it is used.
    """

    matrix: Matrix
    models: ModelRegistry
    prices: PriceTable
    budgets: Budgets
    control: ControlConfig
    ledger: LedgerConfig
    console: ConsoleConfig
    prompts: PromptLibrary
    digests: Mapping[str, str]
    scopes: ScopeLibrary = NO_SCOPES
    lock: Lock | None = None
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    readiness: ReadinessConfig = field(default_factory=ReadinessConfig)
    incidents: IncidentsConfig = field(default_factory=IncidentsConfig)
    jobs: JobsConfig | None = field(default_factory=JobsConfig)
    canaries: CanaryLibrary = NO_CANARIES
    jobs_problem: str = ""

    def whole_jobs(self) -> JobsConfig:
        """The jobs; raises ``ConfigInvalid`` (``jobs_unreadable``) where their file has an error."""
        if self.jobs is None:
            raise ConfigInvalid(self.jobs_problem, code="jobs_unreadable", remedy="peak lint")
        return self.jobs
