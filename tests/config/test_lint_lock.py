"""Rules of the lock of verified models."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from support.locks import NOW, lock_file, write_lock

from peak_console.config.lint import LintFinding, lint_paths, lint_workspace
from peak_console.config.lint.catalogue import CATALOGUE
from peak_console.config.load import load_configs
from peak_console.config.lock import LockedPlace
from peak_console.domain.vocabulary import PhaseLevel

LOCK = "configs/ai/verified_models.lock"
M = "configs/ai/layer_model_matrix.toml"
R = "configs/ai/models.toml"
P = "configs/ai/prices.toml"
TODAY = NOW.date()


def lock_up(files: Any, kind: str = "eval", **changes: Any) -> None:
    """A lock of all that the workspace uses."""
    write_lock(files.root, lock_file(load_configs(files.ws, today=TODAY), kind, **changes))


def lint(files: Any, phase: PhaseLevel = PhaseLevel.RESEARCH, today: date = TODAY) -> list[LintFinding]:
    """What is found of the lock; all other rules have tests of their own."""
    found = lint_workspace(files.ws, phase=phase, today=today)
    return [one for one in found if one.rule.startswith("lock.")]


def rules(files: Any, phase: PhaseLevel = PhaseLevel.RESEARCH, today: date = TODAY) -> set[str]:
    """The rules of these findings."""
    return {one.rule for one in lint(files, phase, today)}


def _without(files: Any, goes: Callable[[Any], bool]) -> Any:
    file = lock_file(load_configs(files.ws, today=TODAY))
    return file.model_copy(update={"entry": tuple(one for one in file.entry if not goes(one.key))})


def _doubled(files: Any, **changes: Any) -> None:
    file = lock_file(load_configs(files.ws, today=TODAY))
    more = file.entry[0].model_copy(update=changes)
    write_lock(files.root, file.model_copy(update={"entry": (*file.entry, more)}))


def _verified_at(files: Any, **place: str) -> None:
    """A lock whose models were verified elsewhere than where the matrix calls them."""
    file = lock_file(load_configs(files.ws, today=TODAY))
    first, *others = file.entry
    moved = first.model_copy(update={"places": (LockedPlace(**place),)})
    write_lock(files.root, file.model_copy(update={"entry": (moved, *others)}))


OF_LEDGER = {"lock.signer_removed", "lock.not_current"}
"""Rules that only a workspace's ledger can tell; they have tests beside the node's."""

CASES: list[tuple[str, Callable[[Any], object]]] = [
    ("lock.missing", lambda files: (files.root / LOCK).unlink()),
    ("lock.unsound", lambda files: files.change(LOCK, 'reason = "test"', 'reason = "tested"')),
    ("lock.expired", lambda files: lock_up(files, at=NOW - timedelta(days=31))),
    ("lock.near_end", lambda files: lock_up(files, at=NOW - timedelta(days=17))),
    (
        "lock.unverified_slot",
        lambda files: write_lock(files.root, _without(files, lambda key: key[3] == "delta-1")),
    ),
    ("lock.attested_only", lambda files: lock_up(files, "attested")),
    (
        "lock.registry_changed",
        lambda files: files.change(
            R, 'model_id = "delta-1"\nfamily = "delta"', 'model_id = "delta-1"\nfamily = "d"'
        ),
    ),
    (
        "lock.price_changed",
        lambda files: files.change(P, "output_usd_per_mtok = 2.0", "output_usd_per_mtok = 3.0"),
    ),
    ("lock.address_changed", lambda files: _verified_at(files, base_url="https://api.alpha.example/v1")),
    ("lock.unused_entry", lambda files: _doubled(files, model_id="beta-1")),
    ("lock.duplicate_entry", _doubled),
    ("lock.other_matrix", lambda files: lock_up(files, matrix_sha256="a" * 64)),
]


def test_a_sound_lock_of_all_that_is_used_is_no_finding(files: Any) -> None:
    """In any phase; and in research neither is an attested one, nor none."""
    lock_up(files)
    for phase in PhaseLevel:
        assert lint(files, phase) == []
    lock_up(files, "attested")
    assert lint(files) == lint(files, PhaseLevel.SHADOW) == []
    (files.root / LOCK).unlink()
    assert lint(files) == []


def test_every_rule_of_the_lock_has_a_case() -> None:
    """A rule without a test that triggers it does not ship."""
    known = [rule for rule in CATALOGUE if rule.startswith("lock.")]
    assert [rule for rule, _ in CASES] == [rule for rule in known if rule not in OF_LEDGER]


@pytest.mark.parametrize(("rule", "spoil"), CASES, ids=[rule for rule, _ in CASES])
def test_a_rule_of_the_lock_fires_alone(files: Any, rule: str, spoil: Callable[[Any], object]) -> None:
    """In live, with words and a remedy; an error of the lock refuses calls, never all configs."""
    lock_up(files)
    spoil(files)
    findings = lint(files, PhaseLevel.LIVE)
    assert {one.rule for one in findings} == {rule}, findings
    assert all(one.remedy and not one.blocks for one in findings)
    assert load_configs(files.ws, phase=PhaseLevel.LIVE, today=TODAY).matrix


@pytest.mark.parametrize(
    "rule", ["lock.unsound", "lock.expired", "lock.unverified_slot", "lock.price_changed"]
)
def test_in_research_the_lock_is_advisory(rule: str) -> None:
    """A warning there, an error from shadow on."""
    severities = [CATALOGUE[rule].severity_in(phase) for phase in PhaseLevel]
    assert severities == ["warning", "error", "error", "error"]


@pytest.mark.parametrize("phase", PhaseLevel)
def test_a_slot_that_is_sent_elsewhere_is_told_in_every_phase(files: Any, phase: PhaseLevel) -> None:
    """Another address in the matrix than the lock's, at the line that says so; an error from shadow on."""
    lock_up(files)
    files.change(M, "[L0.primary]\n", '[L0.primary]\nbase_url = "https://evil.example/v1"\n')
    (found,) = [one for one in lint(files, phase) if one.rule == "lock.address_changed"]
    assert found.severity == ("warning" if phase is PhaseLevel.RESEARCH else "error")
    assert files.read(M).splitlines()[found.line - 1].startswith("base_url")
    assert "evil.example" in found.message


def test_an_attested_model_is_enough_for_shadow_only(files: Any) -> None:
    """From testnet on it is an error at each slot."""
    lock_up(files, "attested")
    assert rules(files, PhaseLevel.SHADOW) == set()
    assert rules(files, PhaseLevel.TESTNET) == {"lock.attested_only"}


@pytest.mark.parametrize(
    ("days", "rule"), [(16, set()), (17, {"lock.near_end"}), (29, {"lock.near_end"}), (31, {"lock.expired"})]
)
def test_the_bounds_of_the_lock_s_end(files: Any, days: int, rule: set[str]) -> None:
    """Fourteen days ahead it warns; from its end on it is none. A lock ends 30 days after it was written."""
    lock_up(files)
    assert rules(files, today=TODAY + timedelta(days=days)) == rule


def test_a_lock_that_was_written_today_is_not_yet_to_come(files: Any) -> None:
    """Lint knows the day only; one of tomorrow is told."""
    lock_up(files)
    assert rules(files) == set()
    assert rules(files, today=TODAY - timedelta(days=1)) == {"lock.unsound"}


def test_a_single_file_is_judged_without_the_keys_beside_it(files: Any) -> None:
    """Whose key it is cannot be known there; that it was not signed can."""
    lock_up(files)
    path = files.root / LOCK
    assert [one.rule for one in lint_paths([path], phase=PhaseLevel.RESEARCH, today=TODAY)] == []
    files.write(LOCK, files.read(LOCK).partition("[signature]")[0])
    assert "lock.unsound" in [one.rule for one in lint_paths([path], phase=PhaseLevel.RESEARCH, today=TODAY)]
