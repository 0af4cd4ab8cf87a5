import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_names import FORBIDDEN_MODELS, FORBIDDEN_URLS, INNOCENT_MODELS, INNOCENT_URLS

from peak_console.config.defaults import write_demo_configs
from peak_console.config.lint import lint_workspace
from peak_console.config.load import load_configs
from peak_console.config.matrix import GlobalRules, LayerConfig, Slot
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import ConfigInvalid
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.llm.candidates import Facts, survey
from peak_console.policy.deny import deny_echo, deny_redirect, hard_deny

TODAY = datetime.now(UTC).date()
MODELS = [*FORBIDDEN_MODELS.values(), *INNOCENT_MODELS]
URLS = [*FORBIDDEN_URLS.values(), *INNOCENT_URLS]
FIELDS = {"provider": MODELS, "model_id": MODELS, "deployment": MODELS, "base_url": URLS}

Places = Callable[[str, Sequence[str]], dict[str, set[str]]]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Asks each place which of some names, in one field of a slot, it denies."""
    root = tmp_path_factory.mktemp("three-places") / "ws"
    write_demo_configs(root, today=TODAY)
    ws = Workspace(root)
    clean = ws.matrix.read_text(encoding="utf-8")
    configs = load_configs(ws, today=TODAY)

    def ask(field: str, names: Sequence[str]) -> dict[str, set[str]]:
        slots = [{"provider": "openai", "model_id": "gpt-5-mini"} | {field: name} for name in names]
        ws.matrix.write_text(
            clean.replace("[L2.fallback]", "[removed.L2]", 1) + _tables(slots), encoding="utf-8"
        )
        linted = [one.as_dict() for one in lint_workspace(ws, phase=PhaseLevel.RESEARCH, today=TODAY)]
        return {
            "rule": {name for name in names if hard_deny(**{field: name}) is not None},
            "lint": _named(linted, names),
            "load": _named(_load_findings(ws), names),
            "client": _refused(configs, slots, names),
        }

    return ask


def _tables(slots: list[dict[str, str]]) -> str:
    """The slots as an array of tables in TOML; its basic strings are JSON's."""
    lines: list[str] = []
    for slot in slots:
        lines.append("\n[[L2.fallback]]")
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in slot.items()]
    return "\n".join(lines) + "\n"


def _load_findings(ws: Workspace) -> list[dict[str, Any]]:
    try:
        load_configs(ws, today=TODAY)
    except ConfigInvalid as error:
        return list(error.details["findings"])
    return []


def _named(findings: list[dict[str, Any]], names: Sequence[str]) -> set[str]:
    """The names whose slot a finding of the hard deny points at."""
    found = set()
    for finding in findings:
        place = re.match(r"L2\.fallback\[(\d+)\]", finding["message"])
        if finding["rule"].startswith("policy.forbidden_") and place:
            found.add(names[int(place[1])])
    return found


def _refused(configs: Any, slots: list[dict[str, str]], names: Sequence[str]) -> set[str]:
    """What the client's admission denies when such slots are put before it unlinted."""
    unlinted = tuple(Slot.model_construct(**slot) for slot in slots)
    primary = configs.matrix.layers[Layer.L2].primary
    layers = {Layer.L2: LayerConfig.model_construct(primary=primary, fallback=unlinted)}
    rules = GlobalRules.model_construct(
        forbidden_providers=(), forbidden_model_prefixes=(), allowed_providers=(*names, "openai")
    )
    matrix = replace(configs.matrix, layers=layers, global_=rules)
    facts = Facts(today=TODAY, phase=PhaseLevel.RESEARCH, simulated=True)
    candidates = survey(replace(configs, matrix=matrix), Layer.L2, Role.FALLBACK, facts)
    denied = [one.refusal is not None and one.refusal.denial is not None for one in candidates]
    return {name for name, hit in zip(names, denied, strict=True) if hit}


@pytest.mark.parametrize("field", FIELDS)
def test_load_client_and_lint_deny_the_same_names(places: Places, field: str) -> None:
    """Every name of both lists, in every field of a slot: the three places say what the rule says."""
    answers = places(field, FIELDS[field])
    forbidden = FORBIDDEN_URLS if field == "base_url" else FORBIDDEN_MODELS
    assert answers["rule"] == set(forbidden.values())
    for place in ("lint", "load", "client"):
        assert answers[place] == answers["rule"], place


_CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\x7f")
_TEXTS = st.text(_CHARACTERS, min_size=1, max_size=20)
_DISGUISED = st.tuples(_TEXTS, st.sampled_from(list(FORBIDDEN_MODELS.values())), _TEXTS).map("".join)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["provider", "model_id", "deployment"]),
    st.lists(_TEXTS | _DISGUISED, min_size=1, max_size=12, unique=True),
)
def test_they_agree_on_any_names(places: Places, field: str, names: list[str]) -> None:
    """Whatever is written into a slot, no place is milder than another."""
    answers = places(field, names)
    assert answers["lint"] == answers["load"] == answers["client"] == answers["rule"]


@given(st.sampled_from(MODELS))
def test_a_model_asked_for_and_a_model_echoed_are_judged_alike(name: str) -> None:
    """The rule before the send and the rule on the answer are one rule."""
    assert (hard_deny(model_id=name) is None) == (deny_echo(name) is None)


@given(st.sampled_from(URLS))
def test_an_address_asked_and_an_address_redirected_to_are_judged_alike(url: str) -> None:
    """The rule on a base URL and the rule on a redirect are one rule."""
    assert (hard_deny(base_url=url) is None) == (deny_redirect(url) is None)
