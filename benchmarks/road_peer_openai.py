"""The openai SDK's row of the road's benchmark; prints it as JSON. Runs in the peers' own environment."""

import asyncio
import json
import sys
from dataclasses import asdict

from openai import AsyncOpenAI
from road_measuring import REQUEST, measuring


async def main(url: str, calls: int) -> None:
    """Measure and print."""
    async with AsyncOpenAI(base_url=url, api_key="x", max_retries=0) as client:

        async def once() -> None:
            await client.chat.completions.create(**REQUEST)

        print(json.dumps(asdict(await measuring(calls)("openai SDK", once))))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
