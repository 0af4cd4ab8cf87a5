"""The two-sample test on texts, against a direct computation and by simulation."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]  # it has no types

from peak_console.stats.mmd import Question, kernel, spectrum, two_sample

TEXTS = st.text(alphabet="ab .é", max_size=12)
ANSWERS = st.lists(TEXTS, min_size=1, max_size=4)
WORDS = ("range", "close", "price", "holds", "falls", "rises", "volume", "thin", "the", "a", "pair", "level")
OTHERS = (*WORDS[2:], "settlement", "band")


def naive_gram(texts: list[str], length: int = 4) -> np.ndarray:
    """The kernel's matrix from its definition: a column for each substring, rows of length 1."""
    parts = [[one[at : at + length] for at in range(max(len(one) - length + 1, 1))] for one in texts]
    columns = sorted({part for one in parts for part in one})
    counts = np.array([[one.count(column) for column in columns] for one in parts], dtype=float)
    return np.asarray(counts @ counts.T / np.sqrt(np.outer((counts**2).sum(1), (counts**2).sum(1))))


def naive_discrepancy(gram: np.ndarray, old: int) -> float:
    """The squared distance of the two means in the kernel's space, as a quadratic form."""
    new = len(gram) - old
    weights = np.array([1 / old] * old + [-1 / new] * new)
    return float(weights @ gram @ weights)


def said(draw: random.Random, words: tuple[str, ...]) -> str:
    """A sentence of eight words."""
    return " ".join(draw.choices(words, k=8))


def seeded(seed: int) -> random.Random:
    """The draws of a seed."""
    return random.Random(seed)  # noqa: S311 - a simulation, not a secret


@given(before=ANSWERS, now=ANSWERS)
@settings(max_examples=60, deadline=None)
def test_the_statistic_is_that_of_a_direct_computation(before: list[str], now: list[str]) -> None:
    """Counts of substrings, normalised, the quadratic form of the weights: the same to the last digits."""
    found = two_sample([Question(tuple(before), tuple(now))], permutations=1, draw=seeded(1))
    texts = [one or "\0" for one in before + now]  # the empty text: like itself, like nothing else
    expected = naive_discrepancy(naive_gram(texts), len(before))
    assert found.statistic == pytest.approx(max(expected, 0), abs=1e-9)


@given(one=TEXTS, other=TEXTS)
def test_the_kernel_is_symmetric_bounded_and_one_for_the_same(one: str, other: str) -> None:
    """A cosine of counts that are not negative."""
    assert kernel(spectrum(one), spectrum(one)) == pytest.approx(1.0)
    assert 0.0 <= kernel(spectrum(one), spectrum(other)) <= 1.0
    assert kernel(spectrum(one), spectrum(other)) == pytest.approx(kernel(spectrum(other), spectrum(one)))


def test_the_spectrum_does_not_care_where_a_phrase_stands() -> None:
    """An opening word more leaves most of the likeness, where nothing stands at its place any more."""
    text = "The pair stays between its extremes and waits for volume."
    moved = f"Sure. {text}"
    assert kernel(spectrum(text), spectrum(moved)) > 0.9
    assert sum(one == two for one, two in zip(text, moved, strict=False)) < len(text) / 4


def test_the_p_value_is_that_of_all_permutations() -> None:
    """With few answers every choice of the old ones is counted directly, and SciPy agrees."""
    draw = seeded(3)
    question = Question(
        tuple(said(draw, WORDS) for _ in range(3)), tuple(said(draw, OTHERS) for _ in range(4))
    )
    gram = naive_gram([*question.before, *question.now])

    def statistic(old: np.ndarray, new: np.ndarray) -> float:
        order = np.concatenate([old, new]).astype(int)
        return naive_discrepancy(gram[np.ix_(order, order)], len(old))

    whole = stats.permutation_test(
        (np.arange(3), np.arange(3, 7)), statistic, alternative="greater", n_resamples=10_000
    )
    found = two_sample([question], permutations=20_000, draw=seeded(1))
    assert found.p_value == pytest.approx(whole.pvalue, abs=0.02)


def test_a_seed_gives_one_outcome() -> None:
    """The same seed gives the same figures, another seed another draw of permutations."""
    draw = seeded(5)
    questions = [Question((said(draw, WORDS),) * 1, tuple(said(draw, WORDS) for _ in range(5)))] * 3
    first = two_sample(questions, permutations=99, draw=seeded(1))
    assert first == two_sample(questions, permutations=99, draw=seeded(1))
    assert first.statistic == two_sample(questions, permutations=99, draw=seeded(2)).statistic


def test_p_values_are_uniform_where_nothing_changed() -> None:
    """By simulation: of 200 tests on one source, each p-value is about as frequent as it says."""
    found = []
    for seed in range(200):
        draw = seeded(seed)
        questions = [
            Question((said(draw, WORDS),), tuple(said(draw, WORDS) for _ in range(4))) for _ in range(5)
        ]
        found.append(two_sample(questions, permutations=199, draw=seeded(seed)).p_value)
    assert stats.kstest(found, "uniform").pvalue > 0.01
    assert sum(one <= 0.05 for one in found) <= stats.binom.ppf(0.999, 200, 0.05)


def test_another_source_is_found() -> None:
    """By simulation: other words under the same name are seen in nearly every test of 10 questions."""
    found = []
    for seed in range(20):
        draw = seeded(seed)
        questions = [
            Question((said(draw, WORDS),), tuple(said(draw, OTHERS[4:]) for _ in range(5))) for _ in range(10)
        ]
        found.append(two_sample(questions, permutations=499, draw=seeded(seed)).p_value)
    assert sum(one < 0.01 for one in found) >= 18


def test_the_same_answers_are_no_change() -> None:
    """A model without chance: every permutation is as large, and the p-value is one."""
    found = two_sample([Question(("yes",), ("yes", "yes"))] * 4, permutations=99, draw=seeded(1))
    assert found.statistic == pytest.approx(0.0, abs=1e-12)
    assert found.p_value == 1.0


def test_it_says_what_so_few_answers_can_show() -> None:
    """One question with one answer against two has three orders: no p-value goes below a third."""
    question = Question(("a",), ("b", "c"))
    assert two_sample([question], permutations=99, draw=seeded(1)).least_p == pytest.approx(1 / 3)
    assert two_sample([question] * 9, permutations=99, draw=seeded(1)).least_p == 0.01


@pytest.mark.parametrize("questions", [[], [Question((), ("a",))], [Question(("a",), ())]])
def test_a_side_without_answers_is_refused(questions: list[Question]) -> None:
    """There is nothing to compare."""
    with pytest.raises(ValueError, match="each question needs"):
        two_sample(questions, permutations=9, draw=seeded(1))
