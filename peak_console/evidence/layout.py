"""Where things lie in a pack, and how names of others become names in it. Pure."""

import re
from typing import Final

from peak_console.domain.canonical import sha256_hex

README: Final = "README.txt"
EVENTS: Final = "events.jsonl"
GOVERNING: Final = "governing.jsonl"
PROOFS: Final = "proofs.jsonl"
CHECKPOINT: Final = "checkpoint.note"
TEXTS: Final = "texts.jsonl"
GATE: Final = "gate.json"
CRITIC: Final = "critic.json"
REPORT: Final = "critic_report.md"
COSTS: Final = "costs.json"
ENVIRONMENT: Final = "environment.json"
UNPROVED: Final = "unproved.jsonl"
"""In a capture: events above the newest signed head, chained to those below it and not proved yet."""
ARTEFACTS: Final = "artefacts"
CONFIGS: Final = "configs"

_PLAIN: Final = re.compile(r"[^A-Za-z0-9._@-]")
_COPY: Final = re.compile(rf"{CONFIGS}/[A-Za-z0-9._%~-]+@([0-9a-f]{{64}})\.[a-z]{{2,4}}")
_LONGEST: Final = 120


def safe_name(name: str) -> str:
    """A file's name as it may stand in a pack: what is not plain is percent-encoded, a long one is cut.

    Different names stay different.
    """
    shown = _PLAIN.sub(lambda found: _encoded(found[0]), name)
    if shown.startswith("."):
        shown = "%2E" + shown[1:]
    if len(shown) <= _LONGEST:
        return shown
    digest = sha256_hex(name.encode("utf-8", "surrogateescape"))
    return f"{shown[:80]}~{digest[:24]}"


def config_path(name: str, digest: str, suffix: str) -> str:
    """Where the copy of a config lies; ``suffix`` with its dot."""
    return f"{CONFIGS}/{safe_name(name)}@{digest}{suffix}"


def config_digest(path: str) -> str | None:
    """The digest that the copy of a config is named for; ``None`` for any other file."""
    found = _COPY.fullmatch(path)
    return found[1] if found else None


def _encoded(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogateescape"))
