"""Versioned prompts: ``prompts/<name>/<version>.md``, taken word for word as the system message."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from peak_console.domain.canonical import digest
from peak_console.domain.errors import ConfigInvalid


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version of a prompt; ``sha256`` is that of the file."""

    name: str
    version: str
    text: str
    sha256: str

    @property
    def reference(self) -> str:
        """``<name>@<version>``, as the matrix writes it."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class PromptLibrary:
    """All prompts of a workspace, by reference; ``digest`` covers every version's text."""

    prompts: Mapping[str, Prompt]
    digest: str

    @classmethod
    def of(cls, prompts: list[Prompt]) -> "PromptLibrary":
        """A library of these prompts."""
        named = {one.reference: one for one in sorted(prompts, key=lambda one: one.reference)}
        return cls(MappingProxyType(named), digest({name: one.sha256 for name, one in named.items()}))

    def find(self, reference: str) -> Prompt | None:
        """The prompt ``<name>@<version>``, or ``None``."""
        return self.prompts.get(reference)

    def get(self, reference: str) -> Prompt:
        """The prompt ``<name>@<version>``; raises ``ConfigInvalid`` with code ``prompt_missing``."""
        prompt = self.prompts.get(reference)
        if prompt is None:
            name, _, version = reference.partition("@")
            raise ConfigInvalid(
                f"there is no prompt {reference}",
                code="prompt_missing",
                remedy=f"write configs/ai/prompts/{name}/{version or '<version>'}.md",
            )
        return prompt
