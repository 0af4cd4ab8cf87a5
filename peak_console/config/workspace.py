"""Where a workspace is and where its files lie. Standard library only: the stop path imports this."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from peak_console.domain.errors import EnvironmentUnfit

MATRIX = Path("configs/ai/layer_model_matrix.toml")
"""The file by which a workspace is recognised."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace by its root folder; every path of the contract "Workspace" is a property here."""

    root: Path

    @property
    def name(self) -> str:
        """The folder's name, for people."""
        return self.root.name

    @property
    def matrix(self) -> Path:
        """The model matrix."""
        return self.root / MATRIX

    @property
    def ai(self) -> Path:
        """The folder of matrix, registry, prices, budgets and prompts."""
        return self.root / "configs" / "ai"

    @property
    def models(self) -> Path:
        """The model registry."""
        return self.ai / "models.toml"

    @property
    def prices(self) -> Path:
        """The price table."""
        return self.ai / "prices.toml"

    @property
    def budgets(self) -> Path:
        """Budgets and currency."""
        return self.ai / "budgets.toml"

    @property
    def prompts(self) -> Path:
        """Versioned prompts: ``<name>/<version>.md``."""
        return self.ai / "prompts"

    @property
    def scopes(self) -> Path:
        """Capability scopes, one file a layer."""
        return self.ai / "capability_scopes"

    @property
    def lock(self) -> Path:
        """The lock of verified models."""
        return self.ai / "verified_models.lock"

    @property
    def state(self) -> Path:
        """Working state: drafts, schedules. Written by the node alone."""
        return self.audits / "state.db"

    @property
    def control_config(self) -> Path:
        """Cooldown, ramp and TTLs."""
        return self.root / "configs" / "control.toml"

    @property
    def ledger_config(self) -> Path:
        """Checkpoints, anchors and retention."""
        return self.root / "configs" / "ledger.toml"

    @property
    def console_config(self) -> Path:
        """Refresh, theme and exporters."""
        return self.root / "configs" / "console.toml"

    @property
    def keys(self) -> Path:
        """Public keys of the workspace and its operators."""
        return self.root / "configs" / "keys"

    @property
    def runs(self) -> Path:
        """Ephemeral work, one folder a run."""
        return self.root / "runs"

    @property
    def audits(self) -> Path:
        """What lasts; the folder itself is the node's lock."""
        return self.root / "audits"

    @property
    def ledger(self) -> Path:
        """The ledger."""
        return self.audits / "ledger.db"

    @property
    def checkpoints(self) -> Path:
        """Signed heads of the ledger, a file a day."""
        return self.audits / "checkpoints"

    @property
    def versions(self) -> Path:
        """Configs by digest."""
        return self.audits / "versions"

    @property
    def search(self) -> Path:
        """The index of runs and words, filled behind."""
        return self.audits / "search.db"

    @property
    def control(self) -> Path:
        """The control folder: ``ENABLED``, ``STOP``, ``lease``, ``node.json``."""
        return self.audits / "control"

    @property
    def log(self) -> Path:
        """The rotated JSON log."""
        return self.audits / "logs" / "peak.log"


def find_workspace(
    root: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Workspace:
    """The workspace by ``root``, then ``PEAK_ROOT``, then the nearest parent folder that holds a matrix.

    A ``root`` or ``PEAK_ROOT`` that is named is taken as it stands when it has a ``configs`` folder, so that
    a workspace whose matrix is missing still opens and can be stopped. Raises ``EnvironmentUnfit`` with code
    ``no_workspace`` when there is none.
    """
    environ = os.environ if environ is None else environ
    named = root or (Path(environ["PEAK_ROOT"]) if environ.get("PEAK_ROOT") else None)
    if named is not None:
        if (named / "configs").is_dir():
            return Workspace(named.resolve())
        raise EnvironmentUnfit(
            f"{named} is not a workspace: it has no configs folder",
            code="no_workspace",
            remedy=f"make one with: peak init {named}",
        )
    here = (cwd or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / MATRIX).is_file():
            return Workspace(folder)
    raise EnvironmentUnfit(
        f"no workspace here: neither {here} nor a folder above it has {MATRIX}",
        code="no_workspace",
        remedy="go into a workspace, name one with --root, or make one with: peak init",
    )
