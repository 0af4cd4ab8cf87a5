"""What calls that begin in one turn of the event loop share, so that a burst reads each file once."""

import asyncio

from peak_console.config.configs import Configs
from peak_console.config.load import ConfigCache
from peak_console.control.gate import CallGate
from peak_console.control.posture import Sources
from peak_console.domain.vocabulary import PhaseLevel


class Turn:
    """The control files and the configs as they are in this turn; each send reads the former anew."""

    def __init__(self, gate: CallGate, configs: ConfigCache) -> None:
        self._gate = gate
        self._cache = configs
        self._sources: Sources | None = None
        self._configs: Configs | None = None
        self._level: PhaseLevel | None = None

    def sources(self) -> Sources:
        """The control files, read at most once a turn."""
        if self._sources is None:
            self._sources = self._gate.sources()
            asyncio.get_running_loop().call_soon(self._over)
        return self._sources

    def configs(self, level: PhaseLevel) -> Configs:
        """The configs under the rules of ``level``; raises ``ConfigInvalid``."""
        self.sources()  # what ends the turn
        if self._configs is None or self._level is not level:
            self._configs, self._level = self._cache.current(level), level
        return self._configs

    def _over(self) -> None:
        self._sources = self._configs = self._level = None
