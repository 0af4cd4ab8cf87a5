"""Why jobs do not begin, and what ends it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from peak_console.node.key_file import KeyFile
from peak_console.node.scheduling.holding import NO_SIMULATOR, Holding
from peak_console.node.scheduling.worker_process import MODULE

SIMULATOR = {"PEAK_PROVIDER_OPENAI_BASE_URL": "http://127.0.0.1:4711/openai/v1"}


def held(
    *reasons: str,
    simulated: bool = False,
    values: dict[str, str] | None = None,
    module: str = MODULE,
    file: str = "",
) -> Holding:
    """The holding of a node in a posture; without reasons calls are permitted."""
    node: Any = SimpleNamespace(
        ws=SimpleNamespace(root=Path("desk")),
        watch=SimpleNamespace(folded=SimpleNamespace(calls=not reasons, reasons=reasons)),
        state=SimpleNamespace(
            config_error="config_invalid" if file else "",
            config_file=file,
            facts=SimpleNamespace(simulated=simulated),
        ),
        key_file=KeyFile(values=values or {}),
    )
    return Holding(node, module)


@pytest.mark.parametrize("reason", ["new_workspace", "stopped_by_operator"])
def test_what_an_enable_ends_names_the_command(reason: str) -> None:
    """A new user sees what to type, not where to look."""
    assert held(reason).why() == reason
    assert held(reason).remedy() == 'permit calls: peak enable --reason "..." --confirm ENABLE'


def test_a_broken_config_is_named() -> None:
    """No enable helps there: the file has to be mended first."""
    holding = held("matrix_invalid", "new_workspace", file="configs/ai/models.toml")
    assert "configs/ai/models.toml" in holding.why()
    assert holding.remedy().startswith("mend configs/ai/models.toml")


def test_a_demo_without_its_simulator_holds_its_jobs() -> None:
    """Every call of theirs would be refused; with the simulator, and in a real workspace, they run."""
    assert held(simulated=True).why() == NO_SIMULATOR
    assert "peak demo --root desk" in held(simulated=True).remedy()
    assert held(simulated=True, values=SIMULATOR).why() == ""
    assert held(simulated=True, module="another").why() == ""
    assert held().why() == ""
