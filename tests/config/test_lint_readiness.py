"""Rules of the criteria of promotion."""

from datetime import date
from typing import Any

import pytest

from peak_console.config.editing.applying import apply_changes
from peak_console.config.load import load_configs
from peak_console.config.readiness import ReadinessConfig, demanded
from peak_console.domain.vocabulary import PhaseLevel

FILE = "configs/readiness.toml"


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("min_days = 14", "min_days = 13"),
        ("max_open_incidents = 0", "max_open_incidents = 1"),
        ("max_budget_used_pct = 90.0", ""),
        ("max_p95_ms = 1000\nmin_calls = 1", "min_calls = 1"),
        ('drills = ["stop"]', "drills = []"),
    ],
)
def test_a_phase_that_asks_for_less_is_told(files: Any, earlier: str, later: str) -> None:
    """Less, later, or not at all; between shadow and testnet as between testnet and live."""
    for one, other in (("shadow", "testnet"), ("testnet", "live")):
        text = f"[{one}]\n{earlier}\n[{other}]\n{later}\n"
        rest = f"[live]\n{later}\n" if one == "shadow" else ""
        files.write(FILE, text + rest)
        found = [finding for finding in files.lint() if finding.message.startswith(f"{other}.")]
        assert [finding.rule for finding in found] == ["readiness.laxer"], text


def test_the_same_or_more_is_nothing_to_tell(files: Any) -> None:
    """Growing strictness, and one asked for later only."""
    files.write(
        FILE, "[shadow]\nmin_days = 1\n[testnet]\nmin_days = 1\n[live]\nmin_days = 2\nmin_cycles = 1\n"
    )
    assert files.rules(PhaseLevel.LIVE) == []


@pytest.mark.parametrize("level", [PhaseLevel.SHADOW, PhaseLevel.TESTNET, PhaseLevel.LIVE])
def test_what_is_demanded_cannot_be_switched_off_unseen(files: Any, level: PhaseLevel) -> None:
    """False is told at its key with a fix that sets it; an absent key is the default."""
    for key in demanded(level):
        text = f"[{level}]\n{key} = false\n"
        rest = "".join(f"[{one}]\n" for one in PhaseLevel if one not in {level, PhaseLevel.RESEARCH})
        files.write(FILE, text + rest)
        found = files.only("readiness.switched_off")
        assert files.key_at(found).startswith(key)
        assert found.fix is not None
        assert apply_changes(text + rest, found.fix.changes) == f"[{level}]\n{key} = true\n{rest}"


def test_a_share_needs_a_number_of_calls(files: Any) -> None:
    """One lucky call is no evidence."""
    files.write(FILE, "[shadow]\n[testnet]\n[live]\nmax_critic_fail_pct = 5.0\n")
    assert files.only("readiness.unmeasured").severity == "warning"
    files.write(FILE, "[shadow]\n[testnet]\n[live]\nmax_critic_fail_pct = 5.0\nmin_calls = 10\n")
    assert files.rules() == []


def test_a_phase_of_which_nothing_is_said_is_told(files: Any) -> None:
    """The file or a table of it: a warning in research, an error from shadow on that stops no call."""
    files.write(FILE, "[shadow]\n[live]\n")
    assert "[testnet]" in files.only("readiness.missing").message
    (files.root / FILE).unlink()
    assert files.only("readiness.missing").severity == "warning"
    found = files.only("readiness.missing", PhaseLevel.SHADOW)
    assert (found.severity, found.file) == ("error", FILE)
    load_configs(files.ws, phase=PhaseLevel.LIVE, today=date(2026, 11, 22))


def test_what_is_not_said_is_not_the_default() -> None:
    """Research demands nothing; another level what stands in the file, and of silence nothing is known."""
    config = ReadinessConfig.model_validate({"live": {}})
    assert config.before(PhaseLevel.RESEARCH) is None
    assert demanded(PhaseLevel.RESEARCH) == frozenset()
    assert config.before(PhaseLevel.LIVE) is config.live
    assert config.before(PhaseLevel.SHADOW) is None
    assert ReadinessConfig().before(PhaseLevel.LIVE) is None
