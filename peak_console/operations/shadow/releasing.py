"""Letting a quarantined model back: an operator's proof, a reason, and what speaks for it."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from peak_console.config.incidents import IncidentsConfig, ModelDrift
from peak_console.config.load import load_configs
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import ConfigInvalid, ControlRefused, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.text import one_line
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import append_proved, choose_operator
from peak_console.operations.phase import rules_of
from peak_console.operations.shadow.drift import DriftBook, OutOfUse, Recorded, check_line
from peak_console.operations.shadow.gold_since import figures_of, gold_since, is_round, rounds_since
from peak_console.operations.views.shadow import GoldSince
from peak_console.stats.sprt import Side, Sprt

REASON_LIMIT: Final = 500

BAD_FACTOR: Final = 5
"""A model that fails so many times the share of gold cases that a sound one may fail is held for bad."""


@dataclass(frozen=True, slots=True)
class Support:
    """What the checks since the quarantine say of the model."""

    side: Side
    """By Wald's test between the usual share of failed gold cases and :data:`BAD_FACTOR` times that."""
    cases: int = 0
    failed: int = 0
    lines: tuple[str, ...] = ()
    """In words."""
    rounds: int = 0
    newest_at: datetime | None = None
    """When the newest round of gold cases was recorded; ``None`` where there was none."""
    clean: int = 0
    """The newest rounds in a row that failed nothing and left nothing out."""

    @property
    def gold(self) -> GoldSince:
        """The gold cases since the quarantine."""
        return GoldSince(self.rounds, self.cases, self.cases - self.failed, self.newest_at, self.clean)

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "side": self.side.value,
            "cases": self.cases,
            "failed": self.failed,
            "passed": self.cases - self.failed,
            "rounds": self.rounds,
            "clean": self.clean,
            "newest_at": None if self.newest_at is None else iso(self.newest_at),
            "lines": list(self.lines),
        }


@dataclass(frozen=True, slots=True)
class Released:
    """A model that is back in use."""

    provider: str
    model_id: str
    operator: str
    seq: int
    out: OutOfUse
    support: Support

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "model": f"{self.provider}:{self.model_id}",
            "operator": self.operator,
            "seq": self.seq,
            "quarantined": {
                "reason": self.out.reason,
                "since": iso(self.out.since),
                "incident_id": self.out.incident_id or None,
            },
            "support": self.support.as_json(),
        }


def release_model(
    ws: Workspace,
    client: BlockingLedgerClient,
    model: str,
    *,
    reason: str,
    by: str | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> Released:
    """Let ``model`` (``PROVIDER:MODEL``) back into use, proved by an operator; its tests begin again.

    Raises ``UsageWrong`` (``reason_missing``, ``model_malformed``), ``ControlRefused``
    (``model_not_quarantined``, and as the node refuses), ``LedgerUnavailable``.
    """
    why = one_line(reason, REASON_LIMIT).strip()
    if not why:
        raise UsageWrong("a release needs a reason", code="reason_missing", remedy='add: --reason "..."')
    provider, model_id = _named(model)
    with LedgerReader(ws.ledger) as reader:
        record = DriftBook().read(reader)
    out = record.out.get((provider, model_id))
    if out is None:
        raise ControlRefused(
            f"{provider}:{model_id} is not quarantined",
            code="model_not_quarantined",
            remedy="there is nothing to release; see: peak drift status",
        )
    support = support_of(record, (provider, model_id), out, _rules(ws, (clock or SystemClock()).now()))
    store = KeyStore(ws.keys, os.environ if environ is None else environ)
    operator = choose_operator(store, by)
    body = {
        "provider": provider,
        "model_id": model_id,
        "reason": why,
        "operator": operator,
        "incident_id": out.incident_id or None,
        "support": support.as_json(),
    }
    draft = EventDraft(
        new_event_id(secrets.token_bytes),
        EventKind.MODEL_RELEASED.value,
        body,
        provider=provider,
        model_id=model_id,
    )
    return Released(provider, model_id, operator, append_proved(client, store, operator, draft), out, support)


def support_of(record: Recorded, model: tuple[str, str], out: OutOfUse, rules: ModelDrift) -> Support:
    """What checks of a model since its quarantine say for its release, or against it. Pure."""
    since = rounds_since(record.checks_of(model), out.since)
    good = float(rules.canary_fail_pct) / 100
    test = Sprt(good, _bad(good))
    lines = []
    for event in reversed(since):
        line = check_line(event)
        lines.append(
            f"{'canaries' if is_round(event) else 'two-sample test'} of {iso(line.at)}: {line.detail}"
        )
        cases, passed = figures_of(event) if is_round(event) else (0, 0)
        if cases:
            test = test.after_round(cases - passed, cases)
    gold = gold_since(since, out.since)
    failed = gold.cases - gold.passed
    return Support(test.side, gold.cases, failed, tuple(lines), gold.rounds, gold.newest_at, gold.clean)


def _bad(good: float) -> float:
    """The share from which a model is held for bad: above the good one, and below all."""
    return min(good * BAD_FACTOR, (1 + good) / 2)


def _named(model: str) -> tuple[str, str]:
    provider, colon, model_id = model.partition(":")
    if not colon or not provider or not model_id:
        raise UsageWrong(
            f"'{one_line(model, 80)}' names no model",
            code="model_malformed",
            remedy="write PROVIDER:MODEL, as peak drift status shows it",
        )
    return provider, model_id


def _rules(ws: Workspace, now: datetime) -> ModelDrift:
    """The rules as configured; broken configs hold nobody up, who lets a model back."""
    try:
        return load_configs(ws, phase=rules_of(ws), today=now.date()).incidents.model_drift
    except ConfigInvalid:
        return IncidentsConfig().model_drift
