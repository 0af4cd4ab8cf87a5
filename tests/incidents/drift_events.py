"""Events, locks and rules for the tests of drift."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from trigger_events import COMPLETED, completed, header

from peak_console.config.incidents import ModelDrift
from peak_console.config.lock import Baseline, EvidenceKind, LockEntry, LockEvidence
from peak_console.domain.vocabulary import Layer, Role
from peak_console.incidents.drifting import Drift, Known
from peak_console.ledger.headers import Header

SLOT = ("L2", "primary", "openai", "gpt-5")
SOUND = Baseline(
    calls=2000,
    failed=0,
    judged=2000,
    critic_failed=100,
    format_failed=100,
    refused=100,
    fallback_used=100,
    latency_p95_ms=1000,
    cost_p95_nano_eur=1_000_000,
)


def entry(baseline: Baseline = SOUND, **more: Any) -> LockEntry:
    """The lock's entry of the slot."""
    fields = {
        "layer": Layer.L2,
        "role": Role.PRIMARY,
        "provider": "openai",
        "model_id": "gpt-5",
        "registry_sha256": "0" * 64,
        "registry": {
            "family": "gpt-5",
            "endpoint": "chat",
            "context_tokens": 1000,
            "max_output_tokens": 100,
        },
        "price": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2, "source": "test"},
        "baseline": baseline,
        "evidence": LockEvidence(kind=EvidenceKind.ATTESTED, by="anna", at=datetime(2026, 11, 1, tzinfo=UTC)),
        **more,
    }
    return LockEntry.model_validate(fields)


def known(*, rules: Mapping[str, Any] | None = None, **more: Any) -> Known:
    """What is held against: a lock with this entry."""
    return Known(
        ModelDrift(**(rules or {})),
        "lock-1",
        {SLOT: entry(**more)},
        is_name=lambda _, model_id, name: name.startswith(model_id),
    )


def answer(**body: Any) -> tuple[Header, dict[str, Any]]:
    """An answer of the model in the slot, as usual but for ``body``."""
    return header(COMPLETED), completed(**{"cost_eur": "0.000500000", "served_model": "gpt-5", **body})


def feed(drift: Drift, held: Known, *events: tuple[Header, Mapping[str, Any]]) -> None:
    """Take events in, a second apart."""
    for event, body in events:
        drift.take(event, body, event.seq * 1_000_000, held)
