"""What the demo may be run on: a folder of its own, never a real workspace."""

from collections.abc import Mapping
from pathlib import Path

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import LedgerUnavailable, UsageWrong
from peak_console.ledger.reader import LedgerReader
from peak_console.llm.providers.adapters import ADAPTERS, base_url_variable


def check_demo_root(root: Path) -> None:
    """Raises ``UsageWrong`` unless ``root`` is new, empty, or a demo workspace of before."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return
    if not is_simulated(Workspace(root)):
        raise UsageWrong(
            f"{root} is not empty and not a demo workspace",
            code="not_a_demo",
            remedy="name an empty folder, one that does not exist yet, or leave --root out",
        )


def is_simulated(ws: Workspace) -> bool:
    """Whether the workspace's ledger begins as a simulated one; false when that cannot be read."""
    if not ws.ledger.exists():
        return False
    try:
        with LedgerReader(ws.ledger) as reader:
            begun = reader.by_seq(1)
    except LedgerUnavailable:
        return False
    return begun is not None and (begun.body or {}).get("simulated") is True


def events_of(ws: Workspace) -> int:
    """How many events the ledger holds; 0 when there is none that can be read."""
    try:
        with LedgerReader(ws.ledger) as reader:
            return reader.head()[0]
    except LedgerUnavailable:
        return 0


def traffic_environment(environ: Mapping[str, str], urls: Mapping[str, str]) -> dict[str, str]:
    """The environment of the demo's traffic: the simulator's addresses by provider, and no provider's key."""
    keys = {adapter.key_variable for adapter in ADAPTERS.values()}
    kept = {name: value for name, value in environ.items() if name not in keys}
    return kept | {base_url_variable(provider): url for provider, url in urls.items()}
