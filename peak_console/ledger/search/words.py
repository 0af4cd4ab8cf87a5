"""The words by which an event is found: what happened, to whom, why. Not what was asked or answered. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from peak_console.domain.events import LedgerEvent
from peak_console.domain.text import plain

_TEXTS: Final = (
    "reason",
    "message",
    "detail",
    "purpose",
    "operator",
    "outcome",
    "verdict",
    "decision",
    "prompt_name",
    "rule",
    "field",
    "subject",
    "where",
    "key",
    "served_model",
    "request_id",
    "response_id",
    "fingerprint",
    "experiment",
    "judge_layer",
    "cost_basis",
    "symbol",
    "instrument",
)
_FINDING: Final = ("category", "severity", "rationale")
_LONGEST: Final = 2000
"""Characters of one field that count; a critic's rationale is the longest of them."""
_MOST: Final = 40
"""Entries of a list that count."""


def words_of(event: LedgerEvent) -> Iterator[str]:
    """The texts of an event that are searched; those of a pruned body are gone."""
    yield event.kind
    yield event.actor
    for name in (event.layer, event.role, event.provider, event.model_id):
        if name:
            yield name
    body = event.body
    if body is None:
        return
    for field in _TEXTS:
        told = body.get(field)
        if isinstance(told, str) and told:
            yield plain(told[:_LONGEST])
    yield from _of_lists(body)


def _of_lists(body: Mapping[str, Any]) -> Iterator[str]:
    for one in _listed(body.get("findings")):
        for field in _FINDING:
            told = one.get(field) if isinstance(one, Mapping) else None
            if isinstance(told, str):
                yield plain(told[:_LONGEST])
    for one in _listed(body.get("attempts")):
        told = one.get("reason") if isinstance(one, Mapping) else None
        if isinstance(told, str):
            yield plain(told[:_LONGEST])
    for one in (*_listed(body.get("tool_calls")), *_listed(body.get("artefacts"))):
        told = (one.get("name") or one.get("path")) if isinstance(one, Mapping) else None
        if isinstance(told, str):
            yield plain(told[:_LONGEST])


def _listed(told: Any) -> list[Any]:
    return told[:_MOST] if isinstance(told, list) else []
