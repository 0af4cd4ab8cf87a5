"""How control's figures are told: each beside its target and a baseline of the same run."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One figure. ``met`` is ``None`` where it has no target; a ``law`` must hold on any machine."""

    what: str
    value: str
    target: str = ""
    baseline: str = ""
    met: bool | None = None
    law: bool = False


class Table:
    """Figures as they come; each is printed at once, so that a long run shows where it is."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.figures: list[Figure] = []

    def add(self, *figures: Figure) -> None:
        """Keep and print."""
        for one in figures:
            self.figures.append(one)
            if not self._as_json:
                verdict = {None: "", True: "met", False: "BROKEN" if one.law else "MISSED"}[one.met]
                print(
                    f"{one.what:<46} {one.value:<42} {one.target:<12} {verdict:<6} {one.baseline}", flush=True
                )

    def end(self) -> int:
        """The exit code: 1 where a law is broken, or a target missed."""
        if self._as_json:
            print(json.dumps({"figures": [asdict(one) for one in self.figures]}))
        return int(any(one.met is False for one in self.figures))


def percentile(values: Sequence[float], per_cent: int) -> float:
    """Nearest rank."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * per_cent // 100) - 1)]


def spread(values: Sequence[float], unit: str = "ms") -> str:
    """Median, 99th percentile, most and count."""
    middle, high, most = statistics.median(values), percentile(values, 99), max(values)
    return f"p50 {middle:.1f}  p99 {high:.1f}  max {most:.1f} {unit} (n {len(values)})"
