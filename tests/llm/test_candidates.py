from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from road import MATRIX, MODELS, write_workspace
from support.locks import locked

from peak_console.config.configs import Configs
from peak_console.config.load import load_configs
from peak_console.config.matrix import ChainEntry, Matrix
from peak_console.domain.errors import CallRefused
from peak_console.domain.redaction import redactor
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.llm.candidates import Facts, survey

TODAY = datetime.now(UTC).date()
SIMULATOR = "calls of a demo workspace go to its simulator: start it with peak demo"
FACTS = Facts(today=TODAY, phase=PhaseLevel.RESEARCH, keys=frozenset({"openai", "google"}))


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Configs:
    """The small workspace's configs."""
    return made(tmp_path_factory.mktemp("candidates") / "ws")


def made(root: Path, *, matrix: str = MATRIX, models: str = MODELS) -> Configs:
    """Configs of a workspace with these files."""
    return load_configs(write_workspace(root, matrix=matrix, models=models), today=TODAY)


def verified(configs: Configs) -> Configs:
    """Configs with a lock of all that their matrix uses."""
    return locked(configs, at=datetime.combine(TODAY, time.min, UTC))


def reasons(configs: Configs, facts: Facts = FACTS, layer: Layer = Layer.L2) -> list[str]:
    """Each candidate's reason in a slot; from shadow on of models that are verified."""
    configs = verified(configs) if facts.phase.at_least(PhaseLevel.SHADOW) else configs
    return [one.row()["reason"] for one in survey(configs, layer, Role.PRIMARY, facts)]


class Scheming(Matrix):
    """A matrix that hands out whatever it is told to, as a broken or forged file might."""


def forged(configs: Configs, **changes: object) -> Configs:
    """Configs whose L2 chain is one entry that no linter has seen."""
    entry = replace(configs.matrix.chain(Layer.L2, Role.PRIMARY)[0], **changes)  # type: ignore[arg-type]
    matrix = Scheming(configs.matrix.global_, configs.matrix.layers, configs.matrix.digest)
    chain: tuple[ChainEntry, ...] = (entry,)
    object.__setattr__(matrix, "chain", lambda *_: chain)
    return replace(configs, matrix=matrix)


def test_an_admitted_candidate_says_price_and_place(configs: Configs) -> None:
    """A row names its price's source, role and position."""
    rows = [one.row() for one in survey(configs, Layer.L2, Role.PRIMARY, FACTS)]
    assert [(row["role"], row["position"], row["admitted"]) for row in rows] == [
        ("primary", 0, True),
        ("fallback", 1, True),
    ]
    assert rows[0]["price_source"] == "test"
    assert (rows[0]["input_usd_per_mtok"], rows[0]["output_usd_per_mtok"]) == ("0.25", "2.00")
    assert {row["verified"] for row in rows} == {"no_lock"}


@pytest.mark.parametrize("layer", [Layer.L5, Layer.L6])
@pytest.mark.parametrize("role", list(Role))
def test_l5_and_l6_are_refused_whatever_a_file_says(configs: Configs, layer: Layer, role: Role) -> None:
    """The refusal comes before the matrix is asked, so no file can change it."""
    with pytest.raises(CallRefused) as caught:
        survey(forged(configs), layer, role, FACTS)
    assert caught.value.code == "layer_has_no_models"


def test_a_chain_cannot_lead_into_l5(configs: Configs) -> None:
    """An entry that stands in L5 or L6 is refused even when another layer's chain leads there."""
    assert reasons(forged(configs, layer=Layer.L5)) == ["layer_has_no_models"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"provider": "anthropic"}, "forbidden_provider"),
        ({"model_id": "Claude-3"}, "forbidden_model"),
        ({"deployment": "my-cl\u0430ude"}, "forbidden_model"),
        ({"base_url": "https://api.anthropic.com/v1"}, "forbidden_base_url"),
        ({"provider": "mistral"}, "provider_not_allowed"),
        ({"model_id": "gpt-9"}, "model_not_allowed"),
        ({"base_url": "http://example.com/v1"}, "base_url_refused"),
    ],
)
def test_every_guard_is_asked_again_here(configs: Configs, changes: dict[str, object], reason: str) -> None:
    """Nothing relies on the linter having seen the file."""
    assert reasons(forged(configs, **changes)) == [reason]


def test_a_job_is_told_the_file_that_its_keys_are_written_into(configs: Configs) -> None:
    """An export in a shell reaches no job; the remedy names file and variable, and passes redaction whole."""
    facts = replace(FACTS, keys=frozenset({"google"}))
    refused = [
        survey(configs, Layer.L2, Role.PRIMARY, one)[0].refusal
        for one in (facts, replace(facts, key_file="/k/d.env"))
    ]
    remedies = [one.remedy for one in refused if one is not None]
    assert remedies == [
        "export OPENAI_API_KEY",
        "write OPENAI_API_KEY into /k/d.env as NAME=value, mode 0600",
    ]
    assert [redactor()(one) for one in remedies] == remedies


def test_a_missing_key_price_rate_or_endpoint_refuses(configs: Configs, tmp_path: Path) -> None:
    """Each lack is a reason of its own; nothing is taken as zero or free."""
    assert reasons(configs, replace(FACTS, keys=frozenset({"google"}))) == ["key_missing", "admitted"]
    assert reasons(configs, replace(FACTS, today=date(2020, 1, 1))) == ["price_missing", "price_missing"]
    no_rate = replace(configs, budgets=replace(configs.budgets, eur_per_usd=None))
    assert reasons(no_rate) == ["currency_rate_missing"] * 2
    other = MODELS.replace('endpoint = "generate_content"', 'endpoint = "converse"')
    assert reasons(made(tmp_path / "ws", models=other)) == ["admitted", "endpoint_unsupported"]
    assert reasons(configs, replace(FACTS, down=frozenset({"openai"}))) == ["provider_down", "admitted"]


def test_a_model_past_its_shutdown_date_is_refused(tmp_path: Path) -> None:
    """The registry's date decides, from that day on; before it the row names it."""
    lifecycle = '[model.lifecycle]\nshutdown = 2026-12-11\nsuccessor = "openai:gpt-6"\nsource = "test"\n'
    models = MODELS.replace('refuses = ["temperature"]\n', 'refuses = ["temperature"]\n' + lifecycle)
    found = made(tmp_path / "ws", models=models)
    before = survey(found, Layer.L2, Role.PRIMARY, replace(FACTS, today=date(2026, 12, 10)))[0]
    assert before.row()["lifecycle"] == "shutdown 2026-12-11, successor openai:gpt-6"
    gone = replace(FACTS, today=date(2026, 12, 11))
    assert reasons(found, gone) == ["model_shut_down", "admitted"]
    refusal = survey(found, Layer.L2, Role.PRIMARY, gone)[0].refusal
    assert refusal is not None
    assert refusal.remedy == "set openai:gpt-6 in [L2.primary] in configs/ai/layer_model_matrix.toml"


@pytest.mark.parametrize(
    ("url", "simulated", "phase", "reason"),
    [
        ("http://127.0.0.1:1/v1", True, PhaseLevel.RESEARCH, "admitted"),
        ("http://127.0.0.1:1/v1", True, PhaseLevel.SHADOW, "admitted"),
        ("https://proxy.example/v1", True, PhaseLevel.RESEARCH, "base_url_refused"),
        ("https://proxy.example/v1", False, PhaseLevel.RESEARCH, "admitted"),
        ("https://proxy.example/v1", False, PhaseLevel.SHADOW, "base_url_refused"),
        ("https://proxy.example/v1", False, PhaseLevel.LIVE, "base_url_refused"),
        ("http://proxy.example/v1", False, PhaseLevel.RESEARCH, "base_url_refused"),
        ("https://claude.example/v1", False, PhaseLevel.RESEARCH, "forbidden_base_url"),
        ("https://claude.example/v1", True, PhaseLevel.RESEARCH, "forbidden_base_url"),
    ],
)
def test_addresses_from_the_environment(
    configs: Configs, url: str, phase: PhaseLevel, reason: str, *, simulated: bool
) -> None:
    """Decision 29, and: a simulation calls this machine only, without asking for a key."""
    facts = Facts(
        today=TODAY,
        phase=phase,
        simulated=simulated,
        base_urls={"openai": url},
        keys=frozenset() if simulated else FACTS.keys,
    )
    assert reasons(configs, facts)[0] == reason


def test_a_real_key_in_a_simulation_is_refused(configs: Configs) -> None:
    """Only where it is set, and only in a simulation; the remedy names the variable."""
    here = {"openai": "http://127.0.0.1:1/v1", "google": "http://127.0.0.1:1/v1"}
    facts = replace(FACTS, simulated=True, base_urls=here, real_keys=frozenset({"openai"}))
    assert reasons(configs, facts) == ["real_key_in_simulation", "admitted"]
    assert reasons(configs, replace(facts, simulated=False)) == ["admitted", "admitted"]
    refusal = survey(configs, Layer.L2, Role.PRIMARY, facts)[0].refusal
    assert refusal is not None
    assert refusal.remedy == "unset OPENAI_API_KEY: a demo workspace takes no real key"


@pytest.mark.parametrize(
    ("url", "simulated", "remedy"),
    [
        (None, True, SIMULATOR),
        (
            "https://proxy.example/v1",
            True,
            f"unset PEAK_PROVIDER_OPENAI_BASE_URL; {SIMULATOR}",
        ),
        (
            "http://proxy.example/v1",
            False,
            "unset PEAK_PROVIDER_OPENAI_BASE_URL or set base_url in the matrix",
        ),
    ],
)
def test_a_refused_address_says_what_helps(
    configs: Configs, url: str | None, remedy: str, *, simulated: bool
) -> None:
    """Nobody is told to unset what is not set."""
    facts = replace(FACTS, simulated=simulated, base_urls={"openai": url} if url else {})
    refusal = survey(configs, Layer.L2, Role.PRIMARY, facts)[0].refusal
    assert refusal is not None
    assert (refusal.reason, refusal.remedy) == ("base_url_refused", remedy)


def test_an_unfit_address_of_the_matrix_is_changed_there(configs: Configs) -> None:
    """Where the environment names none, there is nothing to unset."""
    entry = forged(configs, base_url="http://example.com/v1")
    refusal = survey(entry, Layer.L2, Role.PRIMARY, FACTS)[0].refusal
    assert refusal is not None
    assert refusal.remedy == "change base_url in the matrix"


@given(
    provider=st.sampled_from(["openai", "google", "anthropic", "x"]),
    model=st.text(max_size=20),
    url=st.one_of(st.none(), st.text(max_size=40)),
    override=st.text(max_size=40),
    simulated=st.booleans(),
)
def test_no_entry_breaks_the_survey(
    configs: Configs, provider: str, model: str, url: str | None, override: str, *, simulated: bool
) -> None:
    """Whatever stands in a chain, each candidate is admitted or refused with a reason, never an exception."""
    facts = replace(FACTS, base_urls={provider: override}, simulated=simulated)
    entry = forged(configs, provider=provider, model_id=model, base_url=url)
    (found,) = survey(entry, Layer.L2, Role.PRIMARY, facts)
    assert (found.usable is None) == (found.refusal is not None)


OTHERS = """
[[model]]
provider = "azure"
model_id = "gpt-5.2"
family = "gpt-5"
allowed = true
endpoint = "chat"
context_tokens = 400000
max_output_tokens = 128000
deployments = ["desk-analyst"]

[[model]]
provider = "bedrock"
model_id = "amazon.nova-lite-v1:0"
family = "nova"
allowed = true
endpoint = "converse"
context_tokens = 300000
max_output_tokens = 5000
deployments = ["eu.amazon.nova-lite-v1:0"]

[[model]]
provider = "bedrock"
model_id = "openai.gpt-oss-120b-1:0"
family = "gpt-oss"
allowed = true
endpoint = "chat"
context_tokens = 128000
max_output_tokens = 5000
"""
AZURE = {"provider": "azure", "model_id": "gpt-5.2", "deployment": "desk-analyst"}
NOVA = {"provider": "bedrock", "model_id": "amazon.nova-lite-v1:0"}
OSS = {"provider": "bedrock", "model_id": "openai.gpt-oss-120b-1:0"}
RESOURCE = "https://desk.openai.azure.com"
REGION = "https://bedrock-runtime.eu-central-1.amazonaws.com"
SIX = replace(
    FACTS,
    keys=frozenset({"azure", "bedrock", "openai", "google"}),
    addresses={"azure": RESOURCE, "bedrock": REGION},
)


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Configs:
    """Configs that allow Azure and Bedrock as well, with a price for each of their models."""
    configs = made(
        tmp_path_factory.mktemp("six") / "ws",
        matrix=MATRIX.replace('["openai", "google"]', '["openai", "google", "azure", "bedrock"]'),
        models=MODELS + OTHERS,
    )
    price = configs.prices.rows["openai", "gpt-5.2"]
    named = {("azure", "gpt-5.2"), ("bedrock", NOVA["model_id"]), ("bedrock", OSS["model_id"])}
    rows = {**configs.prices.rows, **dict.fromkeys(named, price)}
    return replace(configs, prices=replace(configs.prices, rows=rows))


@pytest.mark.parametrize(
    ("changes", "facts", "reason"),
    [
        (AZURE, SIX, "admitted"),
        (AZURE | {"deployment": "somebody-elses"}, SIX, "deployment_unknown"),
        (AZURE | {"deployment": None}, SIX, "deployment_unknown"),
        (AZURE, replace(SIX, addresses={}), "address_missing"),
        (AZURE, replace(SIX, addresses={}, simulated=True), "address_missing"),
        (AZURE | {"base_url": "https://other.openai.azure.com"}, replace(SIX, addresses={}), "admitted"),
        (AZURE, replace(SIX, addresses={"azure": "https://claude.openai.azure.com"}), "forbidden_base_url"),
        (AZURE, replace(SIX, addresses={"azure": "http://desk.example"}), "base_url_refused"),
        (AZURE, replace(SIX, addresses={"azure": "desk.openai.azure.com"}), "base_url_refused"),
        (AZURE, replace(SIX, simulated=True), "base_url_refused"),
        (AZURE, replace(SIX, phase=PhaseLevel.LIVE), "admitted"),
        (NOVA, SIX, "admitted"),
        (NOVA | {"deployment": "eu.amazon.nova-lite-v1:0"}, SIX, "admitted"),
        (NOVA | {"deployment": "us.amazon.nova-lite-v1:0"}, SIX, "deployment_unknown"),
        (NOVA, replace(SIX, addresses=None), "address_missing"),
        (NOVA, replace(SIX, signing_only=frozenset({"bedrock"})), "admitted"),
        (OSS, replace(SIX, signing_only=frozenset({"bedrock"})), "key_missing"),
        (OSS, SIX, "admitted"),
    ],
)
def test_azure_and_bedrock_are_reached_by_what_the_environment_tells(
    six: Configs, changes: dict[str, object], facts: Facts, reason: str
) -> None:
    """Endpoint, region and deployment each must be known, and pass what every address passes."""
    assert reasons(forged(six, **changes), facts) == [reason]


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://desk.openai.azure.com", True),
        ("https://desk.openai.azure.com/openai/v1", True),
        ("https://Desk.services.ai.azure.com:443", True),
        ("https://desk.cognitiveservices.azure.com", True),
        ("https://desk.openai.azure.us", True),
        ("https://desk.cognitiveservices.azure.us", True),
        ("https://desk.openai.azure.cn", True),
        ("https://desk.privatelink.openai.azure.com", True),
        ("https://proxy.example", False),
        ("https://openai.azure.com", False),
        ("https://desk.openai.azure.com.example", False),
        ("https://desk.openai.azure.com:8443", False),
        ("https://deskopenai.azure.com", False),
        ("https://desk.openai.azure.de", False),
        ("https://a.b.openai.azure.com", False),
        ("https://d\u0435sk.openai.azure.com", False),
        ("https://desk.openai.\u0430zure.com", False),
        ("http://127.0.0.1:9", False),
    ],
)
def test_an_endpoint_from_the_environment_is_azures_own_from_shadow_on(
    six: Configs, url: str, *, own: bool
) -> None:
    """Decision 29 holds for every variable: elsewhere prompts and key go only where the matrix says."""
    told = replace(SIX, addresses={"azure": url})
    assert reasons(forged(six, **AZURE), told) == ["admitted"]
    for phase in (PhaseLevel.SHADOW, PhaseLevel.LIVE):
        later = replace(told, phase=phase)
        (found,) = survey(verified(forged(six, **AZURE)), Layer.L2, Role.PRIMARY, later)
        assert (found.refusal is None) == own
        if found.refusal is not None:
            assert found.refusal.reason == "base_url_refused"
            assert found.refusal.remedy.startswith(
                "set AZURE_OPENAI_ENDPOINT to an address of azure's own, or"
            )
        assert reasons(forged(six, **AZURE, base_url=url), later) == ["admitted"]


def test_an_address_from_the_environment_is_said_to_be_one(six: Configs) -> None:
    """It goes into the event wherever it came from there, and not where the matrix names it."""

    def told(facts: Facts, **changes: object) -> tuple[str, bool]:
        (found,) = survey(forged(six, **{**AZURE, **changes}), Layer.L2, Role.PRIMARY, facts)
        assert found.usable is not None
        return found.usable.base_url, found.usable.base_url_overridden

    assert told(SIX) == (RESOURCE, True)
    assert told(SIX, base_url="https://m.openai.azure.com") == ("https://m.openai.azure.com", False)
    elsewhere = replace(SIX, base_urls={"azure": "https://proxy.example"})
    assert told(elsewhere) == ("https://proxy.example", True)


def test_a_refusal_names_every_variable_that_would_do(six: Configs) -> None:
    """Bedrock takes its own key or access keys; a missing address names what tells it."""

    def remedy(changes: dict[str, object], facts: Facts) -> str:
        (found,) = survey(forged(six, **changes), Layer.L2, Role.PRIMARY, facts)
        assert found.refusal is not None
        return found.refusal.remedy

    assert (
        remedy(NOVA, replace(SIX, keys=frozenset())) == "export AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS_KEY_ID"
    )
    assert remedy(OSS, replace(SIX, keys=frozenset())) == "export AWS_BEARER_TOKEN_BEDROCK"
    assert remedy(NOVA, replace(SIX, addresses={})) == "export AWS_REGION"
    assert remedy(AZURE, replace(SIX, addresses={})) == "export AZURE_OPENAI_ENDPOINT"
