"""The rules of providers' interfaces: what an entry of the registry, or a slot, asks of one. Words only."""

from typing import Final

from peak_console.config.lint.finding import Rule, Severity

INTERFACE_RULES: Final = (
    Rule(
        "interface.endpoint_unspoken",
        "An interface that this program does not speak",
        "There is an adapter for some interfaces of each provider. A model on another one cannot be asked: "
        "the router refuses it as endpoint_unsupported.",
        "write an endpoint that is spoken, or take the entry out",
        blocks=False,
    ),
    Rule(
        "interface.parameter_unknown",
        "A refused parameter that nobody sends",
        "`refuses` names parameters of a call that the model answers with an error. A name that no call has "
        "refuses nothing, so the parameter that was meant is sent.",
        "write one of the known names",
        severity=Severity.WARNING,
    ),
    Rule(
        "interface.background_unspoken",
        "Background mode on an interface without one",
        "Only the Responses interface accepts a call, works on it, and is asked for the answer later.",
        'take background out, or set endpoint = "responses" where the model answers there',
        blocks=False,
    ),
    Rule(
        "interface.hosted_tool_unspoken",
        "A provider-run tool on an interface without any",
        "Tools that the provider runs are sent on the Responses interface only.",
        'take hosted_tools out, or set endpoint = "responses" where the model answers there',
        blocks=False,
    ),
    Rule(
        "interface.hosted_tool_unpriced",
        "A provider-run tool without a price",
        "One run of the tool is billed besides the tokens. Without its price a call with the tool cannot be "
        "bounded, and is refused as hosted_tool_unpriced.",
        "add hosted_call_usd to the model's row in configs/ai/prices.toml, with its source",
        blocks=False,
    ),
    Rule(
        "interface.hosted_tool_repeated",
        "A provider-run tool stands twice",
        "Two rules for one tool of a model could bound it differently.",
        "keep one of them",
    ),
    Rule(
        "interface.api_version_unused",
        "An api-version that nobody sends",
        "Only Azure's classic chat deployments are addressed with an api-version.",
        "take api_version out",
        severity=Severity.WARNING,
    ),
    Rule(
        "interface.deployment_ambiguous",
        "A deployment of two models",
        "Under one name a provider serves one model. Where two entries claim it, price, limits and the "
        "check of what answered would depend on which is read.",
        "keep the name in the entry of the model that is deployed under it",
    ),
    Rule(
        "interface.deployment_unknown",
        "A slot names a deployment that its model does not have",
        "A deployment is checked against its base model, so it must stand in that model's `deployments`; the "
        "router refuses another one as deployment_unknown.",
        "add the name to the model's deployments in configs/ai/models.toml, or correct it in the slot",
        blocks=False,
    ),
    Rule(
        "interface.deployment_missing",
        "A slot on Azure without a deployment",
        "Azure serves deployments, not models. Without `deployment` the model id is taken for its name, and "
        "no deployment of that name stands in the registry: the router refuses it as deployment_unknown.",
        "name one of the model's deployments in the slot",
        blocks=False,
    ),
    Rule(
        "interface.alias_moves",
        "A slot names an alias that moves",
        "Behind a `-latest` name the provider puts another model, at another price, when it likes, and its "
        "answers name the alias: which version answered cannot be proved.",
        "pin a dated id",
        severity=Severity.WARNING,
    ),
)
