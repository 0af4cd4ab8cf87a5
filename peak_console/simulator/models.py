"""The models that the simulator plays: how fast each is, what it calls itself, how much it thinks."""

import re
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Profile:
    """One model. The latencies are medians; the draw around them is log-normal with ``sigma``."""

    provider: str
    name: str
    served_as: str
    """The name its responses report: OpenAI reports a dated snapshot, the others what was asked for."""
    first_ms: float
    """Until the first token would come."""
    token_ms: float
    """For each output token."""
    sigma: float = 0.35
    reasoning_pct: int = 0
    """Reasoning tokens in percent of the answer's."""
    chat: bool = True
    """False for models that OpenAI serves on the Responses interface only."""
    refuses_temperature: bool = False
    fingerprint: str | None = None
    """What chat completions report as ``system_fingerprint``: GPT-4o has one, its successors report none."""


def _openai(
    name: str, dated: str, first_ms: float, token_ms: float, reasoning: int, *, chat: bool = True
) -> Profile:
    return Profile(
        "openai", name, f"{name}-{dated}", first_ms, token_ms, 0.35, reasoning, chat, refuses_temperature=True
    )


_KNOWN: Final = (
    _openai("gpt-5-nano", "2025-08-07", 160, 0.8, 30),
    _openai("gpt-5-mini", "2025-08-07", 260, 1.2, 45),
    _openai("gpt-5", "2025-08-07", 420, 1.9, 80),
    _openai("gpt-5.1", "2025-11-13", 420, 1.8, 70),
    _openai("gpt-5.2", "2025-12-11", 460, 1.8, 70),
    _openai("gpt-5.2-pro", "2025-12-11", 1800, 4.0, 200, chat=False),
    _openai("o3-deep-research", "2025-06-26", 9000, 6.0, 400, chat=False),
    _openai("o4-mini-deep-research", "2025-06-26", 6000, 4.0, 300, chat=False),
    Profile("openai", "gpt-4o", "gpt-4o-2024-08-06", 300, 1.2, fingerprint="fp_51db84afab"),
    Profile("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 220, 0.9, fingerprint="fp_560af6e559"),
    Profile("google", "gemini-2.5-flash-lite", "gemini-2.5-flash-lite", 140, 0.6),
    Profile("google", "gemini-2.5-flash", "gemini-2.5-flash", 230, 0.9, 0.4, 40),
    Profile("google", "gemini-2.5-pro", "gemini-2.5-pro", 520, 1.6, 0.4, 90),
    Profile("google", "gemini-3.8-flash", "gemini-3.8-flash", 240, 0.9, 0.4, 50),
    Profile("mistral", "mistral-medium-2604", "mistral-medium-2604", 280, 1.3),
    Profile("mistral", "mistral-medium-latest", "mistral-medium-latest", 280, 1.3),
    Profile("mistral", "mistral-small-latest", "mistral-small-latest", 180, 0.8),
    Profile("mistral", "mistral-large-latest", "mistral-large-latest", 420, 1.7),
    Profile(
        "together",
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        240,
        1.0,
    ),
    Profile("azure", "gpt-5-mini", "gpt-5-mini-2025-08-07", 280, 1.2, 0.35, 45, refuses_temperature=True),
    Profile("bedrock", "amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", 220, 0.9),
)
_BY_NAME: Final = {(one.provider, one.name): one for one in _KNOWN}
_FAMILIES: Final = {
    "openai": (re.compile(r"(gpt-[345]|o[134](-|$)|chatgpt-)"), _BY_NAME["openai", "gpt-5-mini"]),
    "google": (re.compile(r"(gemini|gemma)-"), _BY_NAME["google", "gemini-2.5-flash"]),
    "mistral": (
        re.compile(r"(open-)?(mistral|ministral|magistral|codestral|devstral)-"),
        _BY_NAME["mistral", "mistral-medium-latest"],
    ),
    "together": (
        re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$"),
        _BY_NAME["together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"],
    ),
    "bedrock": (
        re.compile(
            r"(arn:aws:bedrock:|((us|eu|apac|global)\.)?(amazon|meta|mistral|openai|deepseek|qwen)\.)"
        ),
        _BY_NAME["bedrock", "amazon.nova-lite-v1:0"],
    ),
    "azure": (re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*$"), _BY_NAME["azure", "gpt-5-mini"]),
}
_DATED: Final = re.compile(r"-20\d\d-\d\d-\d\d$")

PROVIDERS: Final = tuple(_FAMILIES)


def names(provider: str) -> list[str]:
    """The models that a provider lists: aliases and dated snapshots."""
    known = [one for one in _KNOWN if one.provider == provider]
    return sorted({name for one in known for name in (one.name, one.served_as)})


def find(provider: str, name: str) -> Profile | None:
    """The model asked for by alias or dated snapshot; a stranger of a known family plays like its kin.

    ``None`` where the provider has no such model.
    """
    known = _BY_NAME.get((provider, name))
    if known is not None:
        return known
    alias = _BY_NAME.get((provider, _DATED.sub("", name)))
    if alias is not None:
        return replace(alias, name=name, served_as=name)
    pattern, kin = _FAMILIES[provider]
    if not pattern.match(name):
        return None
    return _deployed(name, kin) if provider == "azure" else replace(kin, name=name, served_as=name)


def _deployed(deployment: str, kin: Profile) -> Profile:
    """The model behind a deployment: the one its name holds, as ``desk-gpt-5.2`` does, else its kin."""
    held = [one for one in _KNOWN if one.provider == "openai" and one.name in deployment]
    base = max(held, key=lambda one: len(one.name), default=kin)
    return replace(base, provider="azure", name=deployment)
