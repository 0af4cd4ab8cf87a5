"""A model's breaker: each rule of its opening, its probe and its end."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from peak_console.domain.calls import CallReason
from peak_console.policy.breaker import (
    BUCKETS,
    COUNTED,
    LATCHED_UNTIL_US,
    PROBE_PATIENCE_US,
    SECOND_US,
    TOLD_LIMIT_US,
    Breaker,
    BreakerRules,
    BreakerState,
    Bucket,
    admit,
    answered,
    failed,
    freed,
    heard,
    sent,
)

RULES = BreakerRules(
    failures=3, window_us=60 * SECOND_US, open_us=60 * SECOND_US, longest_open_us=200 * SECOND_US
)
START = 1_800_000_000 * SECOND_US


def at(seconds: float) -> int:
    """``seconds`` after the start."""
    return START + round(seconds * SECOND_US)


def opened(seconds: float = 0, *, told_s: int = 0) -> Breaker:
    """A breaker that three failures opened at ``seconds``."""
    reasons = ["server_error"] * 3
    return failed(Breaker(), "c1|1", reasons, RULES, at(seconds), told_us=told_s * SECOND_US)


def probing(seconds: float = 60) -> Breaker:
    """A breaker opened at the start whose probe ``p|1`` is under way."""
    return sent(opened(), "p|1", at(seconds))


def test_the_failure_that_makes_them_enough_opens_it() -> None:
    """One less than the limit lets calls pass; the next refuses them, for as long as the rules say."""
    breaker = Breaker()
    for second in (0, 1):
        breaker = failed(breaker, "c|1", ["timeout"], RULES, at(second))
        assert breaker.state is BreakerState.CLOSED
        assert admit(breaker, at(second)) is None
    breaker = failed(breaker, "c|1", ["overloaded"], RULES, at(2))
    assert (breaker.state, breaker.reason, breaker.trips) == (BreakerState.OPEN, "overloaded", 1)
    assert (breaker.opened_us, breaker.until_us, breaker.changed_us) == (at(2), at(62), at(2))
    wait = admit(breaker, at(3))
    assert wait is not None
    assert (wait.until_us, wait.retry_after_us) == (at(62), 59 * SECOND_US)


def test_every_attempt_of_a_hop_counts() -> None:
    """Retries within one hop are failures like any other."""
    assert failed(Breaker(), "c|1", ["timeout", "server_error"], RULES, at(0)).state is BreakerState.CLOSED
    assert failed(Breaker(), "c|1", ["timeout"] * 3, RULES, at(0)).state is BreakerState.OPEN


def test_failures_older_than_the_window_do_not_count() -> None:
    """A failure counts until the window has passed, to the microsecond."""
    two = failed(Breaker(), "c|1", ["timeout"] * 2, RULES, at(0))
    assert failed(two, "c|1", ["timeout"], RULES, at(60) - 1).state is BreakerState.OPEN
    later = failed(two, "c|1", ["timeout"], RULES, at(60))
    assert (later.state, later.failures) == (BreakerState.CLOSED, (at(60),))
    assert later.recent == (Bucket(at(60), 1, 1),)


def test_failures_of_a_time_to_come_do_not_count() -> None:
    """After a clock was set back, what was dated ahead of it opens nothing."""
    two = failed(Breaker(), "c|1", ["timeout"] * 2, RULES, at(500))
    assert failed(two, "c|1", ["timeout"], RULES, at(0)).state is BreakerState.CLOSED


def test_an_answer_forgets_the_failures_before_it() -> None:
    """A row ends with an answer; where answers are most of the attempts, the model is not left alone."""
    three = Breaker()
    for number in range(3):
        three = answered(three, f"a{number}|1", RULES, at(0))
    two = failed(three, "c|1", ["timeout"] * 2, RULES, at(0))
    after = answered(two, "c|2", RULES, at(1))
    assert after.failures == ()
    assert failed(after, "c|3", ["timeout"], RULES, at(2)).state is BreakerState.CLOSED
    assert heard(two, "c|2", at(1)) == replace(two, failures=())
    untouched = Breaker()
    assert heard(untouched, "c|1", at(0)) is untouched


@pytest.mark.parametrize("reason", sorted(set(CallReason) - COUNTED))
def test_what_says_nothing_of_the_model_does_not_count(reason: CallReason) -> None:
    """A refused request, a stop, a full budget or a cancelled caller never open a breaker."""
    assert failed(Breaker(), "c|1", [reason.value] * 9, RULES, at(0)) == Breaker()


def test_the_reasons_that_count_are_those_of_the_design() -> None:
    """Connection, time, server, overload, rate, form, key, permission and model; a conflict is none."""
    assert set(COUNTED) == {
        "connect_error", "timeout", "connection_lost", "stream_cut", "server_error", "overloaded",
        "rate_limited", "malformed", "authentication", "permission", "model_not_found", "unexpected_echo",
    }  # fmt: skip


def test_a_told_wait_is_kept_to() -> None:
    """An opening lasts at least as long as the provider asks, never shorter than the rules, at most a day."""
    assert opened(told_s=300).until_us == at(300)
    assert opened(told_s=5).until_us == at(60)
    assert opened(told_s=10**9).until_us == START + TOLD_LIMIT_US
    assert opened(told_s=-5).until_us == at(60)


def test_a_told_wait_is_kept_to_by_a_failed_probe_too() -> None:
    """The doubled time is the least, not the most."""
    after = failed(probing(), "p|1", ["rate_limited"], RULES, at(61), told_us=500 * SECOND_US)
    assert after.until_us == at(561)


def test_calls_under_way_at_the_opening_lengthen_it_only_by_what_they_are_told() -> None:
    """Their failures are no further trips, their answers no reset: they were sent before."""
    breaker = opened()
    later = failed(breaker, "c2|1", ["server_error"] * 3, RULES, at(5))
    assert later == breaker
    told = failed(breaker, "c2|1", ["rate_limited"], RULES, at(5), told_us=100 * SECOND_US)
    assert (told.until_us, told.trips) == (at(105), 1)
    assert failed(breaker, "c2|1", ["rate_limited"], RULES, at(5), told_us=10 * SECOND_US) == breaker
    assert answered(breaker, "c2|1", RULES, at(5)) == breaker
    assert failed(breaker, "c2|1", ["cancelled"], RULES, at(5), told_us=100 * SECOND_US) == breaker


def test_exactly_one_probe_passes_when_the_time_is_over() -> None:
    """To the microsecond; whoever comes beside it waits and asks again."""
    breaker = opened()
    assert admit(breaker, at(60) - 1) is not None
    assert sent(breaker, "p|1", at(60) - 1) == breaker
    assert admit(breaker, at(60)) is None
    breaker = sent(breaker, "p|1", at(60))
    assert (breaker.state, breaker.probe, breaker.changed_us) == (BreakerState.HALF_OPEN, "p|1", at(60))
    wait = admit(breaker, at(61))
    assert wait is not None
    assert wait.until_us == at(61) + PROBE_PATIENCE_US
    assert sent(breaker, "q|1", at(61)) == breaker


def test_the_probes_answer_closes_it() -> None:
    """As if nothing had been; only the number of trips and the last reason stay."""
    breaker = answered(probing(), "p|1", RULES, at(62))
    assert breaker == Breaker(reason="server_error", opened_us=at(0), trips=1, changed_us=at(62))
    assert admit(breaker, at(62)) is None


def test_another_calls_answer_does_not_close_it() -> None:
    """A call that was sent before the opening says nothing of the model now."""
    assert answered(probing(), "c9|1", RULES, at(62)) == probing()
    assert failed(probing(), "c9|1", ["timeout"] * 9, RULES, at(62)) == probing()


def test_each_failed_probe_doubles_the_time_up_to_the_longest() -> None:
    """60 s, 120 s, then 200 s and no more; a reset begins at 60 s again."""
    breaker, now, spans = opened(), 0.0, []
    for _ in range(4):
        spans.append((breaker.until_us - at(now)) // SECOND_US)
        now += spans[-1]
        breaker = failed(sent(breaker, "p|1", at(now)), "p|1", ["timeout"], RULES, at(now))
    assert spans == [60, 120, 200, 200]
    assert breaker.trips == 5
    breaker = answered(sent(breaker, "p|1", at(now + 200)), "p|1", RULES, at(now + 200))
    again = failed(breaker, "c|1", ["timeout"] * 3, RULES, at(now + 201))
    assert again.until_us - at(now + 201) == 60 * SECOND_US


def test_a_probes_failure_counts_by_itself() -> None:
    """One failed attempt of the probe is enough."""
    after = failed(probing(), "p|1", ["timeout"], RULES, at(61))
    assert (after.state, after.reason, after.probe) == (BreakerState.OPEN, "timeout", "")


@pytest.mark.parametrize("reasons", [[], ["cancelled"], ["caller_lost"], ["bad_request"]])
def test_a_probe_that_says_nothing_frees_its_place(reasons: list[str]) -> None:
    """A lost or cancelled probe neither closes nor opens: the next call is the probe."""
    after = failed(probing(), "p|1", reasons, RULES, at(61))
    assert (after.state, after.probe, after.trips) == (BreakerState.HALF_OPEN, "", 1)
    assert after == freed(probing(), "p|1")
    assert admit(after, at(61)) is None
    following = sent(after, "q|1", at(62))
    assert (following.probe, following.changed_us) == ("q|1", at(60))
    assert freed(probing(), "other|1") == probing()
    assert freed(opened(), "") == opened()


def test_a_clock_set_back_does_not_leave_a_model_alone_for_ever() -> None:
    """Before its own opening a breaker lets a probe pass: one call is the price, not a year without any."""
    breaker = opened(10**6)
    assert admit(breaker, at(0)) is None
    assert not breaker.holds(at(0))
    assert sent(breaker, "p|1", at(0)).probe == "p|1"


def mixed(breaker: Breaker, attempts: str, *, every_s: float = 0.1) -> Breaker:
    """``breaker`` after attempts in time, ``x`` failed and ``.`` answered, one hop each."""
    for number, one in enumerate(attempts):
        now = at(number * every_s)
        hop = f"h{number}|1"
        breaker = (
            failed(breaker, hop, ["server_error"], RULES, now)
            if one == "x"
            else answered(breaker, hop, RULES, now)
        )
    return breaker


def test_failures_that_are_most_of_the_attempts_open_it_though_never_in_a_row() -> None:
    """Two of three failing is a model out of order, however the answers lie between."""
    assert mixed(Breaker(), "xx.xx.").trips == 1
    rules = replace(RULES, failures=5)
    breaker = Breaker()
    for number in range(200):
        if breaker.state is BreakerState.OPEN:
            break
        now = at(number * 0.1)
        breaker = (
            answered(breaker, f"h{number}|1", rules, now)
            if number % 5 == 4
            else failed(breaker, f"h{number}|1", ["timeout"], rules, now)
        )
    assert (breaker.state, number) == (BreakerState.OPEN, 6)


def test_failures_that_are_few_of_the_attempts_open_nothing() -> None:
    """One in three, for as long as one likes: the share counts, not the number."""
    breaker = mixed(Breaker(), "..x" * 300)
    assert breaker.state is BreakerState.CLOSED
    assert sum(one.failed for one in breaker.recent) > RULES.failures


def test_the_share_is_reached_exactly() -> None:
    """Half is enough at fifty per cent; a little less is not."""
    rules = replace(RULES, failure_pct=Decimal(50))
    three = [Bucket(at(0), 5, 2)]
    assert failed(Breaker(recent=tuple(three)), "c|1", ["timeout"], rules, at(1)).trips == 1
    assert failed(Breaker(recent=(Bucket(at(0), 6, 2),)), "c|1", ["timeout"], rules, at(1)).trips == 0
    strict = replace(RULES, failure_pct=Decimal("50.1"))
    assert failed(Breaker(recent=tuple(three)), "c|1", ["timeout"], strict, at(1)).trips == 0


def test_attempts_of_a_hop_that_succeeds_count() -> None:
    """Each of its failures, then the answer: it ends the row, and is one attempt of the share."""
    after = answered(Breaker(), "c|1", RULES, at(0), failures=["timeout", "server_error", "cancelled"])
    assert (after.state, after.failures, after.reason) == (BreakerState.CLOSED, (), "server_error")
    assert after.recent == (Bucket(at(0), 3, 2),)
    assert answered(after, "c|2", RULES, at(1), failures=["timeout"]).trips == 1
    row = answered(Breaker(), "c|1", RULES, at(0), failures=["timeout"] * 3)
    assert (row.state, row.until_us) == (BreakerState.OPEN, at(60))


def test_attempts_are_kept_in_a_fixed_number_of_buckets() -> None:
    """However many they are, and also when the window is edited while they come."""
    breaker = Breaker()
    for number in range(3000):
        rules = replace(RULES, window_us=(60 if number < 2000 else 3) * SECOND_US)
        breaker = answered(breaker, "c|1", rules, at(number * 0.05))
        assert len(breaker.recent) <= BUCKETS + 1
    assert all(at(2999 * 0.05) - one.start_us < 3 * SECOND_US for one in breaker.recent)


class Machine(RuleBasedStateMachine):
    """Calls come and go in any order, with any ends, beside a plain account of what the rules promise."""

    @initialize()
    def begin(self) -> None:
        """A new model."""
        self.breaker = Breaker()
        self.now = START
        self.under_way: set[str] = set()
        self.number = 0
        self.row = 0
        self.attempts: list[tuple[int, bool]] = []

    @rule(seconds=st.integers(0, 150))
    def time_passes(self, seconds: int) -> None:
        """Time only goes on here; a clock set back has its own test."""
        self.now += seconds * SECOND_US

    @rule()
    def a_call_comes(self) -> None:
        """It passes exactly when it may; beside a probe nothing does."""
        wait = admit(self.breaker, self.now)
        before = self.breaker
        if wait is not None:
            assert wait.until_us > self.now
            assert wait.until_us - self.now == wait.retry_after_us
            assert before.state is not BreakerState.CLOSED
            return
        self.number += 1
        name = f"c{self.number}|1"
        self.breaker = sent(before, name, self.now)
        self.under_way.add(name)
        if before.state is not BreakerState.CLOSED:
            assert self.breaker.probe == name
            assert admit(self.breaker, self.now) is not None

    @rule(
        data=st.data(),
        reasons=st.lists(st.sampled_from(["timeout", "rate_limited", "cancelled"]), max_size=4),
    )
    def a_call_fails(self, data: st.DataObject, reasons: list[str]) -> None:
        """It trips a closed breaker only with enough counted failures since the last answer."""
        if not self.under_way:
            return
        name = data.draw(st.sampled_from(sorted(self.under_way)))
        self.under_way.discard(name)
        before = self.breaker
        self.breaker = failed(before, name, reasons, RULES, self.now)
        counted = sum(reason != "cancelled" for reason in reasons)
        if before.state is BreakerState.CLOSED:
            self.row += counted
            self.attempts += [(self.now, False)] * counted
            self._judge(before, counted)
        elif self.breaker.trips > before.trips:
            assert before.probe == name
            assert counted

    @rule(data=st.data(), failures=st.integers(0, 2))
    def a_call_is_answered(self, data: st.DataObject, failures: int) -> None:
        """An answer by itself never opens, its failed attempts may; a probe's always closes."""
        if not self.under_way:
            return
        name = data.draw(st.sampled_from(sorted(self.under_way)))
        self.under_way.discard(name)
        before = self.breaker
        self.breaker = answered(before, name, RULES, self.now, failures=["timeout"] * failures)
        if before.state is BreakerState.CLOSED:
            self.row += failures
            self.attempts += [(self.now, False)] * failures
            self._judge(before, failures)
            self.row = 0
            if self.breaker.state is BreakerState.CLOSED:
                self.attempts.append((self.now, True))
            return
        assert self.breaker.trips == before.trips
        if before.probe == name:
            assert self.breaker == replace(self.breaker, state=BreakerState.CLOSED, failures=(), recent=())

    def _judge(self, before: Breaker, counted: int) -> None:
        """Whether failures of now opened it is what a list of all attempts says, to one bucket."""
        tripped = self.breaker.trips > before.trips
        width_us = RULES.window_us // BUCKETS
        edges = {self.now - RULES.window_us, self.now - RULES.window_us + width_us}
        edges |= {at_us for at_us, _ in self.attempts if min(edges) < at_us <= max(edges)}
        verdicts = {self._too_many(edge) for edge in edges}
        if tripped:
            assert counted
            assert self.row >= RULES.failures or True in verdicts
            self.row, self.attempts = 0, []
        elif counted:
            assert False in verdicts

    def _too_many(self, after_us: int) -> bool:
        inside = [answer for at_us, answer in self.attempts if at_us > after_us]
        failures = inside.count(False)
        return failures >= RULES.failures and failures * 100 >= RULES.failure_pct * len(inside)

    @invariant()
    def it_is_whole(self) -> None:
        """One probe at most, and only of a half-open one; a time only while it is not closed; no hoarding."""
        one = getattr(self, "breaker", Breaker())
        assert not one.probe or (one.state is BreakerState.HALF_OPEN and one.probe in self.under_way)
        assert (one.until_us == 0) == (one.state is BreakerState.CLOSED)
        assert len(one.failures) < RULES.failures
        assert len(one.recent) <= BUCKETS + 1
        assert not one.recent or one.state is BreakerState.CLOSED
        assert all(0 <= bucket.failed <= bucket.attempts for bucket in one.recent)
        assert one.until_us - one.opened_us <= RULES.longest_open_us
        assert replace(one) == one


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_the_figures_without_a_config() -> None:
    """Five in a minute or half of the attempts; a minute, at most a quarter of an hour; told, a day."""
    minute = 60_000_000
    assert BreakerRules() == BreakerRules(5, minute, Decimal(50), minute, 15 * minute)
    assert (1_000_000, 1_000_000, 1440 * minute, 12) == (SECOND_US, PROBE_PATIENCE_US, TOLD_LIMIT_US, BUCKETS)
    assert round(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) * 1_000_000 == LATCHED_UNTIL_US
    assert Breaker() == Breaker(BreakerState.CLOSED, (), "", 0, 0, 0, 0, 0, "", ())


@pytest.mark.parametrize(
    ("moments", "opens"),
    [
        ((1, 2, 3), True),
        ((1, 1, 1), True),
        ((1, 60, 60.999999), True),
        ((1, 60, 61), False),
        ((1, 200, 201), False),
        ((61, 2, 3), False),
        ((3.000001, 2, 3), False),
        ((3, 2, 3), False),
    ],
)
def test_a_row_opens_it_where_answers_were_most_of_the_attempts(
    moments: tuple[float, ...],
    opens: bool,  # noqa: FBT001 - a table
) -> None:
    """All of the row within the window and none dated ahead: the share of the attempts is far below."""
    breaker = Breaker()
    for second in moments:
        crowded = replace(breaker, recent=(Bucket(at(second), 400, 0),))
        breaker = failed(crowded, "c|1", ["timeout"], RULES, at(second))
    assert (breaker.state is BreakerState.OPEN) == opens
    if opens:
        assert breaker.until_us == at(moments[-1] + 60)


def test_more_failures_than_needed_open_it_too_and_the_last_is_told() -> None:
    """A hop may bring several at once."""
    crowded = Breaker(recent=(Bucket(at(0), 400, 0),))
    after = failed(crowded, "c|1", ["timeout", "timeout", "timeout", "overloaded"], RULES, at(0))
    assert (after.state, after.reason) == (BreakerState.OPEN, "overloaded")
    probed = failed(probing(), "p|1", ["timeout", "rate_limited"], RULES, at(60))
    assert (probed.reason, probed.until_us) == ("rate_limited", at(180))
    assert freed(probing(), "z|1") == probing()
    assert admit(opened(), at(0)) is not None, "from the very moment of its opening"


def test_a_part_of_the_window_is_a_twelfth_of_it() -> None:
    """Five seconds of a minute: what comes later begins another; the oldest that leave the window go."""
    breaker = Breaker()
    for second in (0, 4.999999, 5, 9.999999, 30):
        breaker = answered(breaker, "a|1", RULES, at(second))
    assert breaker.recent == (Bucket(at(0), 2, 0), Bucket(at(5), 2, 0), Bucket(at(30), 1, 0))
    breaker = answered(breaker, "a|1", RULES, at(60))
    assert [one.start_us for one in breaker.recent] == [at(5), at(30), at(60)]
    many = tuple(Bucket(at(0) + number, 1, 0) for number in range(20))
    kept = answered(replace(breaker, recent=many), "a|1", RULES, at(0) + 19).recent
    assert kept == (*many[7:19], Bucket(at(0) + 19, 2, 0))
    ahead = Breaker(recent=(Bucket(at(0) + 1, 9, 9),))
    assert answered(ahead, "a|1", RULES, at(0)).recent == (Bucket(at(0), 1, 0),)
