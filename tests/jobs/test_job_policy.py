"""What becomes of due times and of runs that were cut off: the job's policy, pure."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from peak_console.config.jobs import Job
from peak_console.domain.jobs import CatchUp, RunCause
from peak_console.jobs.due import Every
from peak_console.jobs.keys import definition_digest, event_id_of, jitter_us, parse_key, run_key
from peak_console.jobs.policy import (
    AGAIN_MOST,
    CATCH_UP_MOST,
    GRACE_US,
    Around,
    Begin,
    Missed,
    MissedWhy,
    Plan,
    plan,
    rewound,
    runs_again,
)

HOUR = 3_600_000_000
T0 = 500_000 * HOUR
"""A full hour in 2027."""


def job(**more: Any) -> Job:
    """A job that runs every hour."""
    fields = {"name": "beat", "kind": "two_sample", "schedule": "every 1h", "two_sample": {}, **more}
    return Job.model_validate(fields)


def planned(
    catch_up: str, hours: float, *, free: int = 0, held: MissedWhy | None = None, **more: Any
) -> Plan:
    """What becomes of ``hours`` since the cursor, of which the node served none."""
    now = T0 + round(hours * HOUR)
    around = Around(now, served_since_us=now, free_since_us=free, held_by=held)
    return plan(job(catch_up=catch_up, **more), Every(HOUR), T0, around)


def test_none_catches_up_with_nothing() -> None:
    """What was due while no node ran is told as missed, in one batch; the next is as if nothing were."""
    found = planned("none", 3.5)
    assert found.begin == ()
    assert found.missed == (Missed(3, T0 + HOUR, T0 + 3 * HOUR, MissedWhy.NODE_DOWN),)
    assert (found.cursor_us, found.wake_us) == (T0 + 3 * HOUR, T0 + 4 * HOUR)


def test_last_runs_the_last_and_all_runs_each() -> None:
    """Of three missed ones the last, or every one in its order; the others are missed."""
    found = planned("last", 3.5)
    assert found.begin == (Begin(T0 + 3 * HOUR, RunCause.CATCH_UP),)
    assert found.missed == (Missed(2, T0 + HOUR, T0 + 2 * HOUR, MissedWhy.NODE_DOWN),)
    found = planned("all", 3.5)
    assert [one.due_us for one in found.begin] == [T0 + HOUR, T0 + 2 * HOUR, T0 + 3 * HOUR]
    assert found.missed == ()


def test_last_needs_no_missed_run_where_one_is_on_time() -> None:
    """A fresh run says more than a late one."""
    found = planned("last", 3.0)
    assert found.begin == (Begin(T0 + 3 * HOUR, RunCause.DUE),)
    assert found.missed[0].count == 2


def test_all_has_a_limit() -> None:
    """The newest so many are run, those before them stay missed."""
    found = planned("all", 100.5)
    assert len(found.begin) == CATCH_UP_MOST
    assert found.begin[-1].due_us == T0 + 100 * HOUR
    assert found.missed == (Missed(76, T0 + HOUR, T0 + 76 * HOUR, MissedWhy.NODE_DOWN),)
    found = planned("all", 100.0)
    assert len(found.begin) == CATCH_UP_MOST + 1
    assert found.missed == (Missed(75, T0 + HOUR, T0 + 75 * HOUR, MissedWhy.NODE_DOWN),)


def test_a_run_within_its_grace_is_on_time_unless_it_was_held() -> None:
    """A node that restarts over a due time runs it; a stop that held it does not give it back."""
    late = 1 + (GRACE_US - 1) / HOUR
    assert planned("none", late).begin == (Begin(T0 + HOUR, RunCause.DUE),)
    assert planned("none", 1 + (GRACE_US + 1) / HOUR).begin == ()
    for why in (MissedWhy.STOPPED, MissedWhy.PAUSED):
        held = planned("none", late, free=T0 + HOUR, held=why)
        assert held.begin == ()
        assert [one.why for one in held.missed] == [why]
        caught = planned("last", late, free=T0 + HOUR, held=why)
        assert caught.begin == (Begin(T0 + HOUR, RunCause.CATCH_UP),)


def test_why_a_run_was_missed() -> None:
    """Before the node served; while it served and slept; more than one at the same moment."""
    around = Around(T0 + 4 * HOUR + 2 * GRACE_US, served_since_us=T0 + 2 * HOUR)
    found = plan(job(), Every(HOUR), T0, around)
    assert [(one.count, one.why) for one in found.missed] == [
        (2, MissedWhy.NODE_DOWN),
        (2, MissedWhy.LATE),
    ]
    around = Around(T0 + 3_000_000, served_since_us=T0 - HOUR)
    found = plan(job(schedule="every 1s"), Every(1_000_000), T0, around)
    assert [(one.count, one.why) for one in found.missed] == [(2, MissedWhy.TOO_MANY)]
    assert [one.due_us for one in found.begin] == [T0 + 3_000_000]


@given(
    st.sampled_from(list(CatchUp)),
    st.integers(0, 200 * HOUR),
    st.integers(0, 200 * HOUR),
    st.sampled_from([0, 1, 60, 3000]),
)
def test_every_due_time_is_dealt_with_once(catch_up: CatchUp, first: int, second: int, jitter_s: int) -> None:
    """However often and however late somebody looks: begun or missed, each once, none before its time."""
    one = job(catch_up=catch_up, jitter_s=jitter_s)
    cursor, begun, missed = T0, list[int](), 0
    looks = sorted((T0 + first, T0 + second, T0 + 201 * HOUR + HOUR - 1))
    for now in looks:
        found = plan(one, Every(HOUR), cursor, Around(now, served_since_us=T0))
        assert all(begin.due_us + jitter_us(one.name, begin.due_us, jitter_s) <= now for begin in found.begin)
        assert found.wake_us is not None
        assert found.wake_us > now
        begun += [begin.due_us for begin in found.begin]
        assert all(one.count == (one.last_us - one.first_us) // HOUR + 1 for one in found.missed)
        missed += sum(batch.count for batch in found.missed)
        cursor = found.cursor_us
    assert begun == sorted(set(begun))
    assert len(begun) + missed == (cursor - T0) // HOUR
    assert cursor >= T0 + 200 * HOUR


@given(st.integers(0, 10**16), st.integers(0, 3600))
def test_jitter_is_the_same_for_the_same_run(due: int, jitter_s: int) -> None:
    """Between nothing and its most; another run's is another."""
    first = jitter_us("beat", due, jitter_s)
    assert first == jitter_us("beat", due, jitter_s)
    assert 0 <= first <= jitter_s * 1_000_000


def test_jitter_spreads() -> None:
    """Many runs do not begin at the same moment."""
    assert len({jitter_us("beat", T0 + one * HOUR, 60) for one in range(100)}) > 95


def test_a_cut_off_run_is_begun_again_so_often() -> None:
    """By ``none`` never; by the others twice more."""
    assert not runs_again(CatchUp.NONE, 1)
    for catch_up in (CatchUp.LAST, CatchUp.ALL):
        assert [runs_again(catch_up, attempt) for attempt in range(1, AGAIN_MOST + 2)] == [True, True, False]


def test_a_clock_that_went_back_takes_the_cursor_along() -> None:
    """A cursor in the future would keep a job from running for as long as the clock was wrong."""
    assert rewound(T0 + HOUR, T0) == T0
    assert rewound(T0 - HOUR, T0) == T0 - HOUR


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_key_is_read_back(due: int) -> None:
    """A key names one job and one moment; nothing else reads as that key."""
    assert parse_key(run_key("a-job", due)) == ("a-job", due)


def test_what_is_no_key() -> None:
    """A text of the ledger is foreign: it is a key or it is nothing."""
    assert run_key("beat", T0) == "beat@2027-01-15T08:00:00Z"
    for text in (
        "",
        "beat",
        "beat@",
        "@2027-01-15T08:00:00Z",
        "beat@now",
        "beat@2027-01-15T08:00:00.000000Z",
    ):
        assert parse_key(text) is None, text


def test_a_definition_is_told_from_another_but_not_by_its_name() -> None:
    """A renamed job has the same digest, one that does something else has not."""
    first = job(budget={"max_cost_eur": Decimal("0.5")})
    assert definition_digest(first) == definition_digest(
        job(name="other", budget={"max_cost_eur": Decimal("0.5")})
    )
    assert definition_digest(first) != definition_digest(job(budget={"max_cost_eur": Decimal("0.4")}))
    assert definition_digest(first) != definition_digest(job(timezone="Europe/Berlin"))
    assert event_id_of("a", 1) == event_id_of("a", 1) != event_id_of("a", 2)
