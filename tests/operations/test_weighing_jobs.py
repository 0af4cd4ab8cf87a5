"""A change of jobs that must be confirmed: what runs by itself, oftener, for more money, larger."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from peak_console.config.editing.targets import target_named
from peak_console.config.sources import read_sources
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.operations.workbench.sides import Side, side_of
from peak_console.operations.workbench.traffic import NO_TRAFFIC
from peak_console.operations.workbench.weighing import weighed
from peak_console.operations.workbench.weighing_matrix import verified_at

SOURCES = read_sources(Path(__file__).resolve().parents[2])
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
JOB = """[[job]]
name = "eurusd"
kind = "shadow_cycle"
schedule = "every 1h"
catch_up = "last"
timeout_s = 600
budget = { max_cost_eur = 1.0, max_calls = 12 }

[job.shadow_cycle]
instrument = "EUR/USD"
eur_per_quote = 0.86
eur_as_of = 2026-11-20
file = { path = "data/bars.csv" }
max_age_s = 7200
equity_eur = 100000
sizing = { risk_eur = 50.0, max_notional_eur = 900.0, fee_bps = 1.0, slippage_bps = 1.0 }
"""
DRIFT = """[[job]]
name = "compare"
kind = "two_sample"

[job.two_sample]
prompts = 25
alpha = 0.01
"""


def figures(old: str, new: str) -> dict[str, str]:
    """The figures of the concern that the change raises; empty without one."""

    def side(text: str) -> Side:
        return side_of(
            SOURCES, target_named("jobs"), text, phase=PhaseLevel.RESEARCH, today=date(2026, 11, 22)
        )

    found = weighed(target_named("jobs"), side(old), side(new), NO_TRAFFIC, verified_at(NOW)).concerns
    assert {one.code for one in found} <= {"jobs_widened"}
    return dict(found[0].figures) if found else {}


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('schedule = "every 1h"', 'schedule = "every 15m"', "eurusd.schedule"),
        ('schedule = "every 1h"', 'schedule = "*/5 * * * *"', "eurusd.schedule"),
        ('catch_up = "last"', 'catch_up = "all"', "eurusd.catch_up"),
        ("timeout_s = 600", "timeout_s = 900", "eurusd.timeout_s"),
        ("max_cost_eur = 1.0", "max_cost_eur = 1.5", "eurusd.budget.max_cost_eur"),
        ("{ max_cost_eur = 1.0, max_calls = 12 }", "{ max_cost_eur = 1.0 }", "eurusd.budget.max_calls"),
        ("max_age_s = 7200", "max_age_s = 9000", "eurusd.max_age_s"),
        ("equity_eur = 100000", "equity_eur = 200000", "eurusd.equity_eur"),
        ("risk_eur = 50.0", "risk_eur = 51.0", "eurusd.sizing.risk_eur"),
        ("max_notional_eur = 900.0", "max_notional_eur = 1000.0", "eurusd.sizing.max_notional_eur"),
        ("fee_bps = 1.0", "fee_bps = 0.0", "eurusd.sizing.fee_bps"),
        ("eur_per_quote = 0.86", "eur_per_quote = 0.80", "eurusd.eur_per_quote"),
        ("max_age_s = 7200", "max_age_s = 7200\nreplay = { step = 1 }", "eurusd.replay"),
        ("timeout_s = 600", "timeout_s = 600\nmax_instances = 2", "eurusd.max_instances"),
        ("alpha = 0.01", "alpha = 0.001", "compare.two_sample.alpha"),
        ("prompts = 25", "prompts = 50", "compare.two_sample.calls"),
    ],
)
def test_more_is_confirmed_and_the_way_back_is_not(old: str, new: str, key: str) -> None:
    """Each is a concern with its figures; taking it back asks nothing."""
    text = JOB + DRIFT
    assert old in text
    changed = text.replace(old, new)
    assert list(figures(text, changed)) == [key]
    assert figures(changed, text) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", JOB),
        (JOB.replace("timeout_s", "enabled = false\ntimeout_s"), JOB),
        (JOB.replace('schedule = "every 1h"\n', ""), JOB),
        (JOB, JOB.replace('"eurusd"', '"other"')),
    ],
)
def test_what_begins_to_run_by_itself_is_confirmed(old: str, new: str) -> None:
    """A new job, one that was off, one that ran when asked; stopping it asks nothing."""
    assert [key.partition(".")[2] for key in figures(old, new)] == ["runs"]
    if new == JOB:
        assert figures(new, old) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("data/bars.csv", "data/others.csv"),
        ("equity_eur", 'book = "b"\nequity_eur'),
        ("equity_eur", 'critic_prompt = "kinder@1"\nequity_eur'),
        ("equity_eur", 'verdict_prompt = "kinder@1"\nequity_eur'),
    ],
)
def test_another_source_book_or_judge_is_asked_about_both_ways(old: str, new: str) -> None:
    """Neither is more than the other; each is what the cycle is worth."""
    assert len(figures(JOB, JOB.replace(old, new))) == 1
    assert len(figures(JOB.replace(old, new), JOB)) == 1


def test_a_query_is_weighed_and_not_repeated() -> None:
    """Another query, or another reading of the answer, is another source; its values are not in the words."""
    old = JOB.replace(
        'file = { path = "data/bars.csv" }', 'http = { url = "https://h.example/k?symbol=AAA&n=1" }'
    )
    found = figures(old, old.replace("AAA", "BBB"))
    assert found == {"eurusd.source": "https://h.example/k → the same, asked or read otherwise"}
    assert list(figures(old, old.replace('n=1"', 'n=1", newest_first = true'))) == ["eurusd.source"]


def test_words_for_people_are_free() -> None:
    """A description or a tag changes nothing that happens."""
    assert figures(JOB, JOB.replace("timeout_s", 'description = "x"\ntags = ["a"]\ntimeout_s')) == {}
