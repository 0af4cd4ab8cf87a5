"""What can be found out about the providers without spending: keys, addresses, clock, region, lists."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from peak_console.config.load import load_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import UsageWrong
from peak_console.llm.checks.judging import Status
from peak_console.llm.checks.probing import Prober, Report
from peak_console.llm.checks.targets import known_providers, targets, unspoken
from peak_console.llm.credentials import Credentials
from peak_console.operations.demo import is_simulated
from peak_console.operations.phase import rules_of


@dataclass(frozen=True, slots=True)
class Checked:
    """The reports of all addresses that were checked."""

    reports: tuple[Report, ...]
    simulated: bool
    unspoken: tuple[str, ...] = ()
    """Providers of the matrix for which there is no adapter."""

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each status."""
        found = [one.status for report in self.reports for one in report.findings]
        return {status.value: found.count(status) for status in Status}

    @property
    def exit_code(self) -> int:
        """3 when a provider gave no answer, 1 when a check failed or stayed open, else 0.

        What no free list can prove stays ``unknown`` and does not change it.
        """
        if any(report.unreachable for report in self.reports):
            return 3
        wrong = any(report.failed or report.undecided for report in self.reports)
        return 1 if wrong or self.unspoken else 0

    def as_dict(self) -> dict[str, Any]:
        """The shape of ``peak providers check --json``."""
        return {
            "providers": [report.as_dict() for report in self.reports],
            "unspoken": list(self.unspoken),
            "summary": self.counts,
            "simulated": self.simulated,
            "spent_eur": "0",
        }


async def check(
    ws: Workspace,
    provider: str | None = None,
    *,
    wait_s: float = 15.0,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    told: Callable[[str, int, int], None] | None = None,
) -> Checked:
    """Check each provider that the matrix uses, or ``provider`` alone. No prompt is sent, nothing is spent.

    Works without a node and while STOPPED; in a simulated workspace only this machine is asked. ``told``
    hears of progress. Raises ``ConfigInvalid``, and ``UsageWrong`` for a provider that nobody speaks to.
    """
    if provider is not None and provider not in known_providers():
        raise UsageWrong(
            f"there is no provider {provider!r:.60}",
            code="provider_unknown",
            remedy=f"name one of: {', '.join(known_providers())}",
        )
    clock = clock or SystemClock()
    phase, simulated = rules_of(ws), is_simulated(ws)
    configs = load_configs(ws, phase=phase, today=clock.now().date())
    credentials = Credentials(os.environ if environ is None else environ)
    prober = Prober(configs, credentials, clock, simulated, phase, wait_s, told or (lambda *_: None))
    reports = await prober.check(targets(configs, credentials, provider))
    return Checked(tuple(reports), simulated, () if provider else unspoken(configs))
