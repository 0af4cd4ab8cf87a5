"""The configs that ship with the program: the defaults of ``peak init``, and those of the demo."""

import shutil
from datetime import date
from pathlib import Path
from typing import Final

import peak_console
from peak_console.domain.errors import EnvironmentUnfit

_PACKAGE: Final = Path(peak_console.__file__).parent
_RATE_DATE: Final = "as_of = "


def default_configs() -> Path:
    """The folder ``configs`` of a new workspace: packaged in a wheel, the repository's own in a checkout."""
    return _first((_PACKAGE / "defaults" / "configs", _PACKAGE.parent / "configs"))


def demo_configs() -> Path:
    """The folder ``configs`` of a demo workspace."""
    return _first((_PACKAGE / "demo" / "configs",))


def write_demo_configs(root: Path, *, today: date) -> None:
    """Write the demo's configs below ``root``; its planning rate is of the day the demo is made.

    Raises ``FileExistsError`` where ``root`` has configs already.
    """
    shutil.copytree(demo_configs(), root / "configs")
    budgets = root / "configs" / "ai" / "budgets.toml"
    lines = budgets.read_text(encoding="utf-8").splitlines(keepends=True)
    dated = [f"{_RATE_DATE}{today.isoformat()}\n" if line.startswith(_RATE_DATE) else line for line in lines]
    budgets.write_text("".join(dated), encoding="utf-8")


def _first(places: tuple[Path, ...]) -> Path:
    for place in places:
        if (place / "ai" / "layer_model_matrix.toml").is_file():
            return place
    raise EnvironmentUnfit(
        f"the installation has no default configs at {places[0]}",
        code="installation_incomplete",
        remedy="install peak-console again",
    )
