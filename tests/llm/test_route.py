from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from road import write_workspace
from test_candidates import TODAY

from peak_console.config.configs import Configs
from peak_console.config.load import load_configs
from peak_console.control.scopes import Halts
from peak_console.domain.errors import CallRefused, UsageWrong
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.llm.route import NAMED_FAILURES, Explanation, explain, parse_failure


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Configs:
    """The small workspace's configs."""
    return load_configs(write_workspace(tmp_path_factory.mktemp("route") / "ws"), today=TODAY)


def told(configs: Configs, *failures: str, layer: Layer = Layer.L2) -> Explanation:
    """The explanation of a slot under these failures."""
    return explain(
        configs, layer, Role.PRIMARY, today=TODAY, failures=[parse_failure(one) for one in failures]
    )


def test_a_plan_names_every_candidate_with_its_bound(configs: Configs) -> None:
    """Without failures the first admitted candidate answers; all are listed, with their bounds."""
    found = told(configs)
    assert [row["model_id"] for row in found.rows] == ["gpt-5-mini", "gemini-2.5-flash"]
    assert all("bound_eur" in row for row in found.rows)
    assert [(step.happens, step.provider) for step in found.steps] == [("answers", "openai")]
    assert found.ends == "answered"


@pytest.mark.parametrize(
    ("failures", "steps", "ends"),
    [
        (["openai:timeout"], ["next", "answers"], "answered"),
        (["openai:429"], ["retried", "next", "answers"], "answered"),
        (["openai/gpt-5-mini:404"], ["next", "answers"], "answered"),
        (["openai:400"], ["stop"], "failed"),
        (["openai:quota"], ["stop"], "failed"),
        (["openai:auth", "google:lost"], ["next", "next"], "abort"),
    ],
)
def test_the_fallback_goes_as_the_road_would(
    configs: Configs, failures: list[str], steps: list[str], ends: str
) -> None:
    """Each simulated failure has the outcome class that the road gives it."""
    found = told(configs, *failures)
    assert [step.happens for step in found.steps] == steps
    assert found.ends == ends


def test_refused_candidates_are_passed_over(configs: Configs) -> None:
    """An endpoint that is not built is refused; a second model of a provider that refused our key as well."""
    found = told(configs, "openai:401", layer=Layer.L1)
    assert [(step.happens, step.reason) for step in found.steps] == [
        ("refused", "endpoint_unsupported"),
        ("next", "authentication"),
    ]
    assert found.ends == "abort"
    assert found.as_dict()["steps"][1]["reason"] == "authentication"


@pytest.mark.parametrize("failure", ["nosuch:timeout", "openai/gpt-5.2:404", "google/gpt-5-mini:429"])
def test_a_failure_of_nobody_in_the_chain_is_wrong_usage(configs: Configs, failure: str) -> None:
    """A misspelt name must not read as a plan that nothing can disturb."""
    with pytest.raises(UsageWrong) as caught:
        told(configs, "openai:timeout", failure)
    assert failure.rpartition(":")[0] in caught.value.message
    assert "openai/gpt-5-mini, google/gemini-2.5-flash" in caught.value.remedy


def test_l5_has_no_route(configs: Configs) -> None:
    """There is nothing to explain where no model may be called."""
    with pytest.raises(CallRefused):
        told(configs, layer=Layer.L5)


def test_a_plan_needs_no_secrets_but_can_ask_for_them(configs: Configs) -> None:
    """Without keys named, all count as set; with none set, all are refused."""
    found = explain(configs, Layer.L2, Role.PRIMARY, today=TODAY, keys=frozenset(), phase=PhaseLevel.RESEARCH)
    assert {step.reason for step in found.steps} == {"key_missing"}


@pytest.mark.parametrize("text", ["openai", "openai:", ":timeout", "openai:soon", "openai:200", "openai:999"])
def test_a_failure_that_is_none_is_wrong_usage(text: str) -> None:
    """What cannot be simulated is said at once, with what can."""
    with pytest.raises(UsageWrong):
        parse_failure(text)


@given(st.sampled_from([*sorted(NAMED_FAILURES), "401", "500", "503"]), st.sampled_from(["openai", "google"]))
def test_every_named_failure_ends_somewhere(how: str, provider: str) -> None:
    """A failure is read back as it was written."""
    found = parse_failure(f"{provider}:{how}")
    assert (found.provider, found.how, found.model_id) == (provider, how, None)
    assert replace(found, model_id="x").hits(provider, "x")


def test_a_plan_tells_what_is_stopped_or_quarantined(configs: Configs) -> None:
    """A stopped layer keeps everybody out, also who has no key; a model that is halted is passed over."""

    def halted(halts: Halts, **more: frozenset[str]) -> Explanation:
        return explain(configs, Layer.L2, Role.PRIMARY, today=TODAY, halts=halts, **more)

    layer = halted(Halts(stopped=("layer:L2",)), keys=frozenset())
    assert [row["reason"] for row in layer.rows] == ["scope_stopped"] * 2
    assert [row["detail"] for row in layer.rows] == ["layer:L2 is stopped"] * 2
    assert "peak enable --scope layer:L2" in layer.rows[0]["remedy"]
    model = halted(Halts(quarantined=("openai:gpt-5-mini",)))
    assert [row["reason"] for row in model.rows] == ["model_quarantined", "admitted"]
    assert [step.happens for step in model.steps] == ["refused", "answers"]
