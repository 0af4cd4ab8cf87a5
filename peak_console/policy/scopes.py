"""Capability scopes, as the road asks them: which tools a call may carry, and what must be on record of it.

Forbidden wins over allowed, and what is in neither list is forbidden. A layer without a scope has no tools,
and from shadow on it makes no calls. Pure; the files are read by :mod:`peak_console.config.scopes`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from peak_console.domain.vocabulary import Layer


class Autonomy(StrEnum):
    """How far a layer's work may go by itself; later members go further."""

    READ_ONLY = "RO"
    RECOMMEND = "REC"
    PROPOSE = "PROP"
    EXECUTE = "EXEC"

    @property
    def rank(self) -> int:
        """0 for reading only up to 3 for executing."""
        return list(Autonomy).index(self)


class Tool(StrEnum):
    """The vocabulary of tools that a scope allows or forbids."""

    FILES = "files"
    WEB = "web"
    CODE_INTERPRETER = "code-interpreter"
    SHELL = "shell"
    EXECUTION = "execution"
    NONE = "none"


class OnViolation(StrEnum):
    """What becomes of a call that carries a tool outside its scope."""

    REFUSE = "refuse"
    STRIP = "strip"


class OnUnfiltered(StrEnum):
    """What becomes of a web tool that cannot be kept to the allowed domains."""

    REFUSE = "refuse"
    NOTE = "note"


HOSTED_KINDS: Final[Mapping[str, Tool]] = MappingProxyType(
    {
        "web_search": Tool.WEB,
        "web_search_preview": Tool.WEB,
        "google_search": Tool.WEB,
        "googleSearch": Tool.WEB,
        "url_context": Tool.WEB,
        "urlContext": Tool.WEB,
        "web_fetch": Tool.WEB,
        "code_interpreter": Tool.CODE_INTERPRETER,
        "code_execution": Tool.CODE_INTERPRETER,
        "codeExecution": Tool.CODE_INTERPRETER,
        "file_search": Tool.FILES,
        "shell": Tool.SHELL,
        "local_shell": Tool.SHELL,
        "computer_use": Tool.SHELL,
        "computer_use_preview": Tool.SHELL,
    }
)
"""The kinds of tools that providers run, by our names of them and by their types on the wire."""


def kind_of_hosted(name: str) -> Tool | None:
    """The kind of a tool that a provider runs, dated names included; ``None`` where it is not known."""
    known = HOSTED_KINDS.get(name)
    if known is not None:
        return known
    stem, _, suffix = name.partition("_20")
    return HOSTED_KINDS.get(stem) if suffix[:2].isdigit() else None


def lowest(level: str) -> Autonomy:
    """The level that a text such as ``RO/REC`` grants: the lowest named."""
    return min((Autonomy(one) for one in level.split("/")), key=lambda one: one.rank)


def granted(allowed: Collection[Tool], forbidden: Collection[Tool]) -> frozenset[Tool]:
    """The tools that two lists leave: forbidden wins, and ``none`` among the allowed leaves nothing."""
    if Tool.NONE in allowed:
        return frozenset()
    return frozenset(allowed) - frozenset(forbidden) - {Tool.NONE}


@dataclass(frozen=True, slots=True)
class ScopeRules:
    """What a layer's scope comes to, made once of its file."""

    layer: Layer
    autonomy: Autonomy
    tools: frozenset[Tool] = frozenset()
    on_violation: OnViolation = OnViolation.REFUSE
    kinds: Mapping[str, Tool] = field(default_factory=dict)
    """The kind of each function that callers offer; one that is not named is outside the scope."""
    domains: tuple[str, ...] = ()
    """Where the web tool may go; empty for anywhere."""
    on_unfiltered: OnUnfiltered = OnUnfiltered.REFUSE
    web_per_hour: int | None = None
    outputs: frozenset[str] = frozenset()
    """Types of output that are allowed, as the file names them; empty where it names none."""
    forbidden: frozenset[str] = frozenset()
    """Types of output that are forbidden, those of constraints and safety checks included."""
    log_fields: tuple[str, ...] = ()
    """What must be on record of each call."""
    digest: str = ""
    """SHA-256 of the file."""

    def permits(self, kind: Tool | None) -> bool:
        """Whether a tool of this kind is within the scope."""
        return kind is not None and kind in self.tools


@dataclass(frozen=True, slots=True)
class ToolsJudged:
    """The tools of a call that are within its scope, and those that are not, each with why."""

    functions: tuple[str, ...]
    hosted: tuple[str, ...]
    outside: Mapping[str, str]

    @property
    def told(self) -> str:
        """What is outside, in words."""
        return "; ".join(f"{name} {why}" for name, why in self.outside.items())


def judge_tools(
    rules: ScopeRules | None,
    functions: Sequence[str],
    hosted: Sequence[str],
    *,
    wires: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> ToolsJudged:
    """Which of a call's tools its layer's scope permits; without a scope, none.

    ``functions`` are the caller's own, ``hosted`` those that a provider runs; ``wires`` are the types under
    which the candidates' providers know a hosted tool: each must be within the scope as well, so that a
    name says no less than what is run.
    """
    outside: dict[str, str] = {}
    within: list[str] = []
    for name in functions:
        kind = rules.kinds.get(name) if rules else None
        if rules is not None and rules.permits(kind):
            within.append(name)
        else:
            outside[name] = _why(rules, kind, "tooling.kinds does not name it")
    run: list[str] = []
    for name in hosted:
        kinds = [kind_of_hosted(one) for one in (name, *wires.get(name, ()))]
        if rules is not None and all(rules.permits(kind) for kind in kinds):
            run.append(name)
        else:
            bad = next((kind for kind in kinds if rules is None or not rules.permits(kind)), None)
            outside[name] = _why(rules, bad, "is of no known kind")
    return ToolsJudged(tuple(within), tuple(run), MappingProxyType(outside))


def _why(rules: ScopeRules | None, kind: Tool | None, unknown: str) -> str:
    if rules is None:
        return "is outside: the layer has no scope"
    return f"is outside: {unknown}" if kind is None else f"is outside: it is of kind {kind.value}"


def narrowed(asked: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...] | None:
    """The domains that a call may search: those the scope allows, or fewer where the caller names some.

    ``None`` where the caller names domains and none of them is within the scope.
    """
    if not asked:
        return tuple(allowed)
    kept = tuple(one for one in asked if not allowed or any(covers(wide, one) for wide in allowed))
    return kept or None


def covers(wide: str, narrow: str) -> bool:
    """Whether everything that ``narrow`` names is within ``wide``; ``*.`` takes in what lies below."""
    outer, inner = wide.lower(), narrow.lower()
    if outer == inner:
        return True
    if not outer.startswith("*."):
        return False
    bare = inner.removeprefix("*.")
    return bare == outer[2:] or bare.endswith(outer[1:])
