"""kill -9 of the node and of its callers in mid-append: nothing acknowledged is lost, doubled or moved.

    python benchmarks/crash.py [--rounds 100] [--seed N]

The campaign itself stands with the tests, which run a few rounds of it.
"""

import runpy
from pathlib import Path

CAMPAIGN = Path(__file__).parent.parent / "tests" / "faults" / "ledger_campaign.py"

if __name__ == "__main__":
    runpy.run_path(str(CAMPAIGN), run_name="__main__")
