"""Moments on the command line: ``-2h`` is one, and no option."""

import re

import click

_BACK = re.compile(r"-\d+[smhd]")


class MomentCommand(click.Command):
    """Lets ``-2h`` stand as a moment, as an argument or as an option's value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with every such word written out: ``2h ago``."""
        words = [f"{word[1:]} ago" if _BACK.fullmatch(word) else word for word in args]
        return super().parse_args(ctx, words)
