"""Gold cases as rounds of the window judged them: what each model passed, and which runs only tested."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.domain.drift import Tier, was_out_of_use
from peak_console.domain.events import LedgerEvent
from peak_console.operations.views.body_fields import listed, mapping

_DIGEST: Final = 64
_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Checked:
    """What tests of drift left on the ledger."""

    runs: frozenset[str] = frozenset()
    """Runs whose calls are a test's, and no sample of a model's work."""
    passed: Mapping[tuple[str, ...], frozenset[str]] = field(default_factory=dict)
    """By layer, role, provider and model id: digests of the cases that it passed in every round."""

    def gold(self, key: Iterable[str]) -> tuple[str, ...]:
        """The cases of a model in a slot."""
        return tuple(sorted(self.passed.get(tuple(str(one) for one in key), ())))[:_MOST]


def checked_in(events: Iterable[LedgerEvent]) -> Checked:
    """What ``drift.checked`` events say; a case that was failed once is no gold case."""
    runs: set[str] = set()
    passed: dict[tuple[str, ...], set[str]] = {}
    failed: dict[tuple[str, ...], set[str]] = {}
    for event in events:
        body = event.body or {}
        if event.run_id:
            runs.add(event.run_id)
        if body.get("tier") != Tier.CANARY or was_out_of_use(body):
            continue
        key = tuple(str(body.get(name)) for name in ("layer", "role", "provider", "model_id"))
        passed.setdefault(key, set()).update(_digests(listed(body.get("gold"))))
        wrong = (mapping(one).get("digest") for one in listed(body.get("failures")))
        failed.setdefault(key, set()).update(_digests(wrong))
    return Checked(
        frozenset(runs), {key: frozenset(found - failed.get(key, set())) for key, found in passed.items()}
    )


def _digests(values: Iterable[Any]) -> list[str]:
    return [
        one
        for one in values
        if isinstance(one, str) and len(one) == _DIGEST and not set(one) - set("0123456789abcdef")
    ]
