"""kill -9 of the node and of its callers in mid-append: nothing acknowledged is lost, doubled or moved.

    python benchmarks/crash.py [--rounds 500] [--seed N]
    python benchmarks/crash.py --power-cuts 1000 [--seed N]

The campaign itself stands with the tests, which run a few rounds of it.
"""

import runpy
import sys
from pathlib import Path

CAMPAIGN = Path(__file__).parent.parent / "tests" / "faults" / "ledger_campaign.py"

if __name__ == "__main__":
    sys.path[:0] = [str(CAMPAIGN.parent), str(CAMPAIGN.parents[1])]
    runpy.run_path(str(CAMPAIGN), run_name="__main__")
