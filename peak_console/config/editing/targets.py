"""What can be edited: every config file of a workspace, by a short name that people type.

``matrix``, ``budgets``, … are the kinds of ``sources.MAIN_FILES``; ``scopes/L2`` is a capability scope and
``prompts/market-outlook@1`` a prompt.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from peak_console.config.schema import PROMPT_REFERENCE
from peak_console.config.sources import MAIN_FILES, PROMPTS, SCOPES, read_prompts, read_scopes
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import UsageWrong

SCOPE_KIND: Final = "scopes"
PROMPT_KIND: Final = "prompts"
WRITTEN_APART: Final = frozenset({"lock"})
"""Kinds that are never edited as text: the lock is signed as a whole."""


@dataclass(frozen=True, slots=True)
class Target:
    """One config file. ``kind`` is what its digest is recorded under, ``path`` is relative to the root."""

    name: str
    kind: str
    path: str

    @property
    def is_toml(self) -> bool:
        """Whether its text is TOML (a prompt's is not, and a YAML config is edited as text only)."""
        return self.path.endswith(".toml")


def target_named(name: str) -> Target:
    """The target of a name; raises ``UsageWrong`` (``no_such_config``). It need not be there yet."""
    if name in MAIN_FILES:
        return Target(name, name, MAIN_FILES[name])
    kind, _, rest = name.partition("/")
    if kind == SCOPE_KIND and rest.replace("_", "").replace("-", "").isalnum():
        return Target(name, SCOPE_KIND, f"{SCOPES}/{rest}.toml")
    if kind == PROMPT_KIND and PROMPT_REFERENCE.fullmatch(rest):
        prompt, _, version = rest.partition("@")
        return Target(name, PROMPT_KIND, f"{PROMPTS}/{prompt}/{version}.md")
    raise UsageWrong(
        f"there is no config '{name[:60]}'",
        code="no_such_config",
        remedy=f"name one of: {', '.join(MAIN_FILES)}, scopes/<L>, prompts/<name>@<version>",
    )


def targets_of(ws: Workspace) -> tuple[Target, ...]:
    """Everything that can be edited: the main files, there or not, and what stands of scopes and prompts.

    A config that stands as YAML is named by its YAML path.
    """
    found = []
    for kind, path in MAIN_FILES.items():
        found.append(Target(kind, kind, _standing(ws, path)))
    scopes, _ = read_scopes(ws.root)
    for name, document in scopes.items():
        found.append(Target(f"{SCOPE_KIND}/{name}", SCOPE_KIND, document.name))
    for reference, document in read_prompts(ws.prompts, PROMPTS).items():
        found.append(Target(f"{PROMPT_KIND}/{reference}", PROMPT_KIND, document.name))
    return tuple(found)


def _standing(ws: Workspace, path: str) -> str:
    toml = PurePosixPath(path)
    if toml.suffix != ".toml" or (ws.root / path).exists():
        return path
    twins = (str(toml.with_suffix(suffix)) for suffix in (".yaml", ".yml"))
    return next((one for one in twins if (ws.root / one).exists()), path)
