"""The rules of the linter: ids, severities, words. An id, once shipped, keeps its meaning."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from peak_console.config.lint.canaries import CANARY_RULES
from peak_console.config.lint.crossing import CROSSING_RULES
from peak_console.config.lint.file_rules import FILE_RULES
from peak_console.config.lint.finding import Rule, Severity
from peak_console.config.lint.incidents import INCIDENT_RULES
from peak_console.config.lint.interface_rules import INTERFACE_RULES
from peak_console.config.lint.jobs import JOB_RULES
from peak_console.config.lint.limits import LIMIT_RULES
from peak_console.config.lint.lock import LOCK_RULES
from peak_console.config.lint.money_rules import MONEY_RULES
from peak_console.config.lint.readiness import READINESS_RULES
from peak_console.config.lint.scope_rules import SCOPE_RULES
from peak_console.domain.vocabulary import PhaseLevel

_SCHEMA: Final = (
    Rule(
        "schema.unknown_key",
        "A key that no one reads",
        "A misspelt key would leave the setting it meant at its default, silently.",
        "correct the key's name or take it out; docs/reference/config-keys.md lists all keys",
    ),
    Rule(
        "schema.wrong_type",
        "A value of the wrong type",
        "Values are not converted: a number in quotes is text, `1` is no boolean, and `1.0` is no count.",
        "write the value in the type the key takes; docs/reference/config-keys.md names it",
    ),
    Rule(
        "schema.missing_key",
        "A required key is absent",
        "A table is there without a key that it cannot do without.",
        "add the key",
    ),
    Rule(
        "schema.bad_value",
        "A value outside what the key takes",
        "The type is right and the value is not: out of range, not one of the words the key takes, not in "
        "the form it needs.",
        "write a value that docs/reference/config-keys.md allows",
    ),
    Rule(
        "schema.unitless_percent",
        "A percentage without its unit",
        "A bare number does not say whether 5 or 0.05 is five percent. Keys of percentages end in `_pct` "
        "and hold the number of percent: 5.0 is five percent.",
        "write a number: 80.0, under a key that ends in _pct",
    ),
    Rule(
        "schema.percent_fraction",
        "A percentage below one percent",
        "A `_pct` key holds a number of percent. A value between 0 and 1 is usually a fraction that was "
        "meant as a hundred times as much.",
        "write 80.0 for 80 percent; leave it only if less than one percent is meant",
        severity=Severity.WARNING,
    ),
)

_MATRIX: Final = (
    Rule(
        "matrix.missing_primary",
        "A layer has no primary",
        "L0 to L4 must each name the model that produces. Fallback and critic stand beside it, never for it.",
        "add the table with provider and model_id",
    ),
    Rule(
        "matrix.model_on_gate_layer",
        "A model or setting on L5 or L6",
        "The risk gate and execution are deterministic. The client refuses calls for them whatever a file "
        "says; lint refuses the file, too.",
        "take the table out; L5 and L6 may hold a note and nothing else",
    ),
    Rule(
        "matrix.fallback_equals_primary",
        "A fallback is its own primary",
        "A fallback that is the same model at the same provider fails with it.",
        "name another model, or take the fallback out",
    ),
    Rule(
        "matrix.duplicate_candidate",
        "A model stands twice in a chain",
        "The second time would repeat what has just failed, and spend its budget again.",
        "take one of them out",
    ),
    Rule(
        "matrix.degraded_primary",
        "A primary is marked degraded",
        "`degraded` marks a stand-in of lower trust, whose verdicts are capped at REVIEW. A degraded "
        "primary would never pass anything.",
        "take the flag out, or put a model of full trust in its place",
    ),
    Rule(
        "matrix.service_unresolved",
        "A critic's service does not exist",
        "`service` names a layer, and that layer's primary judges. It must be one of L0 to L4 and have a "
        "primary.",
        "name a layer that has a primary",
    ),
    Rule(
        "matrix.service_loop",
        "Critics judge in a circle",
        "Following the critic services from this layer leads back to it: nobody outside the circle judges.",
        "give one layer of the circle a critic model of its own",
    ),
    Rule(
        "matrix.critic_missing",
        "A layer that is always judged has no critic",
        "L3 is judged in every phase and L2 from shadow on. Without a critic its output has no verdict, "
        "which counts as FAIL.",
        "add a critic, or the service of another layer",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
    ),
    Rule(
        "matrix.critic_policy_weak",
        "A layer is judged less often than it must be",
        "L3 is always judged, L2 always from shadow on. A file may ask for more verdicts, not for fewer.",
        'set critic_policy = "always", for L2 under [L2.phases.shadow]',
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
    ),
    Rule(
        "matrix.base_url_plain_http",
        "An address without encryption",
        "Keys and prompts would travel in the clear. Only addresses on this machine may be http.",
        "write an https address",
    ),
)

_POLICY: Final = (
    Rule(
        "policy.forbidden_provider",
        "A forbidden provider",
        "The hard deny in the code refuses this provider whatever a file says, and so does the matrix's "
        "own list. Look-alike letters, case, separators and encodings do not matter.",
        "name another provider",
    ),
    Rule(
        "policy.forbidden_model",
        "A forbidden model",
        "The hard deny looks at model ids, families, deployments and served names, wherever a config "
        "names them; the matrix's own list of prefixes is held against them as well.",
        "name another model",
    ),
    Rule(
        "policy.forbidden_base_url",
        "A forbidden address",
        "The hard deny looks at host, path and user part of every address.",
        "name another address",
    ),
    Rule(
        "policy.provider_not_allowed",
        "A provider that is not on the allow-list",
        "`global.allowed_providers` lists the only providers a slot may name.",
        "name a provider of the list, or add this one to it",
    ),
    Rule(
        "policy.empty_allow_list",
        "The allow-list is empty",
        "An empty or absent `global.allowed_providers` allows nobody. It is never read as everybody.",
        "list the providers that may be called",
    ),
)

_REGISTRY: Final = (
    Rule(
        "registry.model_unknown",
        "A model that is not in the registry",
        "The matrix may use only models whose family, context, endpoint and lifecycle models.toml knows.",
        "add a [[model]] entry to configs/ai/models.toml, or name a model that has one",
    ),
    Rule(
        "registry.model_not_allowed",
        "A model that the registry does not allow",
        "The entry stands with `allowed = false`.",
        "name another model, or set allowed = true where that was decided",
    ),
    Rule(
        "registry.duplicate_model",
        "A model stands twice in the registry",
        "Two entries for one model could say different things.",
        "keep one of them",
    ),
    Rule(
        "registry.past_shutdown",
        "A model that was shut down",
        "The provider's announced date has passed: calls fail, or are answered by another model at "
        "another price. The router refuses the candidate and takes the next.",
        "put the successor in its place",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "registry.near_shutdown",
        "A model that is shut down within 60 days",
        "The date the provider announced is near. A successor needs its evals before it may stand in the "
        "matrix.",
        "plan the move to the successor",
        severity=Severity.WARNING,
    ),
    Rule(
        "registry.output_limit",
        "More output asked for than the model gives",
        "The slot's `max_output_tokens` is above the registry's for its model; the provider would refuse "
        "or cut.",
        "lower max_output_tokens",
        severity=Severity.WARNING,
    ),
)

_SOD: Final = (
    Rule(
        "sod.within_layer",
        "A critic judges its own model's work",
        "Proposer and critic of a layer must differ by what `sod` demands: model, family or provider. "
        "Fallbacks count, because they are proposers when they stand in.",
        "give the critic or the proposer another model",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
    ),
    Rule(
        "sod.across_layers",
        "A critic service judges its own model's work",
        "Where another layer serves as critic, its primary and fallbacks judge this layer's work, and its "
        "own critic judges that verdict: none of them may be a proposer here. From shadow on L4 judges "
        "L2, too.",
        "give one of the two slots another model",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
    ),
)

_PROMPTS: Final = (
    Rule(
        "prompt.missing",
        "A prompt version that does not exist",
        "The matrix names `<name>@<version>`, and configs/ai/prompts/<name>/<version>.md is not there.",
        "write the file, or name a version that exists",
    ),
    Rule(
        "prompt.unset",
        "A role without a prompt",
        "The layer has a model in this role and names no prompt for it, so its calls carry no prompt "
        "version.",
        "name one under [Lx.prompts]",
        severity=Severity.WARNING,
    ),
    Rule(
        "prompt.misnamed",
        "A prompt file that nothing can refer to",
        "References are `<name>@<version>`: the folder in lower case and dashes, the file a version that "
        "begins with a digit. Any other file under prompts/ is never read.",
        "rename it to prompts/<name>/<version>.md",
        severity=Severity.WARNING,
    ),
    Rule(
        "prompt.empty",
        "An empty prompt",
        "The file is there and has no text.",
        "write the prompt",
    ),
)

CATALOGUE: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        rule.id: rule
        for group in (
            FILE_RULES,
            _SCHEMA,
            _MATRIX,
            _POLICY,
            _REGISTRY,
            INTERFACE_RULES,
            _SOD,
            MONEY_RULES,
            SCOPE_RULES,
            _PROMPTS,
            CROSSING_RULES,
            LIMIT_RULES,
            READINESS_RULES,
            INCIDENT_RULES,
            JOB_RULES,
            CANARY_RULES,
            LOCK_RULES,
        )
        for rule in group
    }
)
"""Every rule by id, in the order of the reference page."""
