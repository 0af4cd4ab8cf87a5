"""The free lists of models, as each provider writes them."""

from collections.abc import Callable
from typing import Any, Final

from peak_console.simulator.models import names

_CREATED: Final = 1_764_000_000


def _openai(models: list[str]) -> dict[str, Any]:
    entries = [{"id": one, "object": "model", "created": _CREATED, "owned_by": "system"} for one in models]
    return {"object": "list", "data": entries}


def _google(models: list[str]) -> dict[str, Any]:
    methods = ["generateContent", "countTokens"]
    return {
        "models": [
            {"name": f"models/{one}", "displayName": one, "supportedGenerationMethods": methods}
            for one in models
        ]
    }


def _mistral(models: list[str]) -> dict[str, Any]:
    entries: list[dict[str, Any]] = [
        {"id": one, "object": "model", "created": _CREATED, "aliases": [], "deprecation": None}
        for one in models
    ]
    return {"object": "list", "data": entries}


def _together(models: list[str]) -> list[dict[str, Any]]:
    return [{"id": one, "object": "model", "created": _CREATED, "type": "chat"} for one in models]


def _azure(models: list[str]) -> dict[str, Any]:
    entries = [
        {"id": one, "object": "model", "created_at": _CREATED, "lifecycle_status": "generally-available"}
        for one in models
    ]
    return {"object": "list", "data": entries}


def _foundation_models(models: list[str]) -> dict[str, Any]:
    return {
        "modelSummaries": [
            {"modelId": one, "modelName": one, "modelLifecycle": {"status": "ACTIVE"}} for one in models
        ]
    }


def _profiles(models: list[str]) -> dict[str, Any]:
    arn = "arn:aws:bedrock:eu-central-1:000000000000:inference-profile/"
    ids = [f"eu.{one}" for one in models if one.startswith("amazon.")]
    return {
        "inferenceProfileSummaries": [
            {"inferenceProfileId": one, "inferenceProfileArn": arn + one, "status": "ACTIVE"} for one in ids
        ]
    }


_WRITERS: Final[dict[str, tuple[str, Callable[[list[str]], Any]]]] = {
    "/openai/v1/models": ("openai", _openai),
    "/gemini/v1beta/models": ("google", _google),
    "/mistral/v1/models": ("mistral", _mistral),
    "/together/v1/models": ("together", _together),
    "/azure/openai/v1/models": ("azure", _azure),
    "/bedrock/foundation-models": ("bedrock", _foundation_models),
    "/bedrock/inference-profiles": ("bedrock", _profiles),
}

PATHS: Final = tuple(_WRITERS)
"""Where the lists are."""


def listed(path: str) -> Any:
    """The list at a path."""
    provider, write = _WRITERS[path]
    return write(names(provider))
