"""The writer lets no model back that is not out of use, whoever signs."""

from pathlib import Path
from typing import Any

import pytest

from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.facts import Facts
from peak_console.node.release_records import misreleased

MODEL = {"provider": "openai", "model_id": "gpt-5"}


def draft(number: int, kind: str, **changes: Any) -> EventDraft:
    """An event about that model."""
    return EventDraft(f"ev_{number}", kind, {**MODEL, "reason": "mended", "operator": "anna", **changes})


def test_only_what_is_out_of_use_is_released_and_once(tmp_path: Path) -> None:
    """Within one append too, and over a restart."""
    path = tmp_path / "ledger.db"

    def opened(facts: Facts) -> LedgerWriter:
        return LedgerWriter(
            path,
            clock=ManualClock(),
            projections=[facts],
            conditions=[lambda one: misreleased(one, facts.quarantined)],
        )

    def codes(writer: LedgerWriter, *drafts: EventDraft) -> list[str]:
        found = writer.append([(one, "anna") for one in drafts])
        return [one.code if isinstance(one, PeakError) else "written" for one in found]

    with opened(Facts()) as writer:
        assert codes(writer, EventDraft("ev_0", EventKind.WORKSPACE_INITIALISED, {})) == ["written"]
        assert codes(writer, draft(1, "model.released")) == ["model_not_quarantined"]
        told = codes(
            writer,
            draft(2, "model.quarantined"),
            draft(3, "model.released", model_id="gpt-6"),
            draft(4, "model.released"),
            draft(5, "model.released"),
            draft(6, "model.quarantined"),
        )
        assert told == ["written", "model_not_quarantined", "written", "model_not_quarantined", "written"]
    with opened(Facts()) as writer:
        assert codes(writer, draft(7, "model.released")) == ["written"]


@pytest.mark.parametrize("body", [{}, {"provider": "openai"}, {"provider": ["openai"], "model_id": "gpt-5"}])
def test_a_release_that_names_no_model_is_none(body: dict[str, Any]) -> None:
    """It is refused as one of a model that is not out of use."""
    refused = misreleased(EventDraft("ev_1", EventKind.MODEL_RELEASED, body), {"openai:gpt-5"})
    assert refused is not None
    assert refused.code == "model_not_quarantined"
    assert refused.remedy


@pytest.mark.parametrize("left_out", ["reason", "operator"])
@pytest.mark.parametrize("value", [None, "", " \t", "\u200b", ["anna"]])
def test_a_release_says_who_and_why(left_out: str, value: Any) -> None:
    """Of a model that is out of use, too: a blank is no word."""
    refused = misreleased(draft(1, "model.released", **{left_out: value}), {"openai:gpt-5"})
    assert refused is not None
    assert refused.code == {"reason": "reason_missing", "operator": "event_malformed"}[left_out]
    assert misreleased(draft(2, "model.released"), {"openai:gpt-5"}) is None
