"""Rules of jobs.toml, each at the key that offends."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from peak_console.config.document import parse_document
from peak_console.config.lint import CATALOGUE
from peak_console.config.lint.engine import inspect
from peak_console.config.sources import read_sources
from peak_console.domain.vocabulary import PhaseLevel

FILE = "configs/shadow/jobs.toml"
ROOT = Path(__file__).resolve().parents[2]
JOB = """
[[job]]
name = "{name}"
kind = "shadow_cycle"
schedule = "{schedule}"
{more}

[job.shadow_cycle]
instrument = "EUR/USD"
eur_per_quote = 0.86
eur_as_of = 2026-11-20
{source}
sizing = {{ risk_eur = 50.0, max_notional_eur = 900.0 }}
{settings}
"""
SLOTS = """
[[job]]
name = "compare"
kind = "two_sample"

[job.two_sample]
slots = [{{ layer = "{layer}", role = "{role}" }}]
"""


def cycle(
    name: str = "eurusd",
    *,
    schedule: str = "every 1h",
    more: str = "",
    source: str = 'file = { path = "data/bars.csv" }',
    settings: str = "",
) -> str:
    """A job that runs a shadow cycle."""
    return JOB.format(name=name, schedule=schedule, more=more, source=source, settings=settings)


def http(url: str) -> str:
    """A cycle over an address."""
    return cycle(source=f'http = {{ url = "{url}" }}')


CASES = [
    ("jobs.prompt_missing", cycle(settings='outlook_prompt = "shadow-outlook@9"'), "shadow-outlook@9"),
    ("jobs.prompt_missing", cycle(settings='critic_prompt = "shadow-critic@9"'), "shadow-critic@9"),
    ("jobs.prompt_missing", cycle(settings='verdict_prompt = "gone@1"'), "gone@1"),
    ("jobs.slot_empty", SLOTS.format(layer="L6", role="primary"), "L6.primary"),
    ("jobs.rate_old", cycle().replace("2026-11-20", "2026-10-01"), "days old"),
    ("jobs.rate_old", cycle().replace("2026-11-20", "2027-10-01"), "to come"),
    ("jobs.source_missing", cycle(source='file = { path = "data/none.csv" }'), "data/none.csv"),
    ("jobs.source_missing", cycle(source='file = { path = "package:gold" }'), "package:gold"),
    ("jobs.source_outside", cycle(source='file = { path = "../bars.csv" }'), "out of the workspace"),
    ("jobs.source_outside", cycle(source='file = { path = "/srv/bars.csv" }'), "out of the workspace"),
    ("jobs.source_address", http("http://example.org/bars"), "not https"),
    ("jobs.source_address", http("https://me@example.org/bars"), "holds a name"),
    ("jobs.source_address", http("https://[bad/bars"), "is none"),
    ("jobs.source_address", http("https://example.org/bars?a=b#c"), "a fragment"),
    ("jobs.source_query", http("https://example.org/bars?symbol=A&apikey=hidden"), "apikey is named like"),
    ("jobs.source_query", http("https://example.org/bars?hidden"), "no name=value"),
    ("jobs.budget_zero", cycle(more="budget = { max_cost_eur = 0 }"), "max_cost_eur is 0"),
    ("jobs.budget_zero", cycle(more="budget = { max_calls = 0 }"), "max_calls is 0"),
    ("jobs.budget_above_run", cycle(more="budget = { max_cost_eur = 100000.0 }"), "above the"),
    ("jobs.budget_small", cycle(more="budget = { max_cost_eur = 0.001 }"), "may cost"),
    ("jobs.schedule", cycle(schedule="0 0 30 2 *"), "no day"),
    ("jobs.schedule", cycle(schedule="61 * * * *"), "61 is no minute"),
    ("jobs.schedule_dense", cycle(schedule="every 2m"), "120 s"),
    ("jobs.schedule_dense", cycle(schedule="every 5m", more='catch_up = "last"'), "300 s"),
    ("jobs.book_shared", cycle() + cycle("eurusd-2"), "as eurusd does"),
]


@pytest.fixture
def jobs(files: Any) -> Any:
    """The workspace on which lint finds nothing, with the data and prompts that a cycle needs."""
    files.write("data/bars.csv", "time,open,high,low,close,volume\n")
    for name in ("shadow-outlook", "shadow-hypothesis", "shadow-critic", "shadow-verdict-critic"):
        files.write(f"configs/ai/prompts/{name}/1.md", "Say it.")
    return files


@pytest.mark.parametrize(("rule", "text", "said"), CASES)
def test_a_rule_on_jobs_fires_alone(jobs: Any, rule: str, text: str, said: str) -> None:
    """One fault gives findings of one rule, in this file, saying what is wrong and what to do."""
    jobs.write(FILE, text)
    for phase in PhaseLevel:
        found = jobs.lint(phase)
        assert {one.rule for one in found} == {rule}, found
        assert said in found[0].message
        assert "hidden" not in f"{found[0].message} {found[0].remedy}"
        assert (found[0].file, bool(found[0].remedy), found[0].line > 0) == (FILE, True, True)
        assert {one.severity for one in found} == {CATALOGUE[rule].severity_in(phase)}
        assert not found[0].blocks


@pytest.mark.parametrize(
    "text",
    [
        "",
        cycle(),
        cycle(source='file = { path = "package:eurusd_1h" }'),
        cycle(schedule="every 5m", more="timeout_s = 300"),
        cycle(schedule="every 5m", more="max_instances = 3"),
        cycle(schedule="every 5m", more="enabled = false"),
        cycle() + cycle("other", settings='book = "other"'),
        cycle() + cycle("other", more="enabled = false"),
        http("http://127.0.0.1:9000/bars"),
        http("https://example.org/bars"),
        http("https://example.org/bars?symbol=BTCUSDT&interval=1h&limit=200"),
        SLOTS.format(layer="L0", role="primary"),
    ],
)
def test_jobs_that_are_right_are_quiet(jobs: Any, text: str) -> None:
    """What an operator may well want is not complained of."""
    jobs.write(FILE, text)
    assert jobs.lint() == []


def test_the_examples_that_people_copy_are_quiet(jobs: Any) -> None:
    """The page's, and the one that stands commented out in what ships."""
    jobs.write("data/eurusd_1h.csv", "time,open,high,low,close,volume\n")
    page = (ROOT / "docs" / "jobs.md").read_text(encoding="utf-8")
    shipped = (ROOT / FILE).read_text(encoding="utf-8").partition("own bars:")[2]
    for text in (page.split("```toml")[1].partition("```")[0], re.sub(r"(?m)^# ?", "", shipped)):
        assert "eurusd-hourly" in text
        jobs.write(FILE, text)
        assert jobs.lint() == []


@pytest.mark.parametrize("column", ["true", "-1", "64", '""', "1.5", "[1]"])
def test_a_column_that_is_none_is_told_in_one_finding(jobs: Any, column: str) -> None:
    """Though it may be a name or a position: one fault, one sentence, at its key."""
    columns = f"{{ time = 0, open = 1, high = 2, low = 3, close = 4, volume = {column} }}"
    jobs.write(FILE, cycle(source=f'http = {{ url = "https://h.example/k", columns = {columns} }}'))
    (found,) = jobs.lint()
    assert (found.file, found.line, found.rule.startswith("schema.")) == (FILE, 12, True)
    assert "columns.volume should be the name of a column, or its position from 0 to 63" in found.message


def test_the_examples_of_answers_are_quiet(jobs: Any) -> None:
    """Each way to read an address that the page on shadow cycles shows."""
    page = (ROOT / "docs" / "shadow.md").read_text(encoding="utf-8")
    tables = [text for one in page.split("```toml")[1:] if "cycle.http]" in (text := one.partition("```")[0])]
    assert len(tables) == 3
    for text in tables:
        jobs.write(FILE, cycle(source="") + text)
        assert jobs.lint() == []


@pytest.mark.parametrize(
    ("limit", "said"), [("0.50", ["max_cost_eur is 0.50", "L4.primary", "0.59 EUR"]), ("2.50", [])]
)
def test_the_examples_budget_holds_the_dearest_call_of_what_ships(limit: str, said: list[str]) -> None:
    """One answer of the shipped matrix's L4 is more than half a euro; what the page writes is enough."""
    page = (ROOT / "docs" / "jobs.md").read_text(encoding="utf-8").split("```toml")[1].partition("```")[0]
    assert "max_cost_eur = 2.50" in page
    text = page.replace("max_cost_eur = 2.50", f"max_cost_eur = {limit}").encode()
    sources = read_sources(ROOT)
    main = {**sources.main, "jobs": parse_document(text, FILE)}
    report = inspect(replace(sources, main=main), phase=PhaseLevel.SHADOW, today=date(2026, 11, 23))
    found = [one.message for one in report.findings if one.rule == "jobs.budget_small"]
    assert len(found) == bool(said)
    assert all(word in found[0] for word in said)


def test_replayed_history_is_named_from_shadow_on(jobs: Any) -> None:
    """In research it is the use of it; from shadow on it measures nothing."""
    jobs.write(FILE, cycle(settings="replay = { step = 7 }"))
    for phase in PhaseLevel:
        named = "jobs.replay" in {one.rule for one in jobs.lint(phase)}
        assert named == phase.at_least(PhaseLevel.SHADOW)


def test_a_link_that_leads_out_of_the_workspace_is_named(jobs: Any, tmp_path_factory: Any) -> None:
    """As the path itself would be; the cycle refuses it when it reads."""
    outside = tmp_path_factory.mktemp("outside") / "bars.csv"
    outside.write_text("time,open,high,low,close,volume\n")
    link = jobs.root / "data" / "link.csv"
    link.symlink_to(outside)
    jobs.write(FILE, cycle(source='file = { path = "data/link.csv" }'))
    assert [one.rule for one in jobs.lint(PhaseLevel.RESEARCH)] == ["jobs.source_outside"]


def test_an_address_that_is_denied_is_denied_here_too(jobs: Any) -> None:
    """The hard deny looks at a source's address as at every other."""
    jobs.write(FILE, http("https://data.anthropic.com/bars"))
    assert {one.rule for one in jobs.lint()} == {"policy.forbidden_base_url"}


def test_a_cycle_without_an_advisor_is_named(jobs: Any) -> None:
    """A cycle asks L2 and L3; a matrix without one of them leaves it without an answer."""
    matrix = "configs/ai/layer_model_matrix.toml"
    text = jobs.read(matrix)
    jobs.write(FILE, cycle())
    jobs.write(matrix, text.replace("[L3.primary]", "[L3.unread]"))
    found = [one.message for one in jobs.lint() if one.rule == "jobs.slot_empty"]
    assert found == ["job eurusd: L3.primary holds no model"]


@pytest.mark.parametrize(
    "schedule", ["hourly", "every 0m", "every 5 minutes", "daily 7:30", "daily 24:00", "* * *"]
)
def test_a_schedule_of_no_form_is_told_in_words_with_examples(jobs: Any, schedule: str) -> None:
    """Nobody has to read a pattern to know what a schedule may be."""
    jobs.write(FILE, cycle(schedule=schedule))
    (found,) = jobs.lint()
    assert found.rule == "schema.bad_value"
    assert all(example in found.message for example in ('"every 15m"', '"daily 07:30"', '"5 * * * 1-5"'))
    assert "pattern" not in found.message


@pytest.mark.parametrize(
    ("zone", "meant"),
    [
        ("Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Europe/Berln", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("Mars/Base", "such as Europe/Berlin"),
        ("../../etc/passwd", "tz database"),
    ],
)
def test_a_time_zone_that_does_not_exist_is_told_with_those_that_are_close(
    jobs: Any, zone: str, meant: str
) -> None:
    """What was meant is the remedy."""
    jobs.write(FILE, cycle(more=f'timezone = "{zone}"'))
    (found,) = jobs.lint()
    assert found.rule == "schema.bad_value"
    assert f"there is no time zone '{zone}'" in found.message
    assert meant in found.remedy
