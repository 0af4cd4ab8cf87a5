"""The reference page of reason codes: ``python -m peak_console.llm.reference`` writes it to stdout."""

import sys
from typing import Final

from peak_console.llm.reasons import MEANINGS, Stage

PAGE: Final = "docs/reference/reason-codes.md"
"""Where the page stands in the repository."""

_HEAD: Final = """# Reason codes of a call

Made from the program by `python -m peak_console.llm.reference > docs/reference/reason-codes.md`; do not edit
it here. A code is stable: it stands in ledger events, errors, metrics and logs. How a call goes:
[calls.md](../calls.md).
"""


def render() -> str:
    """The page as Markdown."""
    parts = [_HEAD]
    for stage in Stage:
        parts.append(f"## {stage.value[0].upper()}{stage.value[1:]}\n")
        parts.append("| Code | What happened | Then | What to do |\n|---|---|---|---|")
        rows = [
            f"| `{reason.value}` | {one.happened} | {one.then} | {one.remedy} |"
            for reason, one in MEANINGS.items()
            if one.stage is stage
        ]
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(render())
