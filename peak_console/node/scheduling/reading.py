"""The config's jobs as the scheduler reads them: a file with an error changes nothing of what was read."""

import logging

from peak_console.domain.errors import ConfigInvalid
from peak_console.node.scheduling.standing import Standing, Surroundings

logger = logging.getLogger(__name__)


def config_changed(standing: Standing, around: Surroundings) -> bool:
    """Whether the config's jobs are others than those that were read; what is wrong with it is noted."""
    try:
        _, digest = around.jobs()
    except ConfigInvalid as error:
        _note(standing, error)
        return False
    _note(standing, None)
    return digest != standing.digest


def read_config(standing: Standing, around: Surroundings) -> None:
    """The jobs as the config has them; while it is broken, as it had them."""
    try:
        jobs, digest = around.jobs()
    except ConfigInvalid as error:
        _note(standing, error)
        return
    _note(standing, None)
    standing.digest = digest
    standing.jobs = {job.name: job for job in jobs}


def _note(standing: Standing, error: ConfigInvalid | None) -> None:
    """What is wrong with the config, where something is; said once in the log."""
    before, standing.problem = standing.problem, error.message if error else ""
    standing.unusable = error is not None and error.code == "jobs_unreadable"
    if error and before != error.message:
        goes_on = "what was read last goes on" if standing.jobs else "nothing is scheduled"
        logger.warning("the jobs cannot be read, %s: %s", goes_on, error.message)
