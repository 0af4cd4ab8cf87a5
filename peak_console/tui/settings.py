"""The few console settings that the first paint needs, read without the config room (which loads later).

A file that cannot be read or parsed gives the defaults; the screens show the linter's finding about it.
"""

import re
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

from peak_console.tui.notifying import ALERTS, AlertSettings
from peak_console.tui.plot import Alphabet

_SET = re.compile(r"^\s*(?:\[alerts\]|(?:alerts|refresh_ms|theme|timezone|stale_after_ms)\b)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Settings:
    """Refresh in seconds, theme's setting, the operator's zone (``None``: the machine's), plot characters.

    ``stale_s`` is the age in seconds from which a figure is shown as stale.
    """

    refresh_s: float = 1.0
    theme: str = "peak"
    zone: tzinfo | None = None
    alphabet: Alphabet = Alphabet.BRAILLE
    stale_s: float = 5.0
    alerts: AlertSettings = ALERTS


def read_settings(path: Path | None) -> Settings:
    """The settings of ``configs/console.toml``."""
    if path is None or not path.is_file():
        return Settings()
    try:
        text = path.read_text(encoding="utf-8")
        if not _SET.search(text):
            return Settings()
        import tomllib  # noqa: PLC0415 - only a workspace that sets one of these pays for it

        found: dict[str, Any] = tomllib.loads(text)
    except (OSError, ValueError):
        return Settings()
    refresh, stale = found.get("refresh_ms", 1000), found.get("stale_after_ms", 5000)
    theme, zone = found.get("theme", "peak"), found.get("timezone")
    return Settings(
        refresh_s=max(250, min(60_000, refresh)) / 1000 if isinstance(refresh, int) else 1.0,
        theme=theme if isinstance(theme, str) else "peak",
        zone=_zone(zone) if isinstance(zone, str) else None,
        alerts=_alerts(found.get("alerts")),
        stale_s=max(1000, min(3_600_000, stale)) / 1000 if isinstance(stale, int) else 5.0,
    )


def _alerts(found: object) -> AlertSettings:
    """What is switched off; what says neither is on."""
    off = {name for name, value in found.items() if value is False} if isinstance(found, dict) else set()
    return AlertSettings("bell" not in off, "title" not in off, "desktop" not in off)


def _zone(name: str) -> tzinfo | None:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only where a zone is set

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return None
