"""The plan of a call, read without calling anybody."""

import os
from collections.abc import Mapping, Sequence
from datetime import date

from peak_console.config.load import load_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.vocabulary import Layer, Role
from peak_console.llm.credentials import Credentials
from peak_console.llm.route import Explanation, explain, parse_failure
from peak_console.operations.demo import is_simulated
from peak_console.operations.phase import rules_of


def route(
    ws: Workspace,
    layer: Layer,
    role: Role,
    *,
    today: date,
    fail: Sequence[str] = (),
    max_output_tokens: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> Explanation:
    """The candidates of a slot with their reasons, and how a call would go if ``fail`` happened.

    Every provider is taken to have a key, so that a plan can be read without secrets; only a simulated
    workspace is refused for one that is set, as its calls are. Raises
    ``ConfigInvalid``, ``CallRefused`` (no models in this layer, empty slot) and ``UsageWrong``.
    """
    failures = [parse_failure(one) for one in fail]
    level, simulated = rules_of(ws), is_simulated(ws)
    credentials = Credentials(os.environ if environ is None else environ)
    return explain(
        load_configs(ws, phase=level, today=today),
        layer,
        role,
        today=today,
        phase=level,
        simulated=simulated,
        base_urls=credentials.base_urls(),
        addresses=credentials.addresses(),
        real_keys=credentials.real() if simulated else frozenset(),
        failures=failures,
        max_output_tokens=max_output_tokens,
    )
