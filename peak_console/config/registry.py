"""The model registry: which models exist for us, what they take, and until when they live."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field

from peak_console.config.schema import ConfigModel, FreeText, Listed, Name, Tokens, TupleOfNames

NEAR_SHUTDOWN_DAYS: Final = 60
"""From this many days before its shutdown date on, a model is reported."""


ApiVersion = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$", max_length=20)]
"""An Azure api-version: a day, perhaps a preview of it."""


class Endpoint(StrEnum):
    """Which of a provider's interfaces a model answers on."""

    CHAT = "chat"
    RESPONSES = "responses"
    GENERATE_CONTENT = "generate_content"
    CONVERSE = "converse"


class Modality(StrEnum):
    """A kind of input that a model reads."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    PDF = "pdf"


class Lifecycle(ConfigModel):
    """What a provider announced about a model's end."""

    announced: date | None = Field(default=None, description="When the provider announced it.")
    shutdown: date = Field(description="The first day on which the model no longer answers.")
    successor: Name | None = Field(
        default=None, description="What the provider names instead, as `<provider>:<model_id>`."
    )
    source: FreeText = Field(description="Where the date was read, and when.")


class HostedToolRule(ConfigModel):
    """A tool that the provider runs during a call; what one run costs stands in prices.toml."""

    name: Name = Field(description="Our name of the tool, for example `web_search`.")
    wire_type: Name = Field(description="The tool's type on the wire, for example `web_search_preview`.")
    max_input_tokens: Tokens = Field(description="Most input tokens that one run's result adds to the call.")


class ModelEntry(ConfigModel):
    """One model of the registry."""

    provider: Name = Field(description="The provider as the matrix names it.")
    model_id: Name = Field(description="The id as the provider writes it.")
    family: Name = Field(
        description='Models of one family share weights or training; `sod = "family"` compares it.'
    )
    allowed: bool = Field(description="Whether the matrix may use the model at all.")
    endpoint: Annotated[Endpoint, Field(strict=False)] = Field(
        description="The interface it answers on: chat, responses, generate_content or converse."
    )
    context_tokens: Tokens = Field(description="Most input and output tokens of one call together.")
    max_output_tokens: Tokens = Field(description="Most output tokens, reasoning included.")
    modalities: Annotated[tuple[Annotated[Modality, Field(strict=False)], ...], Listed] = Field(
        default=(),
        description="What the provider documents that it reads: text, image, audio, video, pdf. For readers; "
        "the console sends text only. Absent: not known.",
    )
    refuses: TupleOfNames = Field(
        default=(),
        description="Parameters the model answers with an error: temperature, top_p, seed, stop, "
        "reasoning_effort, tools, tool_choice, response_format, hosted_tools, stream, background.",
    )
    echoes: TupleOfNames = Field(
        default=(),
        description="Beginnings of the names under which the provider reports this model as served, "
        "besides its own id. An alias that moves has several.",
    )
    lifecycle: Lifecycle | None = Field(default=None, description="The announced end, if any.")
    deployments: TupleOfNames = Field(
        default=(),
        description="Names under which this model is deployed (Azure) or reached (a Bedrock inference "
        "profile). A slot's `deployment` must stand here.",
    )
    api_version: ApiVersion | None = Field(
        default=None,
        description="Azure: the api-version of a classic chat deployment. Absent: the v1 interface, which "
        "has none.",
    )
    background: bool = Field(
        default=False, description="Whether the model answers in background mode (Responses only)."
    )
    hosted_tools: Annotated[tuple[HostedToolRule, ...], Listed] = Field(
        default=(), description="Tools the provider runs for this model, each with the cap of one call."
    )

    def hosted_tool(self, name: str) -> HostedToolRule | None:
        """The rule of a provider-run tool; ``None`` when the model has none of that name."""
        return next((one for one in self.hosted_tools if one.name == name), None)

    def echoed_as(self, served: str) -> bool:
        """Whether ``served``, the name in a response, is a name of this model.

        Its own id, its id with a dated or numbered suffix, or a name that begins with one of ``echoes``.
        """
        if served == self.model_id:
            return True
        suffix = served.removeprefix(self.model_id + "-")
        if suffix != served and suffix[:1].isdigit():
            return True
        return served.startswith(self.echoes) if self.echoes else False

    def shut_down(self, on: date) -> bool:
        """Whether the model no longer answers on that day."""
        return self.lifecycle is not None and on >= self.lifecycle.shutdown

    def days_left(self, on: date) -> int | None:
        """Days until the shutdown date, negative after it; ``None`` when no date is known."""
        return None if self.lifecycle is None else (self.lifecycle.shutdown - on).days


class ModelsFile(ConfigModel):
    """The shape of `configs/ai/models.toml`."""

    model: Annotated[tuple[ModelEntry, ...], Listed] = Field(
        default=(), description="The models, one `[[model]]` each."
    )


@dataclass(frozen=True, slots=True)
class ModelRegistry:
    """The registry, by provider and model id."""

    entries: Mapping[tuple[str, str], ModelEntry]
    digest: str

    @classmethod
    def of(cls, file: ModelsFile, digest: str) -> "ModelRegistry":
        """The registry a file describes."""
        return cls(MappingProxyType({(one.provider, one.model_id): one for one in file.model}), digest)

    def find(self, provider: str, model_id: str) -> ModelEntry | None:
        """The entry of a model, allowed or not."""
        return self.entries.get((provider, model_id))

    def __iter__(self) -> Iterator[ModelEntry]:
        return iter(self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)
