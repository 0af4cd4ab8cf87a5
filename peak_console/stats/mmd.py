"""Two-sample test on texts: whether answers of before and of now come from one distribution.

The maximum mean discrepancy (Gretton et al., "A Kernel Two-Sample Test", JMLR 13, 2012) over several
questions, each with its own answers, and a permutation p-value. What is permuted is, question by question,
which answers are the old ones: answers to different questions are never mixed, so questions may differ as
they like.

The kernel is the normalised p-spectrum kernel (Leslie, Eskin, Noble, "The Spectrum Kernel", PSB 2002): the
cosine of the counts of all substrings of length p. Gao et al. (arXiv 2410.20247) test models by the Hamming
kernel, position by position; that sees little in answers which say the same a few characters later, as an
opening word more makes of all that follows. The spectrum does not care where a phrase stands.

Pure: chance comes from the caller, so that the same texts and seed give the same figures.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, prod, sqrt
from typing import Final, Protocol

SUBSTRING: Final = 4
"""Length p of the substrings, in characters: about a token of English."""

_TABLED: Final = 512
"""A question with at most so many ways to say which answers are old has all of them worked out once."""

Spectrum = Mapping[str, float]
"""Substrings with their share; as a vector it has length 1, or none for a text too short."""


class Draw(Protocol):
    """Chance, as ``random.Random(seed)`` gives it."""

    def randrange(self, stop: int, /) -> int:
        """A whole number from 0 up to ``stop``, without it."""
        ...

    def sample(self, population: Sequence[int], k: int) -> list[int]:
        """``k`` different ones of ``population``."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """The answers to one question; at least one of before and one of now."""

    before: tuple[str, ...]
    now: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TwoSample:
    """The outcome of a test."""

    statistic: float
    """Mean over the questions of the squared discrepancy: 0 for the same answers, at most 2."""
    p_value: float
    """``(1 + b) / (1 + B)``: b of B permutations have a discrepancy at least as large. Never 0."""
    least_p: float
    """The smallest p-value that so few answers and permutations can give."""
    questions: int
    answers: int


def spectrum(text: str, length: int = SUBSTRING) -> Spectrum:
    """The substrings of ``text`` with their counts, scaled to a vector of length 1.

    A text shorter than ``length`` is its own only substring; the empty text has none.
    """
    last = max(len(text) - length + 1, 1 if text else 0)
    counts = Counter(text[place : place + length] for place in range(last))
    size = sqrt(sum(count * count for count in counts.values()))
    return {part: count / size for part, count in counts.items()}


def kernel(one: Spectrum, other: Spectrum) -> float:
    """How alike two texts are, from 0 to 1; two empty texts are the same."""
    if not one and not other:
        return 1.0
    if len(other) < len(one):
        one, other = other, one
    return min(sum(share * other.get(part, 0.0) for part, share in one.items()), 1.0)


def two_sample(
    questions: Sequence[Question], *, permutations: int, draw: Draw, length: int = SUBSTRING
) -> TwoSample:
    """Test that each question's answers of before and of now are exchangeable.

    Raises ``ValueError`` without questions, or for one that lacks answers of a side.
    """
    if not questions or any(not one.before or not one.now for one in questions):
        raise ValueError("each question needs an answer of before and one of now")
    strata = [_Stratum.of(one, length) for one in questions]
    observed = sum(one.observed for one in strata)
    edge = observed - 1e-12 * max(1.0, abs(observed))
    as_large = sum(sum(one.drawn(draw) for one in strata) >= edge for _ in range(permutations))
    ways = prod(comb(len(one.before) + len(one.now), len(one.before)) for one in questions)
    return TwoSample(
        statistic=max(observed, 0.0) / len(questions),
        p_value=(1 + as_large) / (1 + permutations),
        least_p=max(1 / ways, 1 / (1 + permutations)),
        questions=len(questions),
        answers=sum(len(one.before) + len(one.now) for one in questions),
    )


@dataclass(slots=True)
class _Stratum:
    """One question: how alike its answers are, the old ones first."""

    alike: list[list[float]]
    rows: list[float]
    """The sum of each row."""
    total: float
    old: int
    tabled: list[float]
    """The discrepancy of every choice of old answers, where there are few."""

    @classmethod
    def of(cls, question: Question, length: int) -> "_Stratum":
        spectra = [spectrum(text, length) for text in (*question.before, *question.now)]
        alike = [[0.0] * len(spectra) for _ in spectra]
        for at, one in enumerate(spectra):
            for other in range(at, len(spectra)):
                alike[at][other] = alike[other][at] = kernel(one, spectra[other])
        rows = [sum(row) for row in alike]
        made = cls(alike, rows, sum(rows), len(question.before), [])
        if comb(len(spectra), made.old) <= _TABLED:
            made.tabled = [made.discrepancy(one) for one in combinations(range(len(spectra)), made.old)]
        return made

    @property
    def observed(self) -> float:
        return self.discrepancy(range(self.old))

    def drawn(self, draw: Draw) -> float:
        """The discrepancy when chance says which answers are the old ones."""
        if self.tabled:
            return self.tabled[draw.randrange(len(self.tabled))]
        return self.discrepancy(draw.sample(range(len(self.rows)), self.old))

    def discrepancy(self, old: Iterable[int]) -> float:
        """The squared discrepancy of the answers ``old`` and the others, each pair counted (V-statistic)."""
        chosen = tuple(old)
        count, others = len(chosen), len(self.rows) - len(chosen)
        within = sum(self.alike[one][two] for one in chosen for two in chosen)
        across = sum(self.rows[one] for one in chosen) - within
        rest = self.total - within - 2 * across
        return within / count**2 + rest / others**2 - 2 * across / (count * others)
