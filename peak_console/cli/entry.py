"""The door ``peak``: the stop path first, then the command that was asked for, loaded when it is needed."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_VALUED = frozenset({"--root"})


def main(argv: "Sequence[str] | None" = None) -> None:
    """Run ``peak`` with ``argv`` (the process's own when ``None``) and exit with its code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if _command(words) == "stop" and not {"-h", "--help"} & set(words):
        from peak_console.cli.stop import stop  # noqa: PLC0415 - the unlinks come before any heavy import

        sys.exit(stop(words))
    from peak_console.operations.garbage import collect_seldom  # noqa: PLC0415 - after the stop path

    collect_seldom()
    from peak_console.cli.program import run  # noqa: PLC0415 - likewise

    sys.exit(run(words))


def _command(words: "Sequence[str]") -> str | None:
    """The first word that is not an option or an option's value."""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in _VALUED:
            skip = True
        elif not word.startswith("-"):
            return word
    return None
