"""The plan of a call, read without calling anybody, with what the ledger says of budgets and breakers."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from peak_console.budget.limits import BudgetLimits
from peak_console.config.load import load_configs
from peak_console.config.workspace import Workspace
from peak_console.control.gate import CallGate
from peak_console.domain.clock import Clock, SystemClock, iso, unix_us
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.money import nano_from_text
from peak_console.domain.vocabulary import Layer, Role
from peak_console.ledger.reader import LedgerReader
from peak_console.llm.credentials import Credentials
from peak_console.llm.providers.adapters import ADAPTERS
from peak_console.llm.route import Explanation, explain, parse_failure
from peak_console.operations.demo import is_simulated
from peak_console.operations.ledger_facts import LedgerFacts, ledger_facts
from peak_console.operations.locking.recorded import record_of
from peak_console.operations.phase import rules_of
from peak_console.operations.views.breakers import BreakerLine, BreakerState, breaker_of, breaker_words
from peak_console.operations.views.budget_left import binding, left_json, left_of

_SIMULATOR: Final = "http://127.0.0.1:1"
"""Stands for the simulator's address, which nobody asks for here."""


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """A plan, and what stood in the ledger when it was made; ``facts`` is ``None`` without a ledger."""

    explanation: Explanation
    matrix_digest: str
    facts: LedgerFacts | None
    problem: str = ""
    """Why the ledger, which is there, could not be read."""

    @property
    def budget_left(self) -> int | None:
        """What is left of the tightest budget that binds the layer, in nano-EUR; ``None`` where unknown."""
        bound = binding(self.facts.budgets, self.explanation.layer.value) if self.facts else []
        return left_of(bound[0]) if bound else None

    def breaker(self, row: Mapping[str, Any]) -> BreakerLine | None:
        """The breaker of a row's candidate; ``None`` where the ledger knows none."""
        if self.facts is None:
            return None
        return breaker_of(self.facts.breakers, row["provider"], row["model_id"])

    def fits_budget(self, row: Mapping[str, Any]) -> bool | None:
        """Whether a candidate's bound fits what is left; ``None`` where either is unknown."""
        left, most = self.budget_left, row.get("bound_eur")
        return None if left is None or most is None else nano_from_text(most) <= left

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON."""
        document = self.explanation.as_dict()
        document["candidates"] = [self._candidate(row) for row in self.explanation.rows]
        facts = self.facts
        budgets = binding(facts.budgets, self.explanation.layer.value) if facts else []
        return document | {
            "matrix_digest": self.matrix_digest,
            "at": None if facts is None else iso(facts.at),
            "budgets": [left_json(one) for one in budgets],
            "ledger_problem": self.problem or None,
        }

    def _candidate(self, row: Mapping[str, Any]) -> dict[str, Any]:
        breaker, facts = self.breaker(row), self.facts
        now = None if breaker is None or facts is None else breaker.as_json(facts.at)
        words = None if facts is None else breaker_words(breaker, facts.at)
        return {**row, "breaker": words, "breaker_now": now, "fits_budget": self.fits_budget(row)}


def route(
    ws: Workspace,
    layer: Layer,
    role: Role,
    *,
    today: date,
    fail: Sequence[str] = (),
    max_output_tokens: int | None = None,
    assume_keys: bool = False,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> RoutePlan:
    """The candidates of a slot with their reasons, and how a call would go if ``fail`` happened.

    Keys and addresses are judged as a call of this environment would find them; ``assume_keys`` takes every
    provider to have a key. In a simulated workspace a provider without an address here is taken to be
    simulated, for a plan calls nobody; one that has a real key is refused, as calls are. Open breakers are
    passed over, as calls pass them over, and so is what the lease says is stopped or quarantined. The lock is
    judged as the node judges it: by who is enrolled, and by which one the ledger recorded last. Raises
    ``ConfigInvalid``, ``CallRefused`` (no models in this layer, empty slot) and ``UsageWrong``.
    """
    failures = [parse_failure(one) for one in fail]
    level, simulated = rules_of(ws), is_simulated(ws)
    credentials = Credentials(os.environ if environ is None else environ)
    configs = load_configs(ws, phase=level, today=today)
    now = (clock or SystemClock()).now()
    facts, problem = _facts(ws, configs.budgets.limits, now)
    if facts is not None:
        configs = replace(configs, lock=record_of(ws).judged(configs.lock))
    explanation = explain(
        configs,
        layer,
        role,
        today=today,
        now=now if now.date() == today else None,
        phase=level,
        simulated=simulated,
        base_urls=_base_urls(credentials, simulated=simulated),
        addresses=credentials.addresses(),
        keys=None if assume_keys else credentials.providers(),
        signing_only=frozenset() if assume_keys else credentials.signing_only(),
        real_keys=credentials.real() if simulated else frozenset(),
        failures=failures,
        max_output_tokens=max_output_tokens,
        cooling=_cooling(facts),
        halts=CallGate(ws.control, clock or SystemClock(), {}).halts(),
    )
    return RoutePlan(explanation, configs.digests["matrix"], facts, problem)


def _base_urls(credentials: Credentials, *, simulated: bool) -> dict[str, str]:
    """Addresses of the environment; in a simulated workspace the simulator stands for everybody else."""
    everyone = {adapter.provider for adapter in ADAPTERS.values()} if simulated else set()
    return dict.fromkeys(everyone, _SIMULATOR) | credentials.base_urls()


def _facts(ws: Workspace, limits: BudgetLimits, now: datetime) -> tuple[LedgerFacts | None, str]:
    """What the ledger says; a plan can be read without one."""
    if not ws.ledger.exists():
        return None, ""
    try:
        with LedgerReader(ws.ledger) as reader:
            return ledger_facts(reader, limits, now), ""
    except LedgerUnavailable as error:
        return None, error.message


def _cooling(facts: LedgerFacts | None) -> dict[tuple[str, str], int]:
    """The models that are left alone now, and until when."""
    if facts is None:
        return {}
    return {
        (one.provider, one.model_id): unix_us(one.until)
        for one in facts.breakers
        if one.state is BreakerState.OPEN and one.until is not None
    }
