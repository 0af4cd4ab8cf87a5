"""A process of its own that makes one background call, to be killed in its midst; prints the call's end."""

import asyncio
import sys
from pathlib import Path

sys.path += [str(Path(__file__).parent), *(str(Path(__file__).parent.parent / one) for one in (".", "net"))]

from background_road import QUICK_POLLS, research
from road import environment

from peak_console.config.workspace import Workspace
from peak_console.domain.vocabulary import Layer
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.llm.client import Client


async def main(root: str, url: str) -> None:
    """Make the call in a run of its own."""
    ws = Workspace(Path(root))
    ledger = await SocketLedgerClient.connect(ws.control / "s", name="researcher")
    async with Client(ws, ledger, environ=environment(url), polls=QUICK_POLLS) as client:
        async with client.run(purpose="research") as run:
            result = await run.call(research(layer=Layer.L4))
        print(result.call_id)  # noqa: T201 - its only output
    await ledger.close()


asyncio.run(main(sys.argv[1], sys.argv[2]))
