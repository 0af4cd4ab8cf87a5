import time
import unicodedata
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_names import FORBIDDEN_MODELS, FORBIDDEN_URLS, INNOCENT_MODELS, INNOCENT_URLS

from peak_console.domain.calls import CallReason
from peak_console.policy.deny import WORDS, Denial, deny_echo, deny_redirect, hard_deny
from peak_console.policy.skeleton import LIMIT, skeleton, word_pattern

NAME_FIELDS = ("provider", "model_id", "family", "deployment")


def test_there_are_enough_cases() -> None:
    """The adversarial list stays as long as was promised."""
    assert len(FORBIDDEN_MODELS) + len(FORBIDDEN_URLS) >= 120


@pytest.mark.parametrize("name", FORBIDDEN_MODELS.values(), ids=FORBIDDEN_MODELS.keys())
def test_a_forbidden_name_is_denied_in_every_field(name: str) -> None:
    """Whatever the disguise, as provider, model, family, deployment and served model alike."""
    for field in NAME_FIELDS:
        denial = hard_deny(**{field: name})
        assert denial is not None, field
        assert denial.field == field
    assert deny_echo(name) is not None


@pytest.mark.parametrize("url", FORBIDDEN_URLS.values(), ids=FORBIDDEN_URLS.keys())
def test_a_forbidden_address_is_denied(url: str) -> None:
    """In userinfo, host, path, query and fragment, as a base URL and as a redirect's target."""
    assert hard_deny(base_url=url) == Denial(
        "forbidden_base_url", "base_url", *_subject_and_message(hard_deny(base_url=url))
    )
    denial = deny_redirect(url)
    assert denial is not None
    assert (denial.rule, denial.field) == ("forbidden_base_url", "redirect")


@pytest.mark.parametrize("name", INNOCENT_MODELS)
def test_an_innocent_name_passes(name: str) -> None:
    """Real models of other makers and near words are not denied."""
    assert hard_deny(provider="openai", model_id=name, family=name, deployment=name) is None
    assert deny_echo(name) is None


@pytest.mark.parametrize("url", INNOCENT_URLS)
def test_an_innocent_address_passes(url: str) -> None:
    """The six providers' real addresses and others without the words are not denied."""
    assert hard_deny(provider="openai", model_id="gpt-5-mini", base_url=url) is None
    assert deny_redirect(url) is None


def test_rules_are_call_reasons() -> None:
    """Each rule is a reason code that the rest of the program knows."""
    found = {hard_deny(**{field: "claude"}).rule for field in (*NAME_FIELDS, "base_url")}  # type: ignore[union-attr]
    assert found == {CallReason.FORBIDDEN_PROVIDER, CallReason.FORBIDDEN_MODEL, CallReason.FORBIDDEN_BASE_URL}


def test_the_first_field_is_named() -> None:
    """A candidate forbidden in several fields is denied for the first of them."""
    denial = hard_deny(provider="anthropic", model_id="claude-3", base_url="https://api.anthropic.com")
    assert denial is not None
    assert (denial.rule, denial.field, denial.subject) == ("forbidden_provider", "provider", "anthropic")


def test_the_subject_is_made_plain() -> None:
    """A denied name cannot carry escapes, bidirectional controls or a novel into a log or screen."""
    denial = hard_deny(model_id="\x1b[31m\u202eclaude" + "x" * 1000)
    assert denial is not None
    assert "\x1b" not in denial.message
    assert "\u202e" not in denial.message
    assert len(denial.message) < 300


def test_absent_names_pass() -> None:
    """Nothing named is nothing forbidden; a response without a model name is judged by others."""
    assert hard_deny() is None
    assert hard_deny(family=None, base_url=None) is None  # type: ignore[arg-type]
    assert deny_echo(None) is None
    assert deny_redirect("") is None


@pytest.mark.parametrize("value", [0, 7, 1.5, True, b"claude", ["claude"], {"a": 1}, object()])
def test_what_is_no_text_is_denied(value: Any) -> None:
    """A value that cannot be judged is refused, hashable or not; it never raises."""
    assert hard_deny(model_id=value) is not None
    assert deny_echo(value) is not None


def test_too_long_is_denied_without_work() -> None:
    """A ten-megabyte name is refused at once, and is not kept in the cache."""
    huge = "x" * 10_000_000
    start = time.process_time()
    denial = deny_echo(huge)
    assert time.process_time() - start < 0.05
    assert denial is not None
    assert "longer than" in denial.message


def test_too_many_encodings_are_denied() -> None:
    """A name wrapped in more encodings than anyone uses is refused, not given up on."""
    name = "gpt-5"
    for _ in range(40):
        name = quote(name, safe="") if "%" in name else name.replace("g", "%67")
    assert hard_deny(model_id=name) is not None


@pytest.mark.parametrize(
    "hostile",
    [
        "(" * LIMIT,
        "c@" * (LIMIT // 2),
        "cl@" * 600,
        "c|@" * 600,
        "%25" * 680,
        "xn--a" * 400,
        "\u00e9" * LIMIT,
    ],
)
def test_work_is_bounded(hostile: str) -> None:
    """No input within the limit takes long: patterns do not backtrack without bound."""
    start = time.process_time()
    hard_deny(base_url=hostile)
    assert time.process_time() - start < 0.25


def test_a_warm_check_is_quick() -> None:
    """A candidate known before costs microseconds (the call's road asks several times per call)."""
    candidate = {
        "provider": "openai",
        "model_id": "gpt-5-mini",
        "family": "gpt-5",
        "base_url": "http://127.0.0.1:1/v1",
    }
    hard_deny(**candidate)
    best = min(_timed(candidate) for _ in range(20))
    assert best < 20e-6


@given(st.text(max_size=60))
def test_any_text_gets_an_answer(text: str) -> None:
    """No text raises, lone surrogates and broken encodings included."""
    for field in (*NAME_FIELDS, "base_url"):
        denial = hard_deny(**{field: text})
        assert denial is None or denial.field == field
    assert (deny_echo(text) is None) == (hard_deny(model_id=text) is None)


_JUNK = st.text(alphabet="-_. /:\u200b\u200d\u2060\u00ad\u0301\ufe0f\t", max_size=3)


@given(st.sampled_from(WORDS), st.data())
def test_disguises_compose(word: str, data: st.DataObject) -> None:
    """Case, separators, invisible characters and percent-escapes together hide nothing."""
    letters = []
    for letter in word:
        cased = data.draw(st.sampled_from([letter, letter.upper()]))
        letters.append(data.draw(st.sampled_from([cased, f"%{ord(cased):02x}", f"%25{ord(cased):02X}"])))
        letters.append(data.draw(_JUNK))
    name = "x-" + "".join(letters) + "-1"
    assert hard_deny(model_id=name) is not None, ascii(name)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-./:", max_size=40))
def test_only_the_words_are_denied(name: str) -> None:
    """Plain ASCII names are denied if and only if they hold a word once leet and separators are folded."""
    folded = name.translate(str.maketrans("013478lv", "oieatbiu", "-./:"))
    holds = "anthropic" in folded or "ciaude" in folded or "ciaucie" in folded
    assert (hard_deny(model_id=name) is not None) == holds


@given(
    st.sampled_from([*FORBIDDEN_MODELS.values(), *INNOCENT_MODELS]),
    st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]),
)
def test_normal_forms_do_not_matter(name: str, form: Any) -> None:
    """A name and its Unicode normal forms get the same answer."""
    assert (hard_deny(model_id=name) is None) == (
        hard_deny(model_id=unicodedata.normalize(form, name)) is None
    )


@given(st.sampled_from(list(FORBIDDEN_MODELS.values())), st.text(max_size=20), st.text(max_size=20))
def test_surroundings_do_not_help(name: str, before: str, after: str) -> None:
    """What stands around a forbidden name does not hide it."""
    assert hard_deny(model_id=f"{before} {name} {after}") is not None


def test_every_confusable_of_the_published_data_is_folded() -> None:
    """Our table against the Unicode confusables: each single look-alike of a letter folds to that letter."""
    data = pytest.importorskip("confusable_homoglyphs.confusables").confusables_data
    missed = []
    for word in WORDS:
        pattern = word_pattern(word)
        for place, letter in enumerate(word):
            for shape in (letter, letter.upper()):
                for alike in (entry["c"].strip("\u200e") for entry in data.get(shape, [])):
                    written = word[:place] + alike + word[place + 1 :]
                    if _is_one_letter(alike) and not pattern.search(skeleton(written)):
                        missed.append((word, letter, alike, unicodedata.name(alike, "?")))
    assert not missed


def _subject_and_message(denial: Denial | None) -> tuple[str, str]:
    assert denial is not None
    return denial.subject, denial.message


def _is_one_letter(alike: str) -> bool:
    """Marks vanish, sequences of characters are judged one by one: both are other rules."""
    shown = unicodedata.normalize("NFKD", alike).strip()
    return len(alike) == 1 and any(unicodedata.category(one)[0] != "M" for one in shown)


def _timed(candidate: dict[str, str]) -> float:
    start = time.thread_time()
    for _ in range(1000):
        hard_deny(**candidate)
    return (time.thread_time() - start) / 1000
