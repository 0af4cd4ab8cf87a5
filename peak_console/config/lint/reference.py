"""The reference page of the rules: ``python -m peak_console.config.lint.reference`` writes it to stdout."""

import sys
from itertools import groupby
from typing import Final

from peak_console.config.lint.catalogue import CATALOGUE
from peak_console.config.lint.finding import Rule, Severity

PAGE: Final = "docs/reference/lint-rules.md"
"""Where the page stands in the repository."""

_HEAD: Final = """# Lint rules

Made from the program by `python -m peak_console.config.lint.reference > docs/reference/lint-rules.md`; do not
edit it here. `peak lint` gives each finding with its rule's id, which keeps its meaning once it has shipped.

Exit code 1 means that there are errors. *Stops all calls* means that while an error of the rule stands, the
configs are refused as a whole; elsewhere only the calls it concerns are.
"""
_GROUPS: Final = {
    "file": "Files",
    "schema": "Keys and values",
    "matrix": "The matrix",
    "policy": "Policy",
    "registry": "The model registry",
    "interface": "Providers' interfaces",
    "sod": "Separation of duties",
    "budget": "Budgets and currency",
    "price": "Prices",
    "prompt": "Prompts",
    "control": "Enable, arm and breakers",
    "limits": "Risk limits",
    "readiness": "Criteria of promotion",
    "incidents": "Triggers and hooks of incidents",
    "scope": "Capability scopes",
    "jobs": "Scheduled jobs",
    "canary": "Gold cases",
    "lock": "The lock of verified models",
}


def render() -> str:
    """The page as Markdown."""
    parts = [_HEAD, _table()]
    for group, rules in groupby(_ordered(), key=_group):
        parts.append(f"## {_GROUPS[group]}\n")
        parts += [_section(rule) for rule in rules]
    return "\n".join(parts)


def _ordered() -> list[Rule]:
    """The rules group by group, each in the order of the catalogue."""
    groups = list(_GROUPS)
    return sorted(CATALOGUE.values(), key=lambda rule: groups.index(_group(rule)))


def _table() -> str:
    rows = [f"| [`{rule.id}`](#{_anchor(rule)}) | {rule.title} | {_severity(rule)} |" for rule in _ordered()]
    return "\n".join(["| Rule | Title | Severity |", "|---|---|---|", *rows, ""])


def _section(rule: Rule) -> str:
    words = f"**{rule.title}.** {rule.explanation}"
    return f"### {rule.id}\n\n{words}\n\n- {_effect(rule)}\n- Remedy: {rule.remedy}.\n"


def _severity(rule: Rule) -> str:
    if rule.error_from is not None:
        return f"{rule.severity}, error from {rule.error_from} on"
    return rule.severity.value


def _effect(rule: Rule) -> str:
    words = _severity(rule).capitalize()
    erring = rule.severity is Severity.ERROR or rule.error_from is not None
    return f"{words}. Stops all calls." if rule.blocks and erring else f"{words}."


def _group(rule: Rule) -> str:
    return rule.id.partition(".")[0]


def _anchor(rule: Rule) -> str:
    return rule.id.replace(".", "")


if __name__ == "__main__":
    sys.stdout.write(render())
