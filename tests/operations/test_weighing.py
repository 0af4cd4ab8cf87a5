"""What a change is weighed by: figures of the last day's traffic, and what must be confirmed."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operations.ledger_seed import seed_ledger
from support.locks import lock_file, write_lock

from peak_console.config.editing.targets import target_named
from peak_console.config.load import load_configs
from peak_console.config.sources import Sources, read_sources
from peak_console.config.workspace import Workspace
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.operations.workbench.projecting import eur, label_of, projection
from peak_console.operations.workbench.sides import Side, side_of
from peak_console.operations.workbench.traffic import NO_TRAFFIC, Seen, Traffic, read_traffic, span_text
from peak_console.operations.workbench.weighing import Weighed, concerns, weighed
from peak_console.operations.workbench.weighing_matrix import verified_at
from peak_console.stats.sketch import QuantileSketch

ROOT = Path(__file__).resolve().parents[2]
SOURCES = read_sources(ROOT)
TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MATRIX = SOURCES.main["matrix"].text
DAY = 86_400.0


def side(kind: str, text: str, sources: Sources = SOURCES) -> Side:
    """The shipped configs with one text in a file's place."""
    return side_of(sources, target_named(kind), text, phase=PhaseLevel.RESEARCH, today=TODAY)


def told(
    kind: str, old: str, new: str, traffic: Traffic = NO_TRAFFIC, *, verified: frozenset[str] = frozenset()
) -> Weighed:
    """What a change is told by; ``verified`` names models that a lock vouches for everywhere."""
    rule = (lambda _, one: one.model_id in verified) if verified else verified_at(NOW)
    return weighed(target_named(kind), side(kind, old), side(kind, new), traffic, rule)


def codes(found: Weighed) -> set[str]:
    """The reason codes of the concerns."""
    return {one.code for one in found.concerns}


def traffic(slots: Mapping[tuple[str, str, str, str], tuple[int, int, int]]) -> Traffic:
    """Traffic of a whole day: calls, input and output tokens by slot; the p95 of each is 2 s."""
    seen = {
        key: Seen(calls, read, 0, written, 0, QuantileSketch.of([2_000_000.0]))
        for key, (calls, read, written) in slots.items()
    }
    return Traffic(MappingProxyType(seen), MappingProxyType({}), DAY)


L2_DAY = traffic({("L2", "primary", "openai", "gpt-5-mini"): (1_204, 1_000_000, 400_000)})


def put(layer: str, role: str, old: str, new: str) -> str:
    """The matrix with another model id in a slot."""
    head = f"[{layer}.{role}]"
    before, after = MATRIX.split(head)
    return before + head + after.replace(f'model_id = "{old}"', f'model_id = "{new}"', 1)


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                ("L2", "primary", "openai", "gpt-5-mini"),
                ("L2", "fallback", "google", "gemini-2.5-flash"),
                ("L2", "critic", "openai", "gpt-5.2"),
                ("L4", "primary", "openai", "unknown-model"),
            ]
        ),
        st.tuples(st.integers(0, 10_000), st.integers(0, 10**9), st.integers(0, 10**9)),
    )
)
def test_the_same_matrix_weighs_the_same(
    slots: dict[tuple[str, str, str, str], tuple[int, int, int]],
) -> None:
    """A change of comments alone is nothing to confirm, and moves no figure, under any traffic."""
    found = told("matrix", MATRIX, MATRIX + "\n# a remark\n", traffic(slots))
    assert found.concerns == ()
    assert found.projection is not None
    assert found.projection.before == found.projection.after


@settings(max_examples=25, deadline=None)
@given(
    st.decimals("0.01", "500", places=2),
    st.decimals("0", "500", places=2),
    st.integers(0, 5_000),
)
def test_a_dearer_price_never_weighs_less(price: Decimal, more: Decimal, calls: int) -> None:
    """Cost and worst case are monotone in the price, with calls and without."""
    prices = SOURCES.main["prices"].text
    row = "input_usd_per_mtok = 0.25\ncache_read_usd_per_mtok = 0.025\noutput_usd_per_mtok = 2.0"
    assert row in prices
    old = prices.replace(row, f"input_usd_per_mtok = {price}\noutput_usd_per_mtok = {price}")
    new = prices.replace(row, f"input_usd_per_mtok = {price + more}\noutput_usd_per_mtok = {price + more}")
    slots = {("L2", "primary", "openai", "gpt-5-mini"): (calls, 900 * calls, 300 * calls)}
    weights = projection(side("prices", old), side("prices", new), traffic(slots))
    for before, after in weights.pairs():
        assert (after.cost or 0) >= (before.cost or 0)
        assert (after.worst or 0) >= (before.worst or 0)


def test_a_dearer_model_is_told_in_figures_of_the_last_day() -> None:
    """Cost, worst case, p95 and share of providers stand in the concern, with what they rest on."""
    found = told("matrix", MATRIX, put("L2", "primary", "gpt-5-mini", "gpt-5.2-pro"), L2_DAY)
    concern = next(one for one in found.concerns if one.code == "cost_rises")
    # 1 Mtok in at 0.25, 0.4 Mtok out at 2.00, 0.88 EUR a USD: 0.924 EUR; then 21 and 168: 77.616 EUR
    assert concern.figures["cost_eur_last_24h"] == "0.92 → 77.62"
    # every answer as long as 6,000 tokens: 7.224 Mtok out, by the dearest of the chain
    assert concern.figures["worst_case_eur_last_24h"] == "16.16 → 1086.48"
    assert concern.figures["L2.primary p95"] == "2.0 s → unknown"
    assert concern.figures["basis"] == "last 24 h, 1,204 calls"


def test_a_young_ledger_is_not_called_a_day() -> None:
    """Of less than 24 hours the figures say since when: they are no day's, and nothing is made of them."""
    young = replace(L2_DAY, covered_s=780)
    found = told("matrix", MATRIX, put("L2", "primary", "gpt-5-mini", "gpt-5.2-pro"), young)
    concern = next(one for one in found.concerns if one.code == "cost_rises")
    assert concern.figures["cost_eur_last_24h"] == "0.92 → 77.62 (since 13 min)"
    assert concern.figures["basis"] == "since 13 min, 1,204 calls"
    assert "since 13 min" in concern.message
    assert label_of("cost_eur_last_24h") == "cost of the last 24 h, EUR"
    assert label_of("L2.primary worst_case_eur_per_call") == "L2.primary worst case, EUR a call"


def test_a_cheaper_model_needs_no_second_word() -> None:
    """Another provider's cheaper model is projected, and asked about only where a worst case rises."""
    matrix = put("L0", "primary", "gpt-5-nano", "gpt-6-luna")
    slots = {("L0", "primary", "openai", "gpt-5-nano"): (10, 10_000, 2_000)}
    found = told("matrix", matrix, MATRIX, traffic(slots))
    assert "cost_rises" not in codes(found)


def test_no_traffic_is_said_and_judged_by_one_call() -> None:
    """A slot that nobody called is weighed by the worst case of one call, and says so."""
    found = told("matrix", MATRIX, put("L2", "primary", "gpt-5-mini", "gpt-5.2-pro"))
    concern = next(one for one in found.concerns if one.code == "cost_rises")
    assert concern.figures["basis"] == "no traffic: worst case per call"
    assert "L2.primary worst_case_eur_per_call" in concern.figures
    assert "cost_eur_last_24h" not in concern.figures


def test_calls_keep_their_place_in_the_chain() -> None:
    """What the fallback answered counts for the fallback of the new chain: shares by provider follow."""
    slots = {
        ("L2", "primary", "openai", "gpt-5-mini"): (75, 1, 1),
        ("L2", "fallback", "google", "gemini-2.5-flash"): (25, 1, 1),
    }
    new = MATRIX.replace(
        '[L2.fallback]\nprovider = "google"\nmodel_id = "gemini-2.5-flash"',
        '[L2.fallback]\nprovider = "mistral"\nmodel_id = "mistral-medium-latest"',
    )
    weights = told("matrix", MATRIX, new, traffic(slots)).projection
    assert weights is not None
    assert weights.before.shares() == {"google": 25.0, "openai": 75.0}
    assert weights.after.shares() == {"mistral": 25.0, "openai": 75.0}
    assert weights.before.fallback_pct == weights.after.fallback_pct == 25.0


def test_more_judging_costs_more() -> None:
    """A critic that is asked always where it was asked on escalation is projected with its layer's calls."""
    new = MATRIX.replace('[L0]\ncritic_policy = "on_escalation"', '[L0]\ncritic_policy = "always"')
    slots = {("L0", "primary", "openai", "gpt-5-nano"): (50, 50_000, 10_000)}
    weights = told("matrix", MATRIX, new, traffic(slots)).projection
    assert weights is not None
    critic = next(after for _, after in weights.pairs() if after.slot == "L0.critic")
    assert critic.calls == 50
    assert weights.after.cost > weights.before.cost


def test_the_only_verified_candidate_is_not_removed_in_silence() -> None:
    """A chain that keeps a verified candidate is fine; one that loses its last is not."""
    new = put("L2", "primary", "gpt-5-mini", "gpt-5.2")
    assert "only_verified_removed" in codes(told("matrix", MATRIX, new, verified=frozenset({"gpt-5-mini"})))
    both = frozenset({"gpt-5-mini", "gemini-2.5-flash"})
    kept = told("matrix", MATRIX, new, verified=both)
    assert not any("L2" in one.message for one in kept.concerns if one.code == "only_verified_removed")


def test_a_real_lock_vouches_until_the_registry_or_a_price_says_otherwise(tmp_path: Path) -> None:
    """By a signed lock: another model, a changed entry, a changed price each take the verification away."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    ws = Workspace(tmp_path)
    write_lock(tmp_path, lock_file(load_configs(ws, today=TODAY), at=NOW))
    later = NOW + timedelta(hours=1)

    def lost(kind: str, old: str, new: str, at: datetime = later) -> set[str]:
        text = SOURCES.main[kind].text
        assert old in text
        found = concerns(ws, target_named(kind), text, text.replace(old, new, 1), at)
        return {one.message.split()[0] for one in found if one.code == "only_verified_removed"}

    assert lost("matrix", "# --- L2", "# --- of L2") == set()
    assert lost("prices", "input_usd_per_mtok = 1.75", "input_usd_per_mtok = 1.76") == {
        "L1.critic", "L2.critic", "L4.critic",
    }  # fmt: skip
    entry = 'model_id = "gpt-5-mini"\nfamily = "gpt-5"'
    assert lost("models", entry, entry.replace('"gpt-5"', '"gpt-5x"')) == {"L0.critic"}
    expired = NOW + timedelta(days=40)
    assert lost("models", entry, entry.replace('"gpt-5"', '"gpt-5x"'), expired) == set()


def test_a_lower_sod_rule_and_a_judge_that_is_what_it_judges_are_told() -> None:
    """Less difference asked for, or less difference there: both weaken; more asked for does not."""
    lower = MATRIX.replace('sod = "model"', 'sod = "family"')
    assert codes(told("matrix", lower, MATRIX)) == {"sod_weakened"}
    assert codes(told("matrix", MATRIX, lower)) == set()
    alike = told("matrix", MATRIX, put("L2", "primary", "gpt-5-mini", "gpt-5.2"))
    assert any("L2.critic" in one.message for one in alike.concerns if one.code == "sod_weakened")


LAST_FALLBACK = (
    '[L0.fallback]\nprovider = "google"\nmodel_id = "gemini-2.5-flash-lite"\ntimeout_s = 30\n'
    "max_output_tokens = 2000\n"
)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('[L3]\ncritic_policy = "always"', '[L3]\ncritic_policy = "sampled:0.5"', "critic_weakened"),
        ("degraded = true", "degraded = false", "critic_weakened"),
        ('forbidden_providers = ["anthropic"]', "forbidden_providers = []", "forbidden_removed"),
        ('"together", "azure"]', '"together", "azure", "other"]', "provider_allowed"),
        (LAST_FALLBACK, "", "fallback_lost"),
    ],
)
def test_guards_of_the_matrix_are_not_lowered_in_silence(old: str, new: str, code: str) -> None:
    """Each way to be less careful is a concern; the way back is not."""
    assert old in MATRIX
    changed = MATRIX.replace(old, new, 1)
    assert code in codes(told("matrix", MATRIX, changed))
    assert code not in codes(told("matrix", changed, MATRIX))


@pytest.mark.parametrize("line", ['base_url = "https://evil.example/v1"', 'deployment = "other"'])
@pytest.mark.parametrize("slot", ["[L0.primary]\n", "[L2.critic]\n", "[L0.fallback]\n"])
def test_another_address_is_confirmed_in_every_phase(slot: str, line: str) -> None:
    """There and back: whoever answers there gets prompts and key, and nothing else tells."""
    assert slot in MATRIX
    moved = MATRIX.replace(slot, f"{slot}{line}\n", 1)
    for old, new in ((MATRIX, moved), (moved, MATRIX)):
        (found,) = [one for one in told("matrix", old, new).concerns if one.code == "address_changed"]
        assert "prompts and the provider's key go to" in found.message
        assert any(line.partition('"')[2].rstrip('"') in one for one in found.figures.values())
    timed = MATRIX.replace("timeout_s = 30", "timeout_s = 31", 1)
    assert "address_changed" not in codes(told("matrix", MATRIX, timed))


@pytest.mark.parametrize(
    ("kind", "old", "new", "code"),
    [
        ("budgets", "[call]\nmax_tokens = 450_000", "[call]\nmax_tokens = 900_000", "limit_raised"),
        ("budgets", "max_cost_eur = 1000.00", "", "limit_raised"),
        ("budgets", "eur_per_usd = 0.88", "eur_per_usd = 0.08", "rate_falls"),
        ("budgets", "eur_per_usd = 0.88", "eur_per_usd = 1.88", "cost_rises"),
        ("prices", "output_usd_per_mtok = 168.0", "output_usd_per_mtok = 1.0", "price_falls"),
        ("prices", "output_usd_per_mtok = 168.0", "output_usd_per_mtok = 368.0", "price_rises"),
        ("control", "cooldown_s = 300", "cooldown_s = 10", "control_loosened"),
        ("control", "limit_pct = 50.0", "limit_pct = 90.0", "control_loosened"),
        ("models", "shutdown = 2026-12-11", "shutdown = 2036-12-11", "model_kept_longer"),
        ("models", "allowed = false\nendpoint", "allowed = true\nendpoint", "model_kept_longer"),
    ],
)
def test_figures_that_make_going_on_easier_are_told(kind: str, old: str, new: str, code: str) -> None:
    """Limits, prices, waits and ends of models: each change for the more dangerous is a concern."""
    text = SOURCES.main[kind].text
    if old not in text:  # nothing shipped is refused
        text = text.replace(new, old, 1)
    assert old in text
    assert code in codes(told(kind, text, text.replace(old, new, 1)))


def test_small_rises_are_not_asked_about() -> None:
    """Below the percentage of the control settings nothing is asked."""
    text = SOURCES.main["budgets"].text
    assert (
        codes(told("budgets", text, text.replace("max_cost_eur = 1000.00", "max_cost_eur = 1190.00")))
        == set()
    )


SCOPE = (
    '[scope]\nlayer_id = "L2"\nautonomy_level = "RO/REC"\n[outputs]\nforbidden = ["orders"]\n'
    '[tooling]\nallowed = ["files"]\n[web_access]\nallowed_domains = ["ecb.europa.eu"]\n'
    'rate_limit_per_hour = 10\n[logging]\nrequired_fields = ["run_id"]\n'
)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('forbidden = ["orders"]', "forbidden = []", "forbidden_removed"),
        ('"RO/REC"', '"PROP"', "scope_widened"),
        ('allowed = ["files"]', 'allowed = ["files", "web"]', "scope_widened"),
        ('allowed_domains = ["ecb.europa.eu"]', "allowed_domains = []", "scope_widened"),
        ('["ecb.europa.eu"]', '["ecb.europa.eu", "example.org"]', "scope_widened"),
        ("rate_limit_per_hour = 10", "rate_limit_per_hour = 11", "scope_widened"),
        ('required_fields = ["run_id"]', "required_fields = []", "scope_widened"),
    ],
)
def test_a_scope_is_not_widened_in_silence(old: str, new: str, code: str) -> None:
    """What is no longer forbidden, a tool, a domain or a level more, less on record: the way back is none."""
    assert old in SCOPE
    wider = SCOPE.replace(old, new)
    assert codes(told("scopes/L2", SCOPE, wider)) == {code}
    assert codes(told("scopes/L2", wider, SCOPE)) == set()


def test_a_flat_scope_is_weighed_by_what_it_comes_to() -> None:
    """The other form of a scope says the same things: tables of truth values."""
    old = 'layer_id = "L2"\nautonomy = "RO"\n[outputs_forbidden]\norders = true\n'
    assert codes(told("scopes/L2", old, old.replace("true", "false"))) == {"forbidden_removed"}


def test_what_stood_unreadable_before_cannot_be_passed_over() -> None:
    """A file broken from outside first is no way around the weighing."""
    assert codes(told("matrix", "[broken", MATRIX)) == {"not_weighed"}
    assert "cost_rises" in codes(told("matrix", "x = 1", MATRIX))  # what is left of it is weighed
    assert codes(told("scopes/L2", "x = 1", '[scope]\nlayer_id = "L2"\nautonomy_level = "RO"\n')) == {
        "not_weighed"
    }
    assert "not_weighed" not in codes(told("control", "", SOURCES.main["control"].text))
    assert codes(told("prompts/market-outlook@1", "old words", "new words")) == set()
    assert codes(told("matrix", MATRIX, "[broken")) == set()


def test_traffic_is_read_from_the_ledger_and_its_span_said(tmp_path: Path) -> None:
    """Calls by slot of the last day with p95 by model; a young ledger says how little it knows."""
    seed_ledger(tmp_path / "audits" / "ledger.db", end=NOW, calls=120, per_second=0.1)
    seen = read_traffic(Workspace(tmp_path), NOW)
    assert seen.calls > 60
    assert seen.basis == f"since {span_text(seen.covered_s)}, {seen.calls} calls"
    assert 900 < seen.covered_s < 1_300
    assert seen.p95_ms("L0", "primary", "openai", "gpt-5-nano") is not None
    assert seen.p95_ms("L2", "primary", "openai", "never-called") is None
    assert read_traffic(Workspace(tmp_path), NOW + timedelta(days=3)).calls == 0
    assert read_traffic(Workspace(tmp_path / "nowhere"), NOW).basis == "no traffic: worst case per call"


def test_a_workspace_is_weighed_as_it_stands() -> None:
    """The door reads the other configs from disk; the same text is never weighed."""
    target = target_named("matrix")
    assert concerns(Workspace(ROOT), target, MATRIX, MATRIX, NOW) == ()
    found = concerns(Workspace(ROOT), target, MATRIX.replace('sod = "model"', 'sod = "family"'), MATRIX, NOW)
    assert {one.code for one in found} == {"sod_weakened"}


def test_money_and_spans_are_short_and_never_rounded_away() -> None:
    """Small amounts show two digits, large ones cents; spans read as hours or minutes."""
    assert [eur(one) for one in (0, 1_234_567_890, 91_000_000, 12_345, 1, None)] == [
        "0.00", "1.23", "0.091", "0.000012", "0.000000001", "none",
    ]  # fmt: skip
    assert [span_text(one) for one in (86_400, 23_400, 720, 3)] == ["24 h", "6.5 h", "12 min", "1 min"]
