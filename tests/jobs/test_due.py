"""When jobs are due: cron, daily and every, over changes of summer time, against plain oracles."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.config.jobs import Job
from peak_console.domain.clock import from_unix_us, unix_us
from peak_console.domain.errors import ConfigInvalid
from peak_console.jobs.due import COUNT_LIMIT, dues_between, parse_schedule, schedule_of

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
SECOND = 1_000_000


def at(text: str) -> int:
    """A UTC time in microseconds."""
    return unix_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


def dues(schedule: str, zone: str, begin: str, count: int) -> list[str]:
    """The next due times in UTC, to the minute."""
    found, moment = [], at(begin)
    for _ in range(count):
        due = parse_schedule(schedule, zone).after(moment)
        assert due is not None
        moment = due
        found.append(from_unix_us(moment).strftime("%m-%d %H:%M"))
    return found


@pytest.mark.parametrize("line", ["daily 02:30", "30 2 * * *"])
def test_a_local_time_that_does_not_exist_is_the_gaps_end(line: str) -> None:
    """In spring the run is at the first moment after the gap, once, and the next day at its time again."""
    assert dues(line, BERLIN, "2026-03-28 00:00", 3) == ["03-28 01:30", "03-29 01:00", "03-30 00:30"]
    assert dues(line, NEW_YORK, "2026-03-07 00:00", 3) == ["03-07 07:30", "03-08 07:00", "03-09 06:30"]


@pytest.mark.parametrize("line", ["daily {}:30", "30 {} * * *"])
def test_a_local_time_that_exists_twice_is_taken_once(line: str) -> None:
    """In autumn the run is at the first of the two, and not again at the second."""
    berlin, york = line.format("02"), line.format("01")
    assert dues(berlin, BERLIN, "2026-10-24 00:00", 3) == ["10-24 00:30", "10-25 00:30", "10-26 01:30"]
    assert dues(york, NEW_YORK, "2026-10-31 00:00", 3) == ["10-31 05:30", "11-01 05:30", "11-02 06:30"]
    assert dues(berlin, BERLIN, "2026-10-25 01:10", 1) == ["10-26 01:30"]  # asked within the second


def test_an_hour_given_by_a_star_goes_with_the_sun() -> None:
    """Every half hour stays every half hour, in the hour that exists twice and over the one that does not."""
    for zone, begin in (
        (BERLIN, "2026-10-24 22:00"),
        (BERLIN, "2026-03-28 22:00"),
        (NEW_YORK, "2026-11-01 04:00"),
    ):
        found = []
        moment = at(begin)
        for _ in range(12):
            due = parse_schedule("*/30 * * * *", zone).after(moment)
            assert due is not None
            found.append(due)
            moment = due
        assert {later - earlier for earlier, later in pairwise(found)} == {1800 * SECOND}


def test_several_local_times_in_a_gap_are_one_run() -> None:
    """What would all begin at the gap's end begins once."""
    assert dues("0,20,40 2 * * *", BERLIN, "2026-03-28 23:00", 2) == ["03-29 01:00", "03-30 00:00"]


@given(
    st.integers(1, 999), st.sampled_from("smhd"), st.integers(0, 4_000_000_000_000_000), st.integers(0, 10**9)
)
def test_every_is_the_same_grid_whoever_asks_and_when(
    number: int, unit: str, moment: int, later: int
) -> None:
    """Due times are multiples of the length since 1970, in any zone: a restart shifts nothing."""
    length = number * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[unit] * SECOND
    due = parse_schedule(f"every {number}{unit}", BERLIN).after(moment)
    assert due is not None
    assert due % length == 0
    assert moment < due <= moment + length
    assert parse_schedule(f"every {number} {unit}").after(min(moment + later, due - 1)) == due


def _fits(minutes: set[int], hours: set[int] | None, weekdays: set[int] | None, local: datetime) -> bool:
    """Cron's own rule, field by field; weekdays by ISO number."""
    return (
        local.minute in minutes
        and (hours is None or local.hour in hours)
        and (weekdays is None or local.isoweekday() in weekdays)
    )


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([BERLIN, NEW_YORK, "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]),
    st.integers(0, 364),
    st.sets(st.integers(0, 59), min_size=1, max_size=3),
    st.none() | st.sets(st.integers(1, 7), min_size=1, max_size=3),
)
def test_hours_by_the_sun_are_each_minute_whose_local_time_fits(
    zone: str, day: int, minutes: set[int], weekdays: set[int] | None
) -> None:
    """Against a walk over every minute of a day and a half, wherever in the year and in the world."""
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    line = f"{','.join(map(str, sorted(minutes)))} * * * "
    line += "*" if weekdays is None else ",".join(str(one) for one in sorted(weekdays))
    end = begin + timedelta(hours=36)
    every = (begin + timedelta(minutes=one) for one in range(1, 36 * 60 + 1))
    expected = [one for one in every if _fits(minutes, None, weekdays, one.astimezone(ZoneInfo(zone)))]
    found = dues_between(parse_schedule(line, zone), unix_us(begin), unix_us(end), 10_000)
    assert [from_unix_us(one) for one in found.times] == expected


@settings(max_examples=12, deadline=None)
@given(st.sampled_from([BERLIN, NEW_YORK, "Australia/Lord_Howe"]), st.integers(0, 23), st.integers(0, 59))
def test_a_daily_time_is_once_a_local_day(zone: str, hour: int, minute: int) -> None:
    """A year of any daily time has each of its days, once, at its time or at a gap's end."""
    begin, end = at("2026-01-01 12:00"), at("2027-01-01 12:00")
    found = dues_between(parse_schedule(f"daily {hour:02}:{minute:02}", zone), begin, end, 1000)
    local = [from_unix_us(one).astimezone(ZoneInfo(zone)) for one in found.times]
    assert all(
        later - earlier == timedelta(days=1) for earlier, later in pairwise(one.date() for one in local)
    )
    off = [one for one in local if (one.hour, one.minute) != (hour, minute)]
    assert len(off) <= 1
    assert len(local) in {365, 366}
    assert date(2026, 6, 1) in {one.date() for one in local}


def test_weekdays_and_days_mean_what_cron_means() -> None:
    """Sunday is 0 and 7, 1-5 is Monday to Friday, a day of the month and a weekday are one or the other."""
    assert dues("0 0 * * 0", "UTC", "2026-11-23 00:00", 1) == ["11-29 00:00"]
    assert dues("0 0 * * 7", "UTC", "2026-11-23 00:00", 1) == ["11-29 00:00"]
    assert dues("0 0 * * 1-5", "UTC", "2026-11-27 00:00", 1) == ["11-30 00:00"]
    assert dues("0 0 * * fri-sun", "UTC", "2026-11-23 00:00", 3) == [
        "11-27 00:00",
        "11-28 00:00",
        "11-29 00:00",
    ]
    assert dues("0 0 * * 1-5/2", "UTC", "2026-11-23 00:00", 2) == ["11-25 00:00", "11-27 00:00"]
    assert dues("0 0 13 * 5", "UTC", "2026-11-11 00:00", 3) == ["11-13 00:00", "11-20 00:00", "11-27 00:00"]
    assert dues("0 0 13 * *", "UTC", "2026-11-14 00:00", 1) == ["12-13 00:00"]
    assert dues("0 0 31 2 5", "UTC", "2026-11-23 00:00", 1) == ["02-05 00:00"]
    assert from_unix_us(parse_schedule("0 0 29 2 *").after(at("2026-03-01 00:00")) or 0).year == 2028


ODD = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="every daily0123456789:smhd*/,-_\u0665 \n", max_size=20),
    st.lists(st.text(alphabet="0123456789*/,-LW#?a", max_size=12), min_size=5, max_size=5).map(" ".join),
    st.sampled_from(
        ["every 0s", "every -5m", "every 1_0m", "every", "daily", "daily 25:00", "", "*/0 * * * *"]
    ),
)


@settings(max_examples=100, deadline=None)
@given(ODD, st.sampled_from(["UTC", "Europe", "No/Where", "", "\0", "../UTC"]))
def test_whatever_a_schedule_says_it_comes_or_is_refused(text: str, zone: str) -> None:
    """No text breaks who reads it: it is due at some time to come, or it is refused with what to write."""
    try:
        due = parse_schedule(text, zone).after(0)
    except ConfigInvalid:
        return
    assert due is None or due > 0


@pytest.mark.parametrize(
    "text", ["every 0s", "every \u0665s", "every 9999999d", "daily 24:00", "* * * * *\n"]
)
def test_a_schedule_of_no_form_is_refused(text: str) -> None:
    """A length of nothing would be due for ever; digits are those of ASCII; nothing stands behind."""
    with pytest.raises(ConfigInvalid):
        parse_schedule(text)


@pytest.mark.parametrize(
    "line",
    ["61 * * * *", "0 24 * * *", "0 0 31 2 *", "0 0 * foo *", "0 0 * * 8", "0 0 * * 5-1"],
)
def test_a_line_that_is_none_is_refused(line: str) -> None:
    """Fields out of bounds, words that cron does not know, a date that never comes."""
    job = Job.model_validate({"name": "a", "kind": "two_sample", "schedule": line, "two_sample": {}})
    with pytest.raises(ConfigInvalid) as caught:
        schedule_of(job)
    assert caught.value.code == "schedule_unreadable"
    assert caught.value.remedy


def test_many_missed_times_are_counted_without_walking_them_all() -> None:
    """Of a long span the newest are given, and how many there were, or at least were."""
    second = dues_between(parse_schedule("every 1s"), 0, at("2026-01-01 00:00"), 3)
    assert second.count == at("2026-01-01 00:00") // SECOND
    assert second.times[-1] == at("2026-01-01 00:00")
    minute = dues_between(
        parse_schedule("* * * * *", BERLIN), at("2020-01-01 00:00"), at("2026-01-01 00:00"), 3
    )
    assert (minute.count, minute.at_least, minute.first) == (COUNT_LIMIT, True, at("2020-01-01 00:01"))
    assert minute.times == tuple(at("2026-01-01 00:00") - back * 60 * SECOND for back in (2, 1, 0))
    none = dues_between(parse_schedule("daily 07:00"), at("2026-01-01 08:00"), at("2026-01-01 09:00"), 3)
    assert (none.times, none.count, none.first) == ((), 0, None)
