"""litellm.Router's row of the road's benchmark; prints it as JSON. Runs in the peers' own environment."""

import asyncio
import json
import sys
from dataclasses import asdict

import litellm
from road_measuring import REQUEST, measuring


async def main(url: str, calls: int) -> None:
    """Measure and print."""
    litellm.suppress_debug_info = True
    parameters = {"model": "openai/gpt-5-mini", "api_base": url, "api_key": "x"}
    models = [{"model_name": "gpt-5-mini", "litellm_params": parameters}]
    router = litellm.Router(model_list=models, num_retries=0)

    async def once() -> None:
        await router.acompletion(**REQUEST)

    print(json.dumps(asdict(await measuring(calls)("litellm.Router", once))))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
