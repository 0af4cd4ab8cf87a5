"""Model drift: who answers, how it behaves, what checks say; what is counted once, and what is learnt."""

import json
from random import Random
from typing import Any

import pytest
from drift_events import SLOT, SOUND, answer, entry, feed, known
from hypothesis import given
from hypothesis import strategies as st
from trigger_events import FAILED, JUDGED, failed, header

from peak_console.config.lock import Baseline
from peak_console.domain.drift import Signal
from peak_console.incidents.drifting import Drift, Known
from peak_console.incidents.drifting_state import begun_from, kept, told
from peak_console.incidents.drifting_words import Detection, alarm_of, body_of

FIGURES = str | int | bool | list | None  # type: ignore[type-arg]  # for isinstance


def state_of(drift: Drift, held: Known) -> str:
    """How the slot is told."""
    (one,) = [one for one in told(drift, held)["models"] if one["model_id"] == SLOT[3]]
    return str(one["state"])


def behaving(drift: Drift, held: Known, signal: Signal, *, times: int) -> list[Detection]:
    """Feed so many calls that all show a signal; gives what was detected."""
    for _ in range(times):
        if signal is Signal.CRITIC_FAIL:
            event, body = answer()
            verdict = {"judged_call_id": event.call_id, "verdict": "FAIL"}
            feed(drift, held, (event, body), (header(JUDGED, call_id="judge"), verdict))
        elif signal is Signal.FORMAT_FAIL:
            feed(drift, held, (header(FAILED), failed("malformed", then="stop")))
        elif signal is Signal.FALLBACK:
            feed(drift, held, (header(FAILED), failed("server_error", then="next")))
        elif signal is Signal.REFUSAL:
            feed(drift, held, answer(refusal=True))
        elif signal is Signal.LATENCY:
            feed(drift, held, answer(latency_us=1_500_000))
        else:
            feed(drift, held, answer(cost_eur="0.002000000"))
    return drift.detections()


# --- tier 0


@pytest.mark.parametrize("lock", [{}, {"snapshots": ("gpt-5-2026-01-01",)}])
def test_another_models_answer_is_detected_at_once(lock: dict[str, Any]) -> None:
    """Whatever the lock knows: each model once, with how often; other failures say nothing."""
    drift, held = Drift(), known(**lock)
    wrong = [(header(FAILED), failed("unexpected_echo", served_model="gpt-4")) for _ in range(3)]
    feed(drift, held, *wrong, (header(FAILED), failed("timeout")))
    (one,) = drift.detections()
    alarm, body = alarm_of(one), body_of(one, "inc_1")
    assert (alarm.scope, alarm.cause) == ("model:openai:gpt-5", "openai:gpt-5")
    assert (alarm.seen, alarm.acts) == (3, True)
    assert (body["tier"], body["signal"], body["served_model"]) == ("identity", "served_model", "gpt-4")
    assert drift.detections() == []
    feed(drift, held, (header(FAILED), failed("unexpected_echo", served_model="gpt-4")))
    (again,) = drift.detections()
    assert (again.new, again.times) == (False, 1), "it is counted, and recorded once"


def test_without_a_lock_another_model_is_one_too() -> None:
    """The registry alone says that gpt-4 is not gpt-5."""
    drift = Drift()
    feed(drift, Known(), (header(FAILED), failed("unexpected_echo", served_model="gpt-4")))
    (one,) = drift.detections()
    assert one.acts


def test_from_an_empty_set_nothing_is_taken_out_of_use() -> None:
    """A dated name of the model itself, where no dated name was known: told, without an act."""
    drift, held = Drift(), known()
    feed(drift, held, (header(FAILED), failed("unexpected_echo", served_model="gpt-5-2026-02-02")))
    (one,) = drift.detections()
    assert (one.acts, alarm_of(one).cause) == (False, "openai:gpt-5 served_model")
    known_names = known(snapshots=("gpt-5-2026-01-01",))
    other = Drift()
    feed(other, known_names, (header(FAILED), failed("unexpected_echo", served_model="gpt-5-2026-02-02")))
    assert other.detections()[0].acts


@pytest.mark.parametrize(
    ("marks", "answers", "detected", "state"),
    [
        (("fp_a", "fp_b"), 300, True, "drifted"),
        (("fp_a",), 99, False, "watch"),
        ((), 0, False, "ok"),
        (("fp_new",), 300, False, "ok"),
    ],
)
def test_a_fingerprint_outside_the_set_is_detected_at_once(
    *, marks: tuple[str, ...], answers: int, detected: bool, state: str
) -> None:
    """Against a set that rests on enough answers; else it is shown at most."""
    drift, held = Drift(), known(fingerprints=marks, fingerprint_answers=answers)
    feed(drift, held, answer(fingerprint="fp_new"))
    assert bool(drift.detections()) is detected
    assert state_of(drift, held) == state


def test_a_name_that_the_lock_does_not_know_is_detected_in_an_answer_that_passed() -> None:
    """In research the road lets it through: it is detected all the same, and kept for the next lock."""
    held, drift = known(snapshots=("gpt-5-2026-01-01",)), Drift()
    feed(drift, held, answer(served_model="gpt-5-2026-02-02"))
    (one,) = drift.detections()
    assert (one.acts, state_of(drift, held)) == (True, "drifted")
    assert drift.slots[SLOT].served == {"gpt-5-2026-02-02": 1}
    unlocked = Drift()
    feed(unlocked, Known(held.rules), answer(served_model="gpt-5-2026-02-02"))
    assert unlocked.detections() == [], "without a lock there is nothing to be held against"


def test_a_hostile_provider_fills_no_memory() -> None:
    """A new name with every answer: so many are counted, and each alarm is of one line."""
    drift, held = Drift(), known(fingerprints=("fp_a",), fingerprint_answers=300)
    for number in range(200):
        feed(drift, held, answer(fingerprint=f"fp\n{number}" + "x" * 500))
        for one in drift.detections():
            assert "\n" not in alarm_of(one).said().summary
    slot = drift.slots[SLOT]
    assert max(len(slot.fingerprints), len(slot.unexpected), len(slot.told)) <= 64


# --- tier 1

LIVE = [one for one in Signal if one.tier.value == "live"]


@pytest.mark.parametrize("signal", LIVE)
def test_a_stream_that_only_hits_alarms_once_and_rests(signal: Signal) -> None:
    """Nine of ten in a row at most; then silence until a release or a new lock."""
    drift, held = Drift(), known()
    found = behaving(drift, held, signal, times=10)
    (one,) = found
    assert (one.signal, one.new) == (signal, True)
    assert one.acts is (signal not in {Signal.FALLBACK, Signal.LATENCY, Signal.COST})
    assert all(isinstance(value, FIGURES) for value in body_of(one, None).values()), "no floats"
    assert behaving(drift, held, signal, times=50) == []
    assert state_of(drift, held) == "drifted"


def test_which_signals_act_is_configured() -> None:
    """Latency too, where an operator wants it; and nothing where the list is empty."""
    (one,) = behaving(Drift(), known(rules={"quarantine": (Signal.LATENCY,)}), Signal.LATENCY, times=10)
    assert one.acts
    (one,) = behaving(Drift(), known(rules={"quarantine": ()}), Signal.REFUSAL, times=10)
    assert not one.acts


def test_at_its_locked_rates_a_model_is_quiet() -> None:
    """3,000 calls at the baseline: no alarm."""
    drift, held, chance = Drift(), known(), Random(4)  # noqa: S311 - a simulation
    for _ in range(3000):
        feed(
            drift,
            held,
            answer(
                refusal=chance.random() < 0.05,
                latency_us=1_200_000 if chance.random() < 0.05 else 700_000,
            ),
        )
    assert drift.detections() == []


def test_what_lies_on_the_percentile_is_not_above_it() -> None:
    """Milliseconds were rounded and percentiles carry one per cent: equal calls are no drift."""
    drift, held = Drift(), known()
    for _ in range(100):
        feed(drift, held, answer(latency_us=1_000_499, cost_eur="0.001009999"))
    assert drift.detections() == []
    assert drift.slots[SLOT].streams[Signal.LATENCY].state.hits == 0


def test_without_a_baseline_nothing_is_tested() -> None:
    """An entry of which the ledger knew nothing is not tested, a model without a lock unknown."""
    for held, state in ((known(baseline=Baseline()), "not_tested"), (Known(), "unknown")):
        drift = Drift()
        assert behaving(drift, held, Signal.REFUSAL, times=50) == []
        assert drift.slots[SLOT].streams == {}
        assert state_of(drift, held) == state


def test_a_short_baseline_is_held_to_its_upper_bound() -> None:
    """5 of 100 may be 10 per cent in truth; 95 of 2,000 is what it is; none of 2,000 is not zero."""
    for hits, calls, usual in ((5, 100, 0.091), (95, 2000, 0.0475), (0, 2000, 0.00115)):
        drift = Drift()
        drift.hold_against(known(baseline=Baseline(calls=calls, refused=hits)))
        assert drift.slots[SLOT].streams[Signal.REFUSAL].state.p0 == pytest.approx(usual, rel=0.01)


def test_a_call_is_judged_once() -> None:
    """Two critics of one call are one observation, unless the later one alone fails it."""
    drift, held = Drift(), known()
    for verdicts in (("PASS", "PASS"), ("PASS", "FAIL"), ("FAIL", "FAIL")):
        event, body = answer()
        feed(drift, held, (event, body))
        for verdict in verdicts:
            told_by = {"judged_call_id": event.call_id, "verdict": verdict}
            feed(drift, held, (header(JUDGED, call_id="judge"), told_by))
    state = drift.slots[SLOT].streams[Signal.CRITIC_FAIL].state
    assert (state.seen, state.hits) == (4, 2)
    unanswered = {"judged_call_id": event.call_id, "verdict": "FAIL", "reason": "unanswered"}
    feed(drift, held, (header(JUDGED), unanswered), (header(JUDGED), {"verdict": "FAIL"}))
    assert drift.slots[SLOT].streams[Signal.CRITIC_FAIL].state.seen == 4


def test_suspicion_asks_once_a_day_and_model() -> None:
    """From the warn level on, and again after a day; the alarm itself is no suspicion."""
    drift, held = Drift(), known()
    for _ in range(4):
        feed(drift, held, answer(refusal=True))
    (one,) = drift.suspicions()
    assert one.params == {
        "layer": "L2",
        "role": "primary",
        "provider": "openai",
        "model_id": "gpt-5",
        "signal": "refusal",
    }
    assert drift.detections() == []
    event, body = answer()
    drift.take(event, body, 40_000 * 1_000_000, held)
    assert drift.suspicions() == []
    event, body = answer(refusal=True)
    drift.take(event, body, 100_000 * 1_000_000, held)
    assert len(drift.suspicions()) + len(drift.detections()) == 1


# --- tiers 2 and 3


def checked(tier: str, **body: Any) -> tuple[Any, dict[str, Any]]:
    """What a job recorded."""
    slot = dict(zip(("layer", "role", "provider", "model_id"), SLOT, strict=True))
    return header("drift.checked"), {"tier": tier, **slot, "ok": False, **body}


def test_one_bad_round_of_gold_cases_detects_at_once() -> None:
    """Five of fifteen are no chance at 2 per cent; two are a doubt; one is neither."""
    for failing, detected, doubted in ((5, 1, 0), (2, 0, 1), (1, 0, 0), (0, 0, 0)):
        drift, held = Drift(), known()
        failures = [{"id": f"case-{number}", "why": "other"} for number in range(failing)]
        feed(drift, held, checked("canary", cases=15, passed=15 - failing, failures=failures))
        assert (len(drift.detections()), len(drift.suspicions())) == (detected, doubted), failing


def test_small_losses_over_many_rounds_are_detected_too() -> None:
    """Two of fifteen again and again: none alone is enough."""
    drift, held, rounds = Drift(), known(), 0
    while not (found := drift.detections()):
        feed(drift, held, checked("canary", cases=15, passed=13))
        rounds += 1
        assert rounds < 12
    assert (found[0].signal, found[0].acts) == (Signal.CANARY, True)
    feed(drift, held, checked("canary", cases=15, passed=0))
    assert drift.detections() == [], "it rests"


@pytest.mark.parametrize(
    ("p_value", "detected"),
    [("0.0005", 1), ("0.01", 0), ("0.4", 0), ("", 0), ("nan", 0), ("-1", 0), (None, 0)],
)
def test_two_samples_are_held_against_alpha(p_value: str | None, detected: int) -> None:
    """Below it is drift, once; what is no chance at all is nothing."""
    drift, held = Drift(), known()
    feed(drift, held, checked("two_sample", p_value=p_value), checked("two_sample", p_value=p_value))
    stricter = Drift()
    feed(stricter, held, checked("two_sample", p_value=p_value, alpha="0.0001"))
    assert stricter.detections() == [], "the job says what is enough"
    assert len(drift.detections()) == detected
    feed(drift, held, checked("two_sample", p_value=p_value))
    assert drift.detections() == []


@pytest.mark.parametrize(
    "body",
    [
        {"cases": 5, "passed": 6},
        {"cases": 0, "passed": 0},
        {"cases": True, "passed": True},
        {"cases": "5", "passed": "1"},
        {"cases": 10**9, "passed": 0},
        {},
        {"cases": 5, "passed": 1, "provider": None},
        {"cases": 5, "passed": 1, "tier": "other"},
        {"cases": 5, "passed": -1},
    ],
)
def test_a_check_that_does_not_say_enough_changes_nothing(body: dict[str, Any]) -> None:
    """Counts that are none, no model, no tier."""
    drift, held = Drift(), known()
    event, whole = checked("canary")
    feed(drift, held, (event, {**whole, **body}))
    assert (drift.detections(), drift.suspicions(), drift.checks) == ([], [], {})


def test_a_round_that_was_partly_unanswered_holds_nothing_and_counts_what_was_answered() -> None:
    """Its evidence is that of the answered cases alone; whoever is told sees that it is incomplete."""
    drift, held = Drift(), known()
    feed(drift, held, checked("canary", cases=4, passed=4, asked=15, unanswered=11, ok=True))
    again = begun_from(json.loads(json.dumps(kept(drift))), drift.seq)
    for one in (drift, again):
        (check,) = one.checks.values()
        assert (check.ok, check.incomplete, check.cases, check.unanswered) == (False, True, 4, 11)
        assert one.slots[SLOT].canary.state.seen == 4


# --- released, locked anew, restarted


def test_a_release_and_a_new_lock_begin_the_tests_again() -> None:
    """Both end the rest; the same lock does not."""
    drift, held = Drift(), known()
    assert behaving(drift, held, Signal.REFUSAL, times=20)
    drift.hold_against(held)
    assert behaving(drift, held, Signal.REFUSAL, times=20) == []
    feed(drift, held, (header("model.released"), {"provider": "openai", "model_id": "gpt-5"}))
    assert state_of(drift, held) == "unknown", "nothing was seen since"
    assert behaving(drift, held, Signal.REFUSAL, times=20)
    anew = Known(held.rules, "lock-2", {SLOT: entry()})
    assert behaving(drift, anew, Signal.REFUSAL, times=20)
    gone = Known(held.rules, "", {})
    drift.hold_against(gone)
    assert drift.lock == "lock-2", "without a lock the tests stand as they stood"


def test_what_is_on_record_is_not_detected_again() -> None:
    """A node that died after the record finds it behind the event, and tells nothing twice."""
    first, held = Drift(), known()
    events = [answer(refusal=True) for _ in range(10)]
    feed(first, held, *events)
    (one,) = first.detections()
    record = (header("drift.detected"), body_of(one, "inc_1"))
    again = Drift()
    feed(again, held, *events, record)
    assert again.detections() == []
    assert behaving(again, held, Signal.REFUSAL, times=10) == []
    assert [one.model for one in again.to_act_on(())] == ["openai:gpt-5"]
    assert again.to_act_on(("openai:gpt-5",)) == []
    unrecorded = Drift()
    feed(unrecorded, held, *events)
    assert len(unrecorded.detections()) == 1, "what is not on record is"


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(0, 60))
def test_a_restart_counts_nothing_twice_and_leaves_nothing_out(kinds: list[int], cut: int) -> None:
    """Kept at any place and begun again over events that overlap: the same state as without."""
    held = known(fingerprints=("fp_a",), fingerprint_answers=300)
    events: list[Any] = []
    for kind in kinds:
        event, body = answer(refusal=kind == 1, fingerprint="fp_b" if kind == 2 else "fp_a")
        if kind == 3:
            event, body = checked("canary", cases=15, passed=14)
        elif kind == 4:
            event, body = header(FAILED), failed("malformed", then="next")
        elif kind == 5 and events:
            event, body = header(JUDGED), {"judged_call_id": events[-1][0].call_id, "verdict": "FAIL"}
        events.append((event, body))
    whole, before = Drift(), Drift()
    feed(whole, held, *events)
    feed(before, held, *events[:cut])
    text = json.dumps(kept(before))
    after = begun_from(json.loads(text), before.seq)
    for event, _ in events[:cut]:
        after.remember(event)
    feed(after, held, *events[max(0, cut - 7) :])
    assert kept(after) == kept(whole)
    assert told(after, held) == told(whole, held)


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"format": 2},
        {"format": 1, "lock": "x", "slots": [{}], "checks": [], "asked_us": {}},
        {"format": 1, "lock": "x", "slots": 5, "checks": [], "asked_us": {}},
        {"format": 1, "lock": "x", "slots": [], "checks": [{"slot": [1]}], "asked_us": {}},
        {"format": 1, "lock": "x", "slots": [], "checks": [], "asked_us": []},
    ],
)
def test_a_state_that_is_none_is_refused(state: object) -> None:
    """The tests begin anew instead of going on with nonsense."""
    with pytest.raises(ValueError, match=r"."):
        begun_from(state, 5)
    with pytest.raises(ValueError, match="format"):
        begun_from(kept(Drift()), -1)


def test_a_baseline_is_all_that_a_stream_needs() -> None:
    """Each signal has its own counts: what was never judged has no stream of verdicts."""
    drift = Drift()
    drift.hold_against(known(baseline=SOUND.model_copy(update={"judged": 0, "critic_failed": 0})))
    assert set(drift.slots[SLOT].streams) == set(LIVE) - {Signal.CRITIC_FAIL}
