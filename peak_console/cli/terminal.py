"""Whether people sit at a terminal, asked before anything is started for them."""

import sys

from peak_console.domain.errors import UsageWrong


def need_terminal(remedy: str) -> None:
    """Raise ``UsageWrong`` where the console could not be drawn or steered; it names the streams."""
    streams = {"standard input": sys.stdin, "standard output": sys.stdout, "standard error": sys.stderr}
    missing = [name for name, stream in streams.items() if stream is None or not stream.isatty()]
    if missing:
        plural = "are no terminals" if len(missing) > 1 else "is no terminal"
        raise UsageWrong(
            f"the console needs a terminal: {' and '.join(missing)} {plural}",
            remedy=remedy,
        )
