"""The hard deny, tried: forbidden names put into a copy of the configs must be denied at every place."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from peak_console.config.configs import Configs
from peak_console.config.document import MAX_BYTES
from peak_console.config.lint import lint_workspace
from peak_console.config.load import load_configs
from peak_console.config.matrix import GlobalRules, LayerConfig, Slot
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import ConfigInvalid
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.llm.candidates import Facts, survey
from peak_console.policy.deny import deny_echo, hard_deny

TRIED: Final = (
    ("provider", "anthropic"),
    ("provider", "Anthropic "),
    ("model_id", "claude-3-5-sonnet"),
    ("model_id", "anthropic.claude-v2"),
    ("deployment", "my-claude-deployment"),
    ("base_url", "https://api.anthropic.com/v1"),
)
"""Names that must be denied, and the field of a slot each is put in."""

PLACES: Final = ("load", "lint", "client", "answer")


@dataclass(frozen=True, slots=True)
class DenyTried:
    """Which forbidden names a place let through; ``problem`` says why it could not be tried."""

    let_through: tuple[str, ...] = ()
    problem: str = ""

    @property
    def held(self) -> bool | None:
        """Whether every place denied every name; ``None`` where it could not be tried."""
        return None if self.problem else not self.let_through

    @property
    def evidence(self) -> str:
        """What was tried and how it came out."""
        if self.problem:
            return self.problem
        if self.let_through:
            return f"let through: {', '.join(self.let_through)}"
        return f"{len(TRIED)} forbidden names denied at {', '.join(PLACES)}, tried just now"


def try_deny(ws: Workspace, today: date) -> DenyTried:
    """Try the hard deny with this workspace's own configs, in a copy that nobody else reads. Calls nobody."""
    try:
        configs = load_configs(ws, today=today)
        with tempfile.TemporaryDirectory(prefix="peak-deny-") as folder:
            copy = _copied(ws, Path(folder))
            return DenyTried(tuple(sorted({*_linted(copy, today), *_at_rest(), *_called(configs, today)})))
    except (ConfigInvalid, KeyError) as error:
        return DenyTried(problem=f"the configs cannot be used: {error}")
    except OSError as error:
        return DenyTried(problem=f"no copy of the configs could be made: {error.strerror or error}")


def _copied(ws: Workspace, folder: Path) -> Workspace:
    """The files of ``configs/ai``, and the matrix with forbidden slots for L2 in place of its fallbacks."""
    copy = Workspace(folder)
    copy.ai.mkdir(parents=True)
    for path in (ws.models, ws.prices, ws.budgets):
        if path.stat().st_size <= MAX_BYTES:
            shutil.copyfile(path, copy.ai / path.name)
    copy.matrix.write_text(_matrix(), encoding="utf-8")
    return copy


def _matrix() -> str:
    """A matrix of one layer whose every fallback is forbidden; TOML's basic strings are JSON's."""
    lines = ["[global]", 'allowed_providers = ["openai", "anthropic", "Anthropic "]', ""]
    lines += ["[L2.primary]", 'provider = "openai"', 'model_id = "gpt-5-mini"']
    for slot in _slots():
        lines += ["", "[[L2.fallback]]", *(f"{key} = {json.dumps(value)}" for key, value in slot.items())]
    return "\n".join(lines) + "\n"


def _slots() -> Iterator[dict[str, str]]:
    for name, value in TRIED:
        yield {"provider": "openai", "model_id": "gpt-5-mini"} | {name: value}


def _linted(copy: Workspace, today: date) -> Iterator[str]:
    """What lint and load let through of the copy."""
    found = [one.as_dict() for one in lint_workspace(copy, phase=PhaseLevel.RESEARCH, today=today)]
    yield from _missed("lint", found)
    try:
        load_configs(copy, today=today)
    except ConfigInvalid as error:
        yield from _missed("load", error.details["findings"])
    else:
        yield "load: everything"


def _missed(place: str, findings: Any) -> Iterator[str]:
    for number, (_, value) in enumerate(TRIED):
        start = f"L2.fallback[{number}]"
        if not any(
            one["rule"].startswith("policy.forbidden_") and one["message"].startswith(start)
            for one in findings
        ):
            yield f"{place}: {value.strip()}"


def _at_rest() -> Iterator[str]:
    """What the rule itself, and the one on a model that answers, let through."""
    for name, value in TRIED:
        if hard_deny(**{name: value}) is None:
            yield f"rule: {value.strip()}"
        if name == "model_id" and deny_echo(value) is None:
            yield f"answer: {value}"


def _called(configs: Configs, today: date) -> Iterator[str]:
    """What the road's admission lets through when such slots are put before it unlinted."""
    slots = tuple(Slot.model_construct(**slot) for slot in _slots())  # type: ignore[arg-type]
    primary = next(iter(configs.matrix.layers.values())).primary
    rules = GlobalRules.model_construct(
        forbidden_providers=(),
        forbidden_model_prefixes=(),
        allowed_providers=("openai", *(value for _, value in TRIED)),
    )
    layers = {Layer.L2: LayerConfig.model_construct(primary=primary, fallback=slots)}
    matrix = replace(configs.matrix, layers=layers, global_=rules)
    facts = Facts(today=today, phase=PhaseLevel.RESEARCH, simulated=True)
    surveyed = survey(replace(configs, matrix=matrix), Layer.L2, Role.FALLBACK, facts)
    for (_, value), one in zip(TRIED, surveyed, strict=True):
        if one.refusal is None or one.refusal.denial is None:
            yield f"client: {value.strip()}"
