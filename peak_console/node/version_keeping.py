"""Copies of the configs in force, made behind the node's loop whenever they are others than before."""

import asyncio
import logging

from peak_console.config.configs import Configs
from peak_console.config.versions import keep_versions
from peak_console.config.workspace import Workspace

logger = logging.getLogger(__name__)


class VersionKeeper:
    """Keeps every version of the configs by its digest; failing is told, and stops nothing."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._wanted: Configs | None = None
        self._done: Configs | None = None
        self._task: asyncio.Task[None] | None = None
        self.problem = ""
        """Why a version could not be kept when it was last tried; empty where all are."""

    def look(self, configs: Configs) -> None:
        """Have ``configs`` kept, if they are not those of the last look. Costs nothing while they are."""
        if configs is self._wanted:
            return
        self._wanted = configs
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._keep())

    async def _keep(self) -> None:
        """Keep what is wanted, until nothing newer is."""
        while (configs := self._wanted) is not None and configs is not self._done:
            problems = await asyncio.to_thread(keep_versions, self._ws, configs)
            self._done = configs
            self.problem = "; ".join(problems)
            if problems:
                logger.warning("configs could not be kept in audits/versions: %s", self.problem)
