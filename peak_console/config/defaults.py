"""The configs that ship with the program: the defaults of ``peak init``, and those of the demo."""

import os
import shutil
from datetime import date
from pathlib import Path
from typing import Final

import peak_console
from peak_console.config.sources import YAML_SUFFIXES
from peak_console.domain.errors import EnvironmentUnfit

_PACKAGE: Final = Path(peak_console.__file__).parent
_SHIPPED: Final = (".toml", ".md")
_RATE_DATES: Final = ("as_of = ", "eur_as_of = ")


def default_configs() -> Path:
    """The folder ``configs`` of a new workspace: packaged in a wheel, the repository's own in a checkout."""
    return _first((_PACKAGE / "defaults" / "configs", _PACKAGE.parent / "configs"))


def demo_configs() -> Path:
    """The folder ``configs`` of a demo workspace."""
    return _first((_PACKAGE / "demo" / "configs",))


def write_default_configs(root: Path) -> list[str]:
    """Write those default configs below ``root`` that are not there; gives the names of what was written.

    Nothing is overwritten, and no TOML is laid beside a YAML file of the same name. Keys are never copied.
    """
    source = default_configs()
    written = []
    for file in sorted(source.rglob("*")):
        name = file.relative_to(source)
        target = root / "configs" / name
        twins = [target.with_suffix(suffix) for suffix in YAML_SUFFIXES if target.suffix == ".toml"]
        if file.suffix not in _SHIPPED or "keys" in name.parts or any(map(os.path.lexists, [target, *twins])):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        written.append(f"configs/{name.as_posix()}")
    return written


def write_demo_configs(root: Path, *, today: date) -> None:
    """Write the demo's configs below ``root``; its planning rate is of the day the demo is made.

    Raises ``FileExistsError`` where ``root`` has configs already.
    """
    shutil.copytree(demo_configs(), root / "configs")
    _date_rates(root / "configs" / "ai" / "budgets.toml", today)
    _date_rates(root / "configs" / "shadow" / "jobs.toml", today)


def _date_rates(file: Path, today: date) -> None:
    """Let the planning rates of a config be of ``today``."""
    dated = []
    for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
        key = next((one for one in _RATE_DATES if line.startswith(one)), None)
        dated.append(line if key is None else f"{key}{today.isoformat()}\n")
    file.write_text("".join(dated), encoding="utf-8")


def bring_demo_jobs(root: Path, *, today: date) -> list[str]:
    """Write the demo's jobs, and the prompts and gold cases that they ask, where a demo of before has none.

    Nothing is overwritten; where there are jobs, the prompts alone are written. Gives the names of what was.
    """
    there = root / "configs" / "shadow" / "jobs.toml"
    source = demo_configs()
    wanted = sorted(source.glob("ai/prompts/shadow-*/*.md"))
    bare = not any(map(os.path.lexists, [there, *(there.with_suffix(suffix) for suffix in YAML_SUFFIXES)]))
    if bare:
        wanted += [*sorted(source.glob("ai/canaries/*.toml")), source / "shadow" / "jobs.toml"]
    written = []
    for file in wanted:
        target = root / "configs" / file.relative_to(source)
        if not os.path.lexists(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            written.append(f"configs/{file.relative_to(source).as_posix()}")
    if bare:
        _date_rates(there, today)
    return written


def _first(places: tuple[Path, ...]) -> Path:
    for place in places:
        if (place / "ai" / "layer_model_matrix.toml").is_file():
            return place
    raise EnvironmentUnfit(
        f"the installation has no default configs at {places[0]}",
        code="installation_incomplete",
        remedy="install peak-console again",
    )
