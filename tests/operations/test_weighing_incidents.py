"""A change of triggers that must be confirmed: told later, acting less, or told to nobody."""

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
WINDOW = "[[budget_runaway.windows]]\nfactor = {}\nlong_s = 900\nshort_s = 180\n"
HOOK = '[[hooks]]\nname = "pager"\nkind = "webhook"\nurl = "https://example.org/x"\n'


def figures(old: str, new: str) -> dict[str, str]:
    """The figures of the concern that the change raises; empty without one."""

    def side(text: str) -> Side:
        return side_of(
            SOURCES, target_named("incidents"), text, phase=PhaseLevel.RESEARCH, today=date(2026, 11, 22)
        )

    found = weighed(target_named("incidents"), side(old), side(new), NO_TRAFFIC, verified_at(NOW)).concerns
    assert {one.code for one in found} <= {"triggers_loosened"}
    return dict(found[0].figures) if found else {}


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("", "[lapse]\nenabled = false\n", "lapse.enabled"),
        ("", '[policy_violation]\nauto = "none"\n', "policy_violation.auto"),
        ("", '[ledger_broken]\nauto = "disarm"\n', "ledger_broken.auto"),
        ("", "[policy_violation]\ncount = 2\n", "policy_violation.count"),
        ("", "[policy_violation]\nwindow_s = 10\n", "policy_violation.window_s"),
        ("", "[budget_runaway]\nleast_eur = 1.0\n", "budget_runaway.least_eur"),
        ("", "[critic_fail_rate]\nbaseline_pct = 20.0\n", "critic_fail_rate.baseline_pct"),
        ("", "[latency_spike]\nalarm_log = 12.0\n", "latency_spike.alarm_log"),
        ("", "[worker_lost]\nack_s = 60\n", "worker_lost.ack_s"),
        ("", '[model_drift]\nquarantine = ["served_model"]\n', "model_drift.quarantine"),
        ("", "[model_drift]\ncanary_alpha = 0.00001\n", "model_drift.canary_alpha"),
        (WINDOW.format("12.0"), WINDOW.format("13.0"), "budget_runaway.windows 900 s and 180 s"),
        (HOOK, "", "hook pager"),
        (HOOK, HOOK + 'triggers = ["lapse"]\n', "hook pager"),
    ],
)
def test_looser_is_confirmed_and_the_way_back_is_not(old: str, new: str, key: str) -> None:
    """Each is a concern with its figures; taking it back asks nothing."""
    assert key in figures(old, new)
    assert figures(new, old) == {}
