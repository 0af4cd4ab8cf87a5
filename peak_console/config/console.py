"""Settings of the console and of what leaves the workspace for people and monitors."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from peak_console.config.schema import ConfigModel, FreeText, Listed
from peak_console.config.timezones import Zone


class Theme(StrEnum):
    """The console's themes."""

    PEAK = "peak"
    HIGH_CONTRAST = "high-contrast"
    COLOUR_BLIND = "colour-blind"
    MONOCHROME = "monochrome"
    ANSI = "ansi"


class MetricsExporter(ConfigModel):
    """The Prometheus endpoint, on loopback only."""

    enabled: bool = Field(default=True, description="Whether the node serves `/metrics`.")
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        default=0, description="TCP port on 127.0.0.1; 0 takes a free one, which `peak status` names."
    )


class Exporters(ConfigModel):
    """What monitors may read."""

    metrics: MetricsExporter = Field(default=MetricsExporter(), description="Prometheus.")


class LogRules(ConfigModel):
    """Rotation of `audits/logs/peak.log`."""

    max_mb: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=20, description="Megabytes after which a new file is begun."
    )
    keep: Annotated[int, Field(ge=1, le=1000)] = Field(default=5, description="Old files that are kept.")


class Alerts(ConfigModel):
    """How the console tells of an incident that is new, besides showing it."""

    bell: bool = Field(default=True, description="Ring the terminal's bell.")
    title: bool = Field(
        default=True, description="Name open incidents in the window's title; it is given back at the end."
    )
    desktop: bool = Field(
        default=True, description="Send a desktop notification, where the terminal is known to have them."
    )


class Contact(ConfigModel):
    """Whom to call."""

    name: Annotated[str, Field(min_length=1, max_length=120)] = Field(description="Name or rota.")
    role: Annotated[str, Field(max_length=120)] = Field(default="", description="What they decide.")
    reach: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="Telephone, channel or address."
    )
    note: FreeText = Field(default="", description="Hours, deputies, anything the caller needs.")


class ConsoleConfig(ConfigModel):
    """The shape of `configs/console.toml`."""

    refresh_ms: Annotated[int, Field(ge=250, le=60_000)] = Field(
        default=1000, description="Milliseconds between refreshes of a screen."
    )
    theme: Annotated[Theme, Field(strict=False)] = Field(
        default=Theme.PEAK,
        description="peak, high-contrast, colour-blind, monochrome or ansi (the terminal's own 16 colours).",
    )
    timezone: Zone | None = Field(
        default=None, description="The operator's zone beside UTC; absent: the machine's."
    )
    stale_after_ms: Annotated[int, Field(ge=1000, le=3_600_000)] = Field(
        default=5000, description="Age from which a figure is shown as stale."
    )
    exporters: Exporters = Field(default=Exporters(), description="What monitors may read.")
    log: LogRules = Field(default=LogRules(), description="The log's rotation.")
    alerts: Alerts = Field(default=Alerts(), description="Telling of new incidents.")
    contacts: Annotated[tuple[Contact, ...], Listed] = Field(
        default=(), description="Whom to call, first the one on duty."
    )
