"""The shapes of what control, incidents and the doctor print as JSON."""

from typing import Literal

from pydantic import BaseModel

from peak_console.operations.shape import Shape


class DiagnosisShape(Shape):
    """One thing the doctor looked at."""

    area: str
    title: str
    health: Literal["ok", "note", "warn", "bad", "unknown"]
    found: str
    remedy: str


class DoctorShape(Shape):
    """``peak doctor``; exit 1 when ``well`` is false."""

    at: str
    well: bool
    diagnoses: list[DiagnosisShape]
    summary: dict[Literal["ok", "note", "warn", "bad", "unknown"], int]


class FailedCommandShape(Shape):
    """A command of the service manager that failed."""

    command: str
    said: str


class NodeInstallShape(Shape):
    """``peak node install``."""

    manager: Literal["systemd", "launchd"]
    name: str
    unit: str
    written: bool
    environment_file: str
    start: list[str]
    started: bool
    failed: list[FailedCommandShape]


CONTROL_SHAPES: dict[str, type[BaseModel]] = {
    "doctor": DoctorShape,
    "node-install": NodeInstallShape,
}
"""These shapes by the name ``peak schema`` knows them under."""
