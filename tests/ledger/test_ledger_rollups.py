"""Figures: what is counted, that the open minute and the wider windows agree, and that nothing is lost."""

import sqlite3
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_desk import Desk
from ledger_events import completed, denied, event_id, failed, judged, note, requested

from peak_console.domain.events import EventDraft
from peak_console.ledger.verifying.verify import verify

WIDTHS = (60, 600, 3600, 86400, 0)


def fallback() -> EventDraft:
    """A fallback from openai to google."""
    body = {
        "from": {"provider": "openai", "model_id": "gpt-5"},
        "to": {"provider": "google", "model_id": "gemini-2.5-pro"},
        "reason": "timeout",
        "hop": 2,
    }
    return EventDraft(
        event_id(), "llm.fallback.taken", body, run_id="r1", call_id="c4", layer="L2", role="fallback"
    )


def test_an_answer_counts_with_tokens_cost_and_latency(desk: Desk) -> None:
    """One call in its cell, at once, in every width."""
    desk.write(requested(), completed(cost=50, latency_us=2000), note())
    with desk.reader() as reader:
        for width in WIDTHS:
            (row,) = reader.rollups(width)
            assert (row.layer, row.role, row.provider, row.model_id) == ("L2", "primary", "openai", "gpt-5")
            assert (row.calls, row.errors, row.fallbacks, row.refused) == (1, 0, 0, 0)
            assert (row.tokens_in, row.tokens_out, row.tokens_cached, row.tokens_reasoning) == (30, 20, 10, 5)
            assert (row.cost_nano_eur, row.latency_us, row.latency.count) == (50, 2000, 1)
            assert row.latency.quantile(0.5) == pytest.approx(2000, rel=0.01)


def test_failures_refusals_and_fallbacks_are_counted_apart(desk: Desk) -> None:
    """A hop that was sent is a call, one that never left is none; a refusal is neither; reasons are kept."""
    desk.write(failed(), failed("c2", reason="posture", sent=False))
    desk.write(requested("c4", hop=2), fallback())
    desk.write(requested("c3", bound=10**12))
    with desk.reader() as reader:
        rows = {row.provider: row for row in reader.totals()}
        reasons = {(row.names[4], row.names[5]): row.count for row in reader.errors(0)}
    assert (rows["openai"].calls, rows["openai"].errors, rows["openai"].refused) == (1, 2, 1)
    assert rows["openai"].latency.count == 0
    assert (rows["google"].calls, rows["google"].fallbacks) == (0, 1)
    assert reasons == {("failed", "timeout"): 1, ("failed", "posture"): 1, ("refused", "budget_exceeded"): 1}


@pytest.mark.parametrize(
    ("reasons", "calls"),
    [
        (["connect_error", "connect_error"], 0),
        (["connection_lost", "connect_error"], 1),
        (["connect_error", "timeout"], 1),
        ([], 0),
    ],
)
def test_a_hop_without_a_connection_is_an_error_and_no_call(
    desk: Desk, reasons: list[str], calls: int
) -> None:
    """A hop is a call when one of its attempts left; the recount of the figures agrees."""
    draft = failed("c1", reason=reasons[-1] if reasons else "posture")
    attempts = [{"number": number, "reason": reason} for number, reason in enumerate(reasons, 1)]
    desk.write(requested("c1"), replace(draft, body={**draft.body, "attempts": attempts}))
    with desk.reader() as reader:
        assert [(row.calls, row.errors) for row in reader.totals()] == [(calls, 1)]
    assert verify(desk.path).ok


def test_verdicts_and_denials_are_counted(desk: Desk) -> None:
    """By layer and verdict, by rule and place."""
    desk.write(
        judged("PASS"), judged("FAIL"), judged("FAIL"), judged("REVIEW", "L2"), denied(), denied(where="echo")
    )
    with desk.reader() as reader:
        verdicts = {row.names: row.count for row in reader.critic(3600)}
        denials = {row.names: row.count for row in reader.denials(0)}
    assert verdicts == {("L3", "PASS"): 1, ("L3", "FAIL"): 2, ("L2", "REVIEW"): 1}
    assert denials == {("forbidden_model", "client"): 1, ("forbidden_model", "echo"): 1}


def test_windows_hold_what_happened_in_them(desk: Desk) -> None:
    """Calls of three minutes stand in three minutes, one stretch of ten, one hour, one day."""
    for minute in range(3):
        desk.write(*(completed(f"c{minute}{number}") for number in range(minute + 1)))
        desk.clock.advance(60)
    with desk.reader() as reader:
        assert [row.calls for row in reader.rollups(60)] == [1, 2, 3]
        assert [row.calls for width in WIDTHS[1:] for row in reader.rollups(width)] == [6] * 4
        starts = [row.start for row in reader.rollups(60)]
        assert [row.calls for row in reader.rollups(60, since=starts[1])] == [2, 3]
        assert [row.calls for row in reader.rollups(60, since=starts[1], until=starts[2])] == [2]


def test_a_restart_goes_on_in_the_open_minute(desk: Desk) -> None:
    """What was open is neither lost nor counted twice."""
    desk.write(completed("c1"))
    desk.reopen()
    desk.write(completed("c2"))
    desk.clock.advance(60)
    desk.reopen()
    desk.write(completed("c3"))
    with desk.reader() as reader:
        assert [row.calls for row in reader.rollups(60)] == [2, 1]
        assert [row.calls for row in reader.totals()] == [3]
    assert verify(desk.path).ok


def test_a_clock_set_back_counts_nothing_twice(desk: Desk) -> None:
    """A minute that is open again adds to what it held."""
    for step in (0, 60, -60, 60, -3600, 7200):
        desk.clock.step_wall(step)
        desk.write(completed(f"c{step}{desk.writer.head[0]}"))
    with desk.reader() as reader:
        assert sum(row.calls for row in reader.rollups(60)) == 6
        assert [row.calls for row in reader.rollups(86400)] == [6]
        assert [row.calls for row in reader.totals()] == [6]
    assert verify(desk.path).ok


def test_a_minute_of_counts_alone_is_opened_again_as_a_further_part(desk: Desk) -> None:
    """A minute of denials or verdicts, without a call, opened again by a clock set back, counts once."""
    for step, draft in (
        (0, denied()),
        (60, completed("c1")),
        (-60, denied()),
        (60, judged()),
        (-60, judged()),
    ):
        desk.clock.step_wall(step)
        desk.write(draft)
        with desk.reader() as reader:
            sums = [
                (
                    sum(row.count for row in reader.denials(width)),
                    sum(row.count for row in reader.critic(width)),
                )
                for width in WIDTHS
            ]
        assert len(set(sums)) == 1, (draft.kind, sums)
    assert sums[0] == (2, 2)
    assert verify(desk.path).ok


def test_a_lost_callers_bound_gives_way_to_the_late_answer(desk: Desk) -> None:
    """Its cost and its call stand once, also when the answer comes after a restart."""
    desk.write(
        requested("c1", bound=500),
        failed("c1", reason="caller_lost", cost=500, basis="worst_case", sent=False),
    )
    with desk.reader() as reader:
        assert [(row.calls, row.errors, row.cost_nano_eur) for row in reader.totals()] == [(1, 1, 500)]
    desk.reopen()
    desk.write(completed("c1", cost=40))
    with desk.reader() as reader:
        assert [(row.calls, row.errors, row.cost_nano_eur) for row in reader.totals()] == [(1, 1, 40)]
    assert verify(desk.path).ok


def test_hops_that_were_sent_are_calls_however_they_ended(desk: Desk) -> None:
    """Answered, cut, cancelled in mid-call, its caller lost: five calls, three errors; the recount agrees."""
    desk.write(*(requested(f"c{number}", bound=500) for number in range(5)))
    streamed = {"streamed": True, "ttft_us": 100}
    at_bound: dict[str, Any] = {"cost": 500, "basis": "worst_case"}
    desk.write(completed("c0", body=streamed), completed("c1", body=streamed))
    desk.write(failed("c2", reason="stream_cut", **at_bound))
    desk.write(failed("c3", reason="cancelled", sent=False, **at_bound))
    desk.write(failed("c4", reason="caller_lost", sent=False, **at_bound))
    with desk.reader() as reader:
        assert [(row.calls, row.errors, row.latency.count) for row in reader.totals()] == [(5, 3, 2)]
    desk.clock.advance(61)
    desk.write(completed("c4", cost=40, body=streamed))
    with desk.reader() as reader:
        assert [(row.calls, row.errors, row.latency.count) for row in reader.totals()] == [(5, 3, 3)]
    assert verify(desk.path).ok


def test_figures_of_before_are_made_anew(desk: Desk) -> None:
    """A ledger whose figures left out hops of lost callers has the right ones once a node opens it."""
    desk.write(requested("c1", bound=500), completed("c0"))
    desk.clock.advance(61)
    desk.write(failed("c1", reason="caller_lost", cost=500, basis="worst_case", sent=False))
    desk.writer.close()
    with sqlite3.connect(desk.path) as db:
        db.execute("UPDATE rollup SET calls = 0 WHERE errors > 0")
        db.execute("DELETE FROM _sqlite_migrations WHERE name = '004_hops_that_left'")
        db.execute("PRAGMA user_version = 3")
    db.close()
    desk.open()
    with desk.reader() as reader:
        assert [(row.calls, row.errors) for row in reader.totals()] == [(2, 1)]
    assert verify(desk.path).ok


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("completed"), st.integers(0, 10**6)),
        st.tuples(st.just("failed"), st.integers(0, 3)),
        st.tuples(st.just("judged"), st.sampled_from(["PASS", "REVIEW", "FAIL"])),
        st.tuples(st.just("denied"), st.just(0)),
        st.tuples(st.just("advance"), st.integers(1, 5000)),
        st.tuples(st.just("step"), st.integers(-100_000, 100_000)),
        st.tuples(st.just("reopen"), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_every_width_is_the_fold_of_all_events(tmp_path_factory: Any, steps: list[tuple[str, Any]]) -> None:
    """Whatever happens, with clock steps either way and restarts between: sums agree, and verify does."""
    desk = Desk(tmp_path_factory.mktemp("fold") / "ledger.db").open()
    expected = {"calls": 0, "errors": 0, "cost": 0, "verdicts": 0, "denials": 0}
    for number, (step, value) in enumerate(steps):
        if step == "completed":
            desk.write(completed(f"c{number}", cost=value, model_id=f"m{value % 3}"))
            expected["calls"] += 1
            expected["cost"] += value
        elif step == "failed":
            desk.write(failed(f"c{number}", model_id=f"m{value}"))
            expected["calls"] += 1
            expected["errors"] += 1
        elif step == "judged":
            desk.write(judged(value))
            expected["verdicts"] += 1
        elif step == "denied":
            desk.write(denied())
            expected["denials"] += 1
        elif step == "advance":
            desk.clock.advance(value)
        elif step == "step":
            desk.clock.step_wall(value)
        else:
            desk.reopen()
    with desk.reader() as reader:
        for width in WIDTHS:
            rows = reader.rollups(width)
            assert sum(row.calls for row in rows) == expected["calls"]
            assert sum(row.errors for row in rows) == expected["errors"]
            assert sum(row.cost_nano_eur for row in rows) == expected["cost"]
            assert sum(row.latency.count for row in rows) == expected["calls"] - expected["errors"]
            assert sum(row.count for row in reader.critic(width)) == expected["verdicts"]
            assert sum(row.count for row in reader.denials(width)) == expected["denials"]
            assert sum(row.count for row in reader.errors(width)) == expected["errors"]
    desk.writer.close()
    assert verify(desk.path).ok, verify(desk.path)
