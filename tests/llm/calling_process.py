"""A process of its own that calls as fast as it may; prints how its calls ended."""

import asyncio
import collections
import json
import sys
from pathlib import Path

sys.path += [str(Path(__file__).parent), str(Path(__file__).parent.parent / "net")]

from road import asking, environment

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import PeakError
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.llm.client import Client


async def main(root: str, url: str, run_id: str, calls: int) -> None:
    """Make ``calls`` calls at once."""
    ws = Workspace(Path(root))
    ledger = await SocketLedgerClient.connect(ws.control / "s", name="caller")
    ends: collections.Counter[str] = collections.Counter()

    async def one(client: Client, number: int) -> None:
        try:
            await client.call(asking(f"call {number}", run_id=run_id))
        except PeakError as error:
            ends[error.code] += 1
        else:
            ends["ok"] += 1

    async with Client(ws, ledger, environ=environment(url)) as client:
        await asyncio.gather(*(one(client, number) for number in range(calls)))
    await ledger.close()
    print(json.dumps(ends))  # noqa: T201 - its only output


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
