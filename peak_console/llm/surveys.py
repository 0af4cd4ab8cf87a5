"""Surveys kept while what they depend on stands, so that a call pays for its own request only."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from peak_console.config.configs import Configs
from peak_console.config.verifying import is_current
from peak_console.domain.vocabulary import Layer, OnExhausted, PhaseLevel, Role
from peak_console.llm.candidates import Candidate, Facts, survey
from peak_console.llm.credentials import Credentials
from peak_console.llm.scoping import LayerScope, layer_scope

_MOST: Final = 256


@dataclass(frozen=True, slots=True)
class Survey:
    """The judged candidates of a slot, what their end means, and the digests of matrix and lock."""

    candidates: tuple[Candidate, ...]
    scope: LayerScope
    on_exhausted: OnExhausted
    matrix_digest: str
    lock_digest: str = ""
    """Empty where there is no lock."""


_Key = tuple[Layer, Role, date, bool, PhaseLevel, bool, frozenset[str]]


class Surveys:
    """The candidates of slots, judged again when configs, day, phase or what the lock says change.

    A lock ends at a moment, so whether it is current belongs to what a kept survey stands on.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._configs: Configs | None = None
        self._kept: dict[_Key, Survey] = {}

    def of(
        self,
        configs: Configs,
        layer: Layer,
        role: Role,
        *,
        now: datetime,
        phase: PhaseLevel,
        simulated: bool,
        down: frozenset[str],
    ) -> Survey:
        """The judged candidates of ``layer`` and ``role``; raises as ``survey`` does."""
        if configs is not self._configs or len(self._kept) > _MOST:
            self._configs, self._kept = configs, {}
        today, lock = now.date(), configs.lock
        key = (layer, role, today, is_current(lock, now), phase, simulated, down)
        kept = self._kept.get(key)
        if kept is None:
            facts = Facts(
                today=today,
                now=now,
                phase=phase,
                simulated=simulated,
                base_urls=self._credentials.base_urls(),
                addresses=self._credentials.addresses(),
                keys=frozenset() if simulated else self._credentials.providers(),
                signing_only=frozenset() if simulated else self._credentials.signing_only(),
                real_keys=self._credentials.real() if simulated else frozenset(),
                down=down,
                key_file=self._credentials.key_file,
            )
            settings = configs.matrix.settings(layer, phase)
            kept = Survey(
                survey(configs, layer, role, facts),
                layer_scope(configs, layer, phase),
                settings.on_exhausted,
                configs.digests["matrix"],
                lock.digest if lock else "",
            )
            self._kept[key] = kept
        return kept
