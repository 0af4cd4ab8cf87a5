"""Every program in docs/api.md and the README, run as it stands there on the simulator."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from road import Permit, open_ledger

from peak_console.config.workspace import Workspace
from peak_console.control.files import encode
from peak_console.demo.workspace import make_demo_workspace
from peak_console.ledger.verifying.verify import verify
from peak_console.simulator.server import PATHS, application
from peak_console.simulator.simulation import Simulation

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/api.md")


def programs() -> list[pytest.param]:  # type: ignore[valid-type]
    """The python examples of the pages."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for number, program in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL), 1):
            found.append(pytest.param(program, id=f"{page}-{number}"))
    return found


@dataclass
class House:
    """A demo workspace whose providers are simulated, and the environment of who calls in it."""

    ws: Workspace
    environ: dict[str, str]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A demo workspace with its ledger and simulator, calls permitted."""
    ws = make_demo_workspace(tmp_path / "demo", today=datetime.now(UTC).date())
    ws.control.mkdir(parents=True, exist_ok=True)
    server = TestServer(application(Simulation(seed=1, latency_scale=0.0, error_rate=0.0)))
    await server.start_server()
    permit = Permit(ws, simulated=True)
    renewing = asyncio.create_task(permit.keep())
    keys = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    urls = {
        f"PEAK_PROVIDER_{name.upper()}_BASE_URL": str(server.make_url(path)) for name, path in PATHS.items()
    }
    try:
        async with open_ledger(ws) as ledger:
            (ws.control / "node.json").write_bytes(encode({"socket": str(ledger.socket_path)}))
            yield House(ws, keys | urls | {"PYTHONPATH": str(ROOT)})
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        await server.close()


@pytest.mark.parametrize("program", programs())
async def test_a_documented_program_runs(house: House, program: str) -> None:
    """It ends well, says something where it prints, leaves no warning, and its ledger verifies."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        program,
        cwd=house.ws.root,
        env=house.environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said, told = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, told.decode()
    assert not told, told.decode()
    assert said.strip() or "pending()" in program
    assert verify(house.ws.ledger).ok


def test_the_pages_have_programs() -> None:
    """The examples are found at all."""
    assert len(programs()) >= 8
