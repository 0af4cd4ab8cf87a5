"""What a lock stores of the ledger, and which evidence it takes over."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.locks import NOW, entries_for, evidence_of

from peak_console.config.configs import Configs
from peak_console.config.defaults import demo_configs
from peak_console.config.load import load_configs
from peak_console.config.lock import LockEntry, LockKey
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventDraft, EventKind, LedgerEvent
from peak_console.domain.vocabulary import Layer, Role
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.locking import gathering
from peak_console.operations.locking.checked import Checked, checked_in
from peak_console.operations.locking.entries import Drafted, Known, Wish, drafted
from peak_console.operations.locking.gathering import beside_of, known_of

RUN = "20261122_140000_k3v9qx"
KEY = (Layer.L2, Role.PRIMARY, "openai", "gpt-5-mini")
DIGEST = "a" * 64


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerReader]:
    """Ten hops of one model in one slot, of which four answered, and calls of others."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    clock = ManualClock(NOW - timedelta(days=40))
    with LedgerWriter(path, clock=clock, projections=[Rollups()]) as writer:

        def tell(kind: str, number: int, body: dict[str, Any], **slot: str) -> None:
            named = {"layer": "L2", "role": "primary", "provider": "openai", "model_id": "gpt-5-mini", **slot}
            draft = EventDraft(
                f"ev_{clock.boot_us()}", kind, body, run_id=RUN, call_id=f"call_{number}", **named
            )
            (result,) = writer.append([(draft, "agent:test")])
            assert not isinstance(result, Exception), result
            clock.advance(1)

        writer.append([(EventDraft("ev_g", EventKind.WORKSPACE_INITIALISED, {"simulated": True}), "node")])
        tell("llm.call.completed", 0, answer(served="gpt-5-mini-2024-01-01"))
        clock.advance(30 * 86_400)
        out_of_use = {**answer(refusal=True, served="gpt-5-mini-2026-09-09"), "out_of_use": True}
        tell("llm.call.completed", 21, out_of_use)  # of a quarantined model: nothing is learnt of it
        for number in range(1, 5):
            tell("llm.call.completed", number, answer(latency_us=number * 100_000, retried=number == 1))
        for number, reason in enumerate(
            ("timeout", "deadline", "malformed", "server_error", "quota_exhausted"), 5
        ):
            tell("llm.call.failed", number, failure(reason))
        tell("llm.fallback.taken", 5, {"from": {"provider": "openai", "model_id": "gpt-5-mini"}, "to": {}})
        tell(
            "llm.call.completed", 5, answer(), role="fallback", provider="google", model_id="gemini-2.5-flash"
        )
        tell("llm.call.completed", 20, answer(refusal=True, served="gpt-5-mini-2026-01-01"))
        for number, verdict in ((1, "PASS"), (2, "FAIL"), (2, "PASS"), (3, "REVIEW"), (99, "FAIL")):
            tell(
                "critic.judged",
                number,
                {"verdict": verdict, "judged_call_id": f"call_{number}"},
                role="critic",
            )
    with LedgerReader(path) as reader:
        yield reader


def answer(
    *, latency_us: int = 1000, served: str = "gpt-5-mini", retried: bool = False, refusal: bool = False
) -> dict[str, Any]:
    """The body of an answer, as the road writes it."""
    attempt = {"number": 1, "reason": "ok", "status": 200, "latency_us": 1, "waited_ms": 0}
    return {
        "hop": 1,
        "request_hash": DIGEST,
        "answer_text_sha256": DIGEST,
        "served_model": served,
        "refusal": refusal,
        "usage": {"input": 10, "output": 20},
        "cost_eur": "0.000002000",
        "latency_us": latency_us,
        "attempts": [attempt] * (2 if retried else 1),
    }


def failure(reason: str) -> dict[str, Any]:
    """The body of a failed hop."""
    attempts = [{"number": 1, "reason": reason, "status": None, "latency_us": 1, "waited_ms": 0}]
    return {
        "hop": 1,
        "reason": reason,
        "cost_eur": "0.000000000",
        "cost_basis": "none",
        "attempts": attempts,
        "latency_us": 1,
    }


def known(ledger: LedgerReader, days: int = 30) -> Known:
    """What the ledger knows of the model by now."""
    since = NOW - timedelta(days=days)
    return known_of(ledger, KEY, since, beside_of(ledger, since))


def test_a_baseline_counts_the_hops_of_its_window(ledger: LedgerReader) -> None:
    """Counts, not rates; all of the same hops; a call that a critic failed once counts as failed."""
    found = known(ledger).baseline
    assert (found.calls, found.failed, found.timed_out, found.format_failed) == (10, 5, 2, 1)
    assert (found.retried, found.fallback_used, found.refused) == (1, 1, 1)
    assert (found.judged, found.critic_failed) == (3, 1)
    assert found.latency_p95_ms == pytest.approx(300, rel=0.02)
    assert (found.output_tokens_p1, found.output_tokens_p99) == (20, 20)
    assert found.cost_p95_nano_eur == pytest.approx(2000, rel=0.02)
    assert found.since is not None
    assert found.until is not None
    assert NOW - timedelta(days=11) < found.since < found.until < NOW


def test_names_and_samples_are_those_of_the_window(ledger: LedgerReader) -> None:
    """The model's own id is no snapshot, and one that answered long ago is none of today."""
    found = known(ledger)
    assert found.snapshots == ("gpt-5-mini-2026-01-01",)
    assert known(ledger, days=60).snapshots == ("gpt-5-mini-2024-01-01", "gpt-5-mini-2026-01-01")
    assert {(one.run_id, one.answer_sha256) for one in found.samples} == {(RUN, DIGEST)}
    assert len(found.samples) == 5 <= gathering.SAMPLES


def test_only_the_newest_hops_are_counted(ledger: LedgerReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as a detector needs; the window says which."""
    monkeypatch.setattr(gathering, "MOST_HOPS", 3)
    found = known(ledger).baseline
    assert (found.calls, found.failed, found.refused) == (3, 2, 1)


# -- which evidence


@pytest.fixture(scope="module")
def configs() -> Configs:
    """The demo's configs."""
    return load_configs(Workspace(demo_configs().parent), today=NOW.date())


def before(configs: Configs, kind: str) -> dict[LockKey, LockEntry]:
    """The entries of a lock of before."""
    return {one.key: one for one in entries_for(configs, kind)}


def made(configs: Configs, old: dict[LockKey, LockEntry], **wish: Any) -> Drafted:
    """The entries of a new lock."""
    return drafted(configs, old, {}, Wish("bea", NOW + timedelta(days=1), **wish))


def test_an_eval_is_taken_over_and_an_attestation_is_not(configs: Configs) -> None:
    """Whoever attested vouched then; a new lock wants it anew."""
    old = before(configs, "eval")
    assert {one.key: one.evidence for one in made(configs, old).entries} == {
        one.key: one.evidence for one in old.values()
    }
    again = made(configs, before(configs, "attested"))
    assert (again.entries, len(again.left)) == ((), len(old))
    vouched = made(configs, before(configs, "attested"), attest="looked again")
    assert {(one.evidence.by, one.evidence.reason) for one in vouched.entries} == {("bea", "looked again")}
    assert vouched.evidence == {"eval": 0, "attested": len(old)}


@pytest.mark.parametrize("change", ["price", "registry"])
def test_an_eval_ends_with_what_it_was_made_of(configs: Configs, change: str) -> None:
    """Another price or registry entry: the evidence is not taken over, and somebody must vouch."""
    old = before(configs, "eval")
    entry = old[KEY]
    if change == "price":
        old[KEY] = entry.model_copy(update={"price": entry.price.model_copy(update={"request_usd": 1})})
    else:
        old[KEY] = entry.model_copy(update={"registry_sha256": "f" * 64})
    assert [one.name for one in made(configs, old).left] == ["L2.primary openai:gpt-5-mini"]
    kinds = {one.key: one.evidence.kind for one in made(configs, old, attest="x").entries}
    assert kinds.pop(KEY) == "attested"
    assert set(kinds.values()) == {"eval"}


def test_slots_that_were_not_asked_for_stand_as_they_stood(configs: Configs) -> None:
    """Attested ones, too; what does not hold any more is left out and named."""
    old = before(configs, "attested")
    other = (Layer.L0, Role.PRIMARY, "openai", "gpt-5-nano")
    old[other] = old[other].model_copy(update={"registry_sha256": "f" * 64})
    found = made(configs, old, attest="x", slots=frozenset({(Layer.L2, Role.PRIMARY)}))
    assert [one.name for one in found.left] == ["L0.primary openai:gpt-5-nano"]
    entries = {one.key: one for one in found.entries}
    assert entries.pop(KEY).evidence == evidence_of("attested", NOW).model_copy(
        update={"by": "bea", "at": NOW + timedelta(days=1), "reason": "x"}
    )
    assert all(entries[key] == old[key] for key in entries)
    assert found.carried == set(entries)


def test_names_that_nobody_saw_stay_until_others_are_seen(configs: Configs) -> None:
    """Those of the old entry, and those that the operator says; an entry without any is told."""
    old = before(configs, "eval")
    old[KEY] = old[KEY].model_copy(update={"snapshots": ("gpt-5-mini-2025-08-07",)})
    said = (("openai", "gpt-5-mini", "gpt-5-mini-2026-01-01"),)
    found = made(configs, old, snapshots=said)
    entry = next(one for one in found.entries if one.key == KEY)
    assert entry.snapshots == ("gpt-5-mini-2025-08-07", "gpt-5-mini-2026-01-01")
    assert "openai:gpt-5-mini" not in found.unseen
    assert "openai:gpt-5-nano" in found.unseen


@pytest.mark.parametrize(
    ("seen", "marks", "answers"),
    [
        ({"fp_a": 120, "fp_b": 80}, ("fp_a", "fp_b"), 200),
        ({"fp_a": 199, "fp_b": 1}, ("fp_a", "fp_b"), 200),
        ({"fp_a": 190, "fp_b": 1, "fp_c": 1, "fp_d": 1}, (), 0),
        ({f"fp_{number}": 1 for number in range(50)}, (), 0),
        ({f"fp_{number}": 9 for number in range(65)}, (), 0),
        ({}, (), 0),
    ],
)
def test_a_set_of_fingerprints_is_learnt_where_it_is_all_there_is(
    seen: dict[str, int], marks: tuple[str, ...], answers: int
) -> None:
    """Values that come again are a set; those that come once tell of others, and nothing is learnt."""
    assert gathering.learnt(Counter(seen)) == (marks, answers)


def test_fingerprints_are_learnt_in_research_only(configs: Configs) -> None:
    """From shadow on a lock keeps those of before, and adds what the operator says."""
    known = {KEY: Known(fingerprints=("fp_new",), fingerprint_answers=300)}
    old = before(configs, "eval")
    old[KEY] = old[KEY].model_copy(update={"fingerprints": ("fp_old",), "fingerprint_answers": 200})

    def marks(old: dict[LockKey, LockEntry], **more: Any) -> tuple[tuple[str, ...], int]:
        wish = Wish("bea", NOW, attest="looked", **more)
        found = {one.key: one for one in drafted(configs, old, known, wish).entries}[KEY]
        return found.fingerprints, found.fingerprint_answers

    said = (("openai", "gpt-5-mini", "fp_said"), ("openai", "gpt-5", "fp_other"))
    assert marks(old) == (("fp_new",), 300)
    assert marks(old, learns=False) == (("fp_old",), 200)
    assert marks({}, learns=False) == ((), 0)
    assert marks(old, learns=False, fingerprints=said) == (("fp_old", "fp_said"), 200)


def check(**changes: Any) -> LedgerEvent:
    """A round of canaries on the ledger."""
    body = {
        "tier": "canary",
        "layer": "L2",
        "role": "primary",
        "provider": "openai",
        "model_id": "gpt-5-mini",
        **changes,
    }
    words = dict.fromkeys(("event_id", "ts", "kind", "actor", "body_sha256", "prev_hash", "hash"), "x")
    return LedgerEvent(seq=1, boot_us=1, run_id=RUN, body=body, **words)


def test_gold_cases_are_those_that_no_round_failed() -> None:
    """One failure ends it for a case; a model in another slot has its own; what is no digest is none.

    What a quarantined model was put makes none, and ends none.
    """
    first, second, third = ("1" * 64, "2" * 64, "3" * 64)
    found = checked_in(
        [
            check(gold=[first, second, "no digest", 7]),
            check(gold=[first, third], failures=[{"id": "b", "digest": second}, "spoilt"]),
            check(role="critic", gold=[second]),
            check(tier="two_sample", gold=[DIGEST]),
            check(gold=["4" * 64], failures=[{"id": "a", "digest": first}], out_of_use=True),
        ]
    )
    assert found.gold(KEY) == (first, third)
    assert found.gold((Layer.L2, Role.CRITIC, "openai", "gpt-5-mini")) == (second,)
    assert found.gold((Layer.L3, Role.PRIMARY, "openai", "gpt-5-mini")) == ()
    assert found.runs == {RUN}


def test_what_a_test_asked_is_no_sample(ledger: LedgerReader) -> None:
    """Gold cases asked again and again would stand for a model's work otherwise."""
    since = NOW - timedelta(days=30)
    beside = replace(beside_of(ledger, since), checked=Checked(frozenset({RUN}), {KEY: frozenset({DIGEST})}))
    found = known_of(ledger, KEY, since, beside)
    assert (found.samples, found.canaries) == ((), (DIGEST,))
