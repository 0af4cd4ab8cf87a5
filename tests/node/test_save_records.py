"""Records of saves, approvals and locks: who, why, of which config, by whole digests; others are refused."""

from typing import Any

import pytest

from peak_console.domain.events import EventDraft
from peak_console.node.save_records import misrecorded

DIGEST = "a1" * 32
MATRIX = {"kind": "matrix", "path": "configs/ai/layer_model_matrix.toml"}
GOOD: dict[str, dict[str, Any]] = {
    "matrix.changed": {**MATRIX, "old": DIGEST, "new": "0" * 64},
    "matrix.rolled_back": {**MATRIX, "old": None, "new": DIGEST},
    "matrix.approved": {"digest": DIGEST, "old": None},
    "prices.changed": {"kind": "prices", "path": "configs/ai/prices.toml", "new": DIGEST},
    "config.changed": {"kind": "budgets", "path": "configs/ai/budgets.toml", "new": DIGEST},
    "lock.written": {"digest": DIGEST, "previous": "", "matrix_digest": DIGEST},
    "lock.rolled_back": {"digest": DIGEST, "previous": DIGEST},
}


def refused(kind: str, body: dict[str, Any]) -> str | None:
    """The code of the refusal of a record by anna with a reason."""
    full = {"operator": "anna", "reason": "better", **body}
    refusal = misrecorded(EventDraft("ev_1", kind, {k: v for k, v in full.items() if v != "absent"}))
    return None if refusal is None else refusal.code


@pytest.mark.parametrize("kind", GOOD)
def test_each_kind_says_who_why_and_what(kind: str) -> None:
    """As its command writes it, it is admitted; without a reason, an operator or a digest it is not."""
    good = GOOD[kind]
    assert refused(kind, good) is None
    for reason in ("", "  ", None, 5, "absent"):
        assert refused(kind, {**good, "reason": reason}) == "reason_missing"
    for operator in ("", None, ["anna"], "absent"):
        assert refused(kind, {**good, "operator": operator}) == "event_malformed"
    key = "new" if "new" in good else "digest"
    for digest in ("junk", "", None, "A1" * 32, DIGEST + "\n", DIGEST[:63], 7, "absent"):
        assert refused(kind, {**good, key: digest}) == "event_malformed"
    for other in {"old", "previous", "matrix_digest"} & set(good):
        assert refused(kind, {**good, other: "junk"}) == "event_malformed"


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("budgets", "configs/ai/budgets.yaml"),
        ("readiness", "configs/readiness.toml"),
        ("scopes", "configs/ai/capability_scopes/L2.toml"),
        ("prompts", "configs/ai/prompts/market-outlook/1.md"),
    ],
)
def test_a_saved_config_is_one_that_can_be_edited(kind: str, path: str) -> None:
    """By kind and path, also where it stands as YAML."""
    assert refused("config.changed", {"kind": kind, "path": path, "new": DIGEST}) is None


@pytest.mark.parametrize(
    ("recorded", "kind", "path"),
    [
        ("config.changed", "budgets", "configs/ai/prices.toml"),
        ("config.changed", "nonsense", "configs/ai/budgets.toml"),
        ("config.changed", "absent", "configs/ai/budgets.toml"),
        ("config.changed", "matrix", MATRIX["path"]),
        ("config.changed", "prices", "configs/ai/prices.toml"),
        ("config.changed", "lock", "configs/ai/verified_models.lock"),
        ("config.changed", "scopes", "configs/ai/capability_scopes/../L2.toml"),
        ("config.changed", "scopes", "elsewhere/L2.toml"),
        ("config.changed", "prompts", "configs/ai/prompts/market-outlook/x.md"),
        ("config.changed", "prompts", "/etc/passwd"),
        ("matrix.changed", "budgets", "configs/ai/budgets.toml"),
        ("matrix.changed", "matrix", "configs/ai/budgets.toml"),
        ("prices.changed", "matrix", MATRIX["path"]),
    ],
)
def test_a_record_of_another_config_is_refused(recorded: str, kind: str, path: str) -> None:
    """A kind that is not the event's, a path that is not the kind's."""
    assert refused(recorded, {"kind": kind, "path": path, "new": DIGEST}) == "event_malformed"


def test_what_the_node_saw_and_other_kinds_are_not_judged_here() -> None:
    """The node names a file, no operator and no reason."""
    assert (
        misrecorded(EventDraft("ev_1", "config.changed", {"file": "matrix", "old": None, "new": "x"})) is None
    )
    assert misrecorded(EventDraft("ev_1", "run.started", {})) is None
