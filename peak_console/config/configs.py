"""All configs of a workspace as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass

from peak_console.config.budgets import Budgets
from peak_console.config.console import ConsoleConfig
from peak_console.config.control import ControlConfig
from peak_console.config.ledger import LedgerConfig
from peak_console.config.matrix import Matrix
from peak_console.config.prices import PriceTable
from peak_console.config.prompts import PromptLibrary
from peak_console.config.registry import ModelRegistry


@dataclass(frozen=True, slots=True)
class Configs:
    """What the files of a workspace say, found fit for use.

    ``digests`` names each file that was read (``matrix``, ``models``, ``prices``, ``budgets``, ``control``,
    ``ledger``, ``console``) with the SHA-256 of its bytes, and ``prompts`` with that of the library.
    """

    matrix: Matrix
    models: ModelRegistry
    prices: PriceTable
    budgets: Budgets
    control: ControlConfig
    ledger: LedgerConfig
    console: ConsoleConfig
    prompts: PromptLibrary
    digests: Mapping[str, str]
