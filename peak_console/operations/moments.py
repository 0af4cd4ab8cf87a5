"""Times as people name them on a command line."""

from datetime import UTC, datetime

from peak_console.domain.errors import UsageWrong


def moment_of(text: str) -> datetime:
    """A day (its beginning, UTC) or an ISO 8601 time with its zone; raises ``UsageWrong``."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise _wrong(text) from None
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    if "T" in text or ":" in text:
        raise _wrong(text)
    return found.replace(tzinfo=UTC)


def _wrong(text: str) -> UsageWrong:
    return UsageWrong(
        f"{text!r:.60} is no day and no time with its zone",
        code="time_malformed",
        remedy="write a day, as 2026-09-01, or a time, as 2026-09-01T12:00:00Z",
    )
