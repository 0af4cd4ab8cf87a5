"""Quick fixes: what a finding's fix makes of a text."""

from peak_console.config.editing.applying import apply_changes
from peak_console.config.lint.finding import Fix


def fixed(text: str, fix: Fix) -> str:
    """The text with the fix made in it. Raises ``UsageWrong`` (``edit_impossible``) where it cannot be."""
    return apply_changes(text, fix.changes)
