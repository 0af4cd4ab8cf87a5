"""Which kinds need what: every kind of the vocabulary falls into one of four."""

import pytest
from ledger_events import note

from peak_console.domain.canonical import canonical, sha256_hex
from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.service.privileges import (
    Proof,
    challenge_message,
    is_jobs_own,
    is_nodes_own,
    is_nodes_word,
    is_open,
    is_peoples_word,
    proof_from_wire,
    unproven,
)

OPEN = {kind for kind in EventKind if kind.startswith(("run.", "llm."))} | {
    EventKind.POLICY_DENIED,
    EventKind.CRITIC_JUDGED,
    EventKind.CONTROL_STOPPED,
    EventKind.CONTROL_REDUCED,
    EventKind.CONTROL_DISARMED,
    EventKind.INCIDENT_OPENED,
    EventKind.INCIDENT_ACTION_TAKEN,
    EventKind.EVIDENCE_SEALED,
}
OWN = {
    *(kind for kind in EventKind if kind.startswith(("node.", "ledger.", "budget.", "job."))),
    EventKind.WORKSPACE_INITIALISED,
    EventKind.BREAKER_TRIPPED,
    EventKind.CONTROL_RAMPED,
    EventKind.CONTROL_ACKNOWLEDGED,
    EventKind.ARM_GRANTED,
    EventKind.ARM_REFUSED,
    EventKind.ARM_EXPIRED,
    EventKind.ARM_ENDED,
    EventKind.DRIFT_DETECTED,
} - {EventKind.BUDGET_SETTLED, EventKind.LEDGER_PRUNED, EventKind.JOB_RESUMED}
OF_JOBS = {EventKind.GATE_DECIDED, EventKind.SHADOW_CYCLE_FINISHED, EventKind.DRIFT_CHECKED}


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_is_open_the_nodes_or_privileged(kind: EventKind) -> None:
    """What is neither needs a proof: a new kind is privileged until somebody decides."""
    assert is_open(kind) == (kind in OPEN)
    assert is_nodes_own(kind) == (kind in OWN)
    assert is_jobs_own(kind) == (kind in OF_JOBS)
    assert sum((is_open(kind), is_nodes_own(kind), is_jobs_own(kind))) <= 1


def test_what_came_in_force_is_the_nodes_word_and_a_save_the_operators() -> None:
    """Both are config.changed: the node names the file it saw, an operator the path that was saved."""
    assert is_nodes_word("config.changed", {"file": "matrix", "old": "a", "new": "b"})
    assert is_nodes_word("config.changed", {"file": "matrix", "path": "x"})
    assert is_nodes_word("config.changed", {})
    assert not is_nodes_word("config.changed", {"path": "x", "operator": "anna"})
    assert not is_nodes_word("matrix.changed", {"path": "x"})


@pytest.mark.parametrize("trigger", ["policy_violation", "arm_lockout", "", None, ["operator"]])
def test_a_trigger_that_fired_is_the_nodes_word(trigger: object) -> None:
    """People open incidents of their own and prove the way to a person; nothing else is theirs to say."""
    assert is_nodes_word("incident.opened", {"trigger": trigger})
    assert is_nodes_word("incident.opened", {})
    assert not is_nodes_word("incident.opened", {"trigger": "operator"})
    assert not is_nodes_word("incident.opened", {"trigger": "test"})


@pytest.mark.parametrize(
    "action", ["told", "not_told", "seen", "test_over", "stop_scope", "quarantine", "", None, 3]
)
def test_what_was_seen_done_or_told_is_the_nodes_word(action: object) -> None:
    """People say what they did about an incident; an agent not even that."""
    assert is_nodes_word("incident.action_taken", {"action": action})
    for theirs in ("disarm", "reduce", "stop", "capture"):
        assert not is_nodes_word("incident.action_taken", {"action": theirs})
        assert is_peoples_word("incident.action_taken", {"action": theirs})
    assert is_peoples_word("evidence.sealed", {"incident_id": "inc_x"})
    assert not is_peoples_word("evidence.sealed", {"edition": 1})


def test_the_signed_message_binds_nonce_event_and_body() -> None:
    """Canonical ``{nonce, event_id, kind, body_sha256}``."""
    draft = note("x")
    assert challenge_message("n", draft) == canonical(
        {
            "nonce": "n",
            "event_id": draft.event_id,
            "kind": "run.started",
            "body_sha256": sha256_hex(canonical(dict(draft.body))),
        }
    )


def test_a_proof_has_three_texts() -> None:
    """Anything else is malformed; none is none."""
    assert proof_from_wire(None) is None
    assert proof_from_wire({"operator": "a", "nonce": "b", "signature": "c"}) == Proof("a", "b", "c")
    for wrong in ("x", {}, {"operator": "a", "nonce": 1, "signature": "c"}, []):
        with pytest.raises(UsageWrong):
            proof_from_wire(wrong)


def test_nobody_speaks_in_anothers_name() -> None:
    """Who did it by the body is who proved it; of operators' own events that stands in ``by``."""
    proof = Proof("demo", "n", "s")
    for kind, body, good in (
        ("matrix.changed", {"operator": "demo"}, True),
        ("matrix.changed", {"operator": "alice"}, False),
        ("matrix.approved", {"operator": None}, False),
        ("control.enabled", {"operator": "alice"}, False),
        ("operator.enrolled", {"operator": "alice", "by": "demo"}, True),
        ("operator.removed", {"operator": "demo", "by": "alice"}, False),
        ("breaker.reset", {}, True),
    ):
        draft = EventDraft("ev_1", kind, body)
        assert (unproven(draft, proof, lambda *_: True) == "") is good, (kind, body)
        assert "signature" in unproven(draft, proof, lambda *_: False)
