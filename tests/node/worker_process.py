"""A worker of its own process: connects as the road does, and waits to be told."""

import asyncio
import sys

from peak_console.llm.opening import open_client


async def main(root: str) -> None:
    """Say that it is there, and stay until its input ends."""
    async with open_client(root, name="frozen job", actor="job:frozen"):
        print("ready", flush=True)  # noqa: T201 - its only output
        await asyncio.to_thread(sys.stdin.read)


asyncio.run(main(sys.argv[1]))
