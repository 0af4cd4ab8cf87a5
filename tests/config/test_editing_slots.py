"""Changes as people type them: keys, slots and values."""

import string
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.config.editing.changes import ABSENT, Change
from peak_console.config.editing.slots import changes_of, found, path_of, removals_of, slots_of, typed
from peak_console.domain.errors import UsageWrong

MATRIX: dict[str, Any] = {
    "L0": {"primary": {"provider": "openai", "model_id": "a", "timeout_s": 9}, "fallback": {"model_id": "b"}},
    "L1": {
        "primary": {"provider": "azure", "model_id": "a", "deployment": "d", "base_url": "https://x"},
        "fallback": [{"model_id": "b"}, {"model_id": "c"}],
        "critic": {"service": "L4"},
    },
    "L4": {"critic": {"provider": "openai", "model_id": "z", "timeout_s": 3}},
}
MODELS = {"model": [{"provider": "p", "model_id": "m"}, {"provider": "q", "model_id": "m"}]}


def named(word: str) -> tuple[str, str]:
    """Provider and model as they stand in the word."""
    provider, _, model = word.partition(":")
    return provider, model


def changes(*pairs: str) -> dict[tuple[str | int, ...], Any]:
    """What a matrix's change asks for, by path."""
    return {one.path: one.value for one in changes_of("matrix", MATRIX, pairs, named)}


def code_of(*pairs: str, kind: str = "matrix", data: Any = MATRIX) -> str:
    """Why a change is refused."""
    with pytest.raises(UsageWrong) as wrong:
        changes_of(kind, data, pairs, named)
    assert wrong.value.remedy
    return wrong.value.code


def test_a_slot_takes_a_model() -> None:
    """Provider and model only: what else stands in the slot stays."""
    assert changes("L0.primary", "openai:x:1") == {
        ("L0", "primary", "provider"): "openai",
        ("L0", "primary", "model_id"): "x:1",
    }
    assert changes("L2.primary", "p:m") == {("L2", "primary"): {"provider": "p", "model_id": "m"}}


def test_what_was_the_old_models_own_goes_with_it() -> None:
    """A deployment with the model, an address with the provider."""
    assert changes("L1.primary", "azure:b")[("L1", "primary", "deployment")] is ABSENT
    assert ("L1", "primary", "base_url") not in changes("L1.primary", "azure:b")
    assert changes("L1.primary", "openai:a")[("L1", "primary", "base_url")] is ABSENT
    assert set(changes("L1.primary", "azure:a")) == {
        ("L1", "primary", "provider"),
        ("L1", "primary", "model_id"),
    }


def test_fallbacks_are_named_by_their_place() -> None:
    """A lone table is place 0; of several one must say which; one more comes at the end."""
    assert list(changes("L0.fallback", "p:m")) == [
        ("L0", "fallback", 0, "provider"),
        ("L0", "fallback", 0, "model_id"),
    ]
    assert list(changes("L0.fallback+", "p:m")) == [("L0", "fallback", 1)]
    assert list(changes("L1.fallback[+]", "p:m")) == [("L1", "fallback", 2)]
    assert list(changes("L2.fallback", "p:m")) == [("L2", "fallback", 0)]
    assert code_of("L1.fallback", "p:m") == "slot_ambiguous"


def test_a_critic_may_be_a_layer() -> None:
    """Either way round, and nothing of what it was before stays."""
    assert changes("L4.critic", "service:L3") == {
        ("L4", "critic", "service"): "L3",
        ("L4", "critic", "provider"): ABSENT,
        ("L4", "critic", "model_id"): ABSENT,
        ("L4", "critic", "timeout_s"): ABSENT,
    }
    assert changes("L1.critic", "p:m")[("L1", "critic", "service")] is ABSENT


@pytest.mark.parametrize(
    ("text", "standing", "value"),
    [
        ("60", ABSENT, 60),
        ("60", "x", "60"),
        ("2.5", Decimal(1), Decimal("2.5")),
        ("true", ABSENT, True),
        ("family", "model", "family"),
        ('"60"', ABSENT, "60"),
        ('["a", "b"]', ["c"], ["a", "b"]),
        ("1\nx = 2", ABSENT, "1\nx = 2"),
        ("", "x", ""),
        ("[", ABSENT, "["),
    ],
)
def test_values_are_toml_or_text(text: str, standing: object, value: object) -> None:
    """Nothing is smuggled in by a line end; what is text stays text."""
    read = typed(text, standing)
    assert (read, type(read)) == (value, type(value))


def test_a_table_is_named_by_its_model() -> None:
    """By provider and id, or the id alone where one has it; else by its place."""
    assert path_of("model[q:m].allowed", MODELS) == ("model", 1, "allowed")
    assert path_of("model[0].allowed", MODELS) == ("model", 0, "allowed")
    assert code_of("model[m].allowed", "true", kind="models", data=MODELS) == "key_unmatched"
    assert code_of("model[x].allowed", "true", kind="models", data=MODELS) == "key_unmatched"


@pytest.mark.parametrize(
    "key", ["", ".", "L0.", ".L0", "L0..x", "L0 x", "L0[", "L0[]", "L0]", "a[1]b", 'a."']
)
def test_what_is_no_key_is_refused(key: str) -> None:
    """Before anything is read or written."""
    assert code_of(key, "1") == "key_malformed"


@pytest.mark.parametrize("pairs", [(), ("L0.primary",), ("L0.sod", "model", "L0.primary")])
def test_a_key_without_a_value_is_refused(pairs: tuple[str, ...]) -> None:
    """Nothing is set by half."""
    assert code_of(*pairs) == "pair_incomplete"


def test_elements_go_from_the_last() -> None:
    """So that each index means what it did when it was typed; twice the same is once."""
    gone = removals_of(MATRIX, ["L1.fallback[0]", "L1.fallback[1]", "L1.fallback[0]", "L0.critic"][:3])
    assert gone == [Change(("L1", "fallback", 1), ABSENT), Change(("L1", "fallback", 0), ABSENT)]
    for keys, code in ((["L0.critic"], "key_absent"), ([], "pair_incomplete")):
        with pytest.raises(UsageWrong) as wrong:
            removals_of(MATRIX, keys)
        assert wrong.value.code == code


def test_slots_are_told_as_they_are_typed() -> None:
    """Each of them leads back to what stands there, but for one more."""
    names = slots_of(MATRIX)
    assert names[:3] == ["L0.primary", "L0.fallback[0]", "L0.fallback+"]
    assert all(found(MATRIX, path_of(name, MATRIX)) is not ABSENT for name in names if name[-1] != "+")


@given(st.text(alphabet=string.printable, max_size=40))
def test_any_text_is_a_path_or_refused(key: str) -> None:
    """Never another error, and a path leads nowhere but where it says."""
    try:
        path = path_of(key, MATRIX)
    except UsageWrong:
        return
    assert path
    assert isinstance(path[0], str)


@pytest.mark.parametrize(
    ("key", "kind", "meant"),
    [
        ("L2.fallback.0", "matrix", "L2.fallback[0]"),
        ("L2.fallback.0.timeout_s", "matrix", "L2.fallback[0].timeout_s"),
        ("model.1.allowed", "models", "model[1].allowed"),
    ],
)
def test_a_place_behind_a_dot_is_no_key(key: str, kind: str, meant: str) -> None:
    """``L2.fallback.0`` would write a key named 0 where a list stands: it is refused, with what was meant."""
    with pytest.raises(UsageWrong) as refused:
        path_of(key, MODELS if kind == "models" else MATRIX)
    assert refused.value.code == "key_malformed"
    assert meant in refused.value.remedy
    assert path_of('L2.fallback."0"', MATRIX) == ("L2", "fallback", "0")
    assert path_of("L2.0", MATRIX) == ("L2", "0")
