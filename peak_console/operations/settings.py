"""The settings of ``configs/console.toml``, for what must run whatever the file says."""

from pydantic import ValidationError

from peak_console.config.console import ConsoleConfig
from peak_console.config.incidents import Hook, IncidentsConfig
from peak_console.config.ledger import LedgerConfig
from peak_console.config.sources import MAIN_FILES, read_either
from peak_console.config.workspace import Workspace


def console_settings(ws: Workspace) -> ConsoleConfig:
    """The console's settings; the defaults where the file is absent or wrong, which lint tells."""
    document, _ = read_either(ws.root, MAIN_FILES["console"])
    try:
        return ConsoleConfig.model_validate(document.data or {})
    except ValidationError:
        return ConsoleConfig()


def hook_settings(ws: Workspace) -> tuple[Hook, ...] | None:
    """Whom incidents are told beyond the console; ``None`` where the file cannot be used."""
    document, _ = read_either(ws.root, MAIN_FILES["incidents"])
    if document.trouble is not None and document.trouble.rule != "file.missing":
        return None
    try:
        return IncidentsConfig.model_validate({"hooks": (document.data or {}).get("hooks", ())}).hooks
    except ValidationError:
        return None


def ledger_settings(ws: Workspace) -> LedgerConfig:
    """When the head is signed and where it is witnessed; the defaults where the file cannot be used."""
    document, _ = read_either(ws.root, MAIN_FILES["ledger"])
    try:
        return LedgerConfig.model_validate(document.data or {})
    except ValidationError:
        return LedgerConfig()
