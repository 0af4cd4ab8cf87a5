"""The rules of capability scopes. Words only; :mod:`peak_console.config.lint.scopes` holds the checks."""

from typing import Final

from peak_console.config.lint.finding import Rule, Severity
from peak_console.domain.vocabulary import PhaseLevel

SCOPE_RULES: Final = (
    Rule(
        "scope.missing",
        "A layer with models and without a scope",
        "Without a scope in force the layer's calls carry no tools, and from shadow on they are refused as "
        "scope_missing.",
        "write configs/ai/capability_scopes/L<n>.toml; peak init writes those that ship with the program",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "scope.twice",
        "Two scopes for one layer",
        "Which of them was meant is not guessed: the layer has none until one is left.",
        "merge them into one file",
        blocks=False,
    ),
    Rule(
        "scope.layer_mismatch",
        "A file whose name contradicts its layer",
        "The name begins with one layer and layer_id says another. Neither is guessed: the file is not in "
        "force.",
        "rename the file, or correct layer_id",
        blocks=False,
    ),
    Rule(
        "scope.exec",
        "A layer with models that may execute",
        "Layers that call models read, recommend or propose. EXEC belongs to L6, which is deterministic. The "
        "scope is not in force.",
        "write RO, REC or PROP",
        blocks=False,
    ),
    Rule(
        "scope.overlap",
        "Allowed and forbidden at once",
        "Forbidden wins, so the allowed entry says nothing.",
        "take it out of one of the lists",
        severity=Severity.WARNING,
    ),
    Rule(
        "scope.models_disagree",
        "Models that the matrix does not name",
        "The scope was written for other models than the matrix holds in the layer's slots.",
        "look whether the scope still fits, and name the matrix's models, or leave [models] out",
        severity=Severity.WARNING,
    ),
    Rule(
        "scope.unknown_log_field",
        "A log field that is not recorded",
        "No event holds a field of this name, so it is on record of no call.",
        "take it out, or name one of the fields in docs/scopes.md",
        severity=Severity.WARNING,
    ),
    Rule(
        "scope.unknown_check",
        "A check that nobody knows",
        "Constraints and safety checks are enforced by their names. One that is not known changes nothing.",
        "name a check of docs/scopes.md, or forbid the type of output under outputs.forbidden",
        severity=Severity.WARNING,
    ),
    Rule(
        "scope.not_enforced",
        "A key that is only for readers",
        "The key is read so that files of this form load as they are. Nothing in the program depends on it.",
        "leave it for readers, or take it out",
        severity=Severity.WARNING,
    ),
    Rule(
        "scope.tool_none_with_others",
        "No tools, and tools",
        "`none` among the allowed tools leaves none, whatever stands beside it.",
        "take none out, or the others",
        severity=Severity.WARNING,
    ),
    Rule(
        "scope.tools_disagree",
        "Two lists of tools that differ",
        "tooling.allowed and tools.allowed_tools both stand there: a tool must be in both.",
        "keep one of the lists",
        severity=Severity.WARNING,
    ),
    Rule(
        "scope.kind_outside",
        "A function of a kind that the scope does not permit",
        "Every call that offers it is refused, or goes without it.",
        "allow the kind, or take the function out of tooling.kinds",
        severity=Severity.WARNING,
    ),
    Rule(
        "scope.web_without_tool",
        "Web access without the web tool",
        "Domains or a limit are set, and the scope permits no tool of kind web.",
        'add "web" to tooling.allowed, or take [web_access] out',
        severity=Severity.WARNING,
    ),
)
