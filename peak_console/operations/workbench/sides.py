"""One side of a change: the configs as they stand with one text in the place of a file."""

from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from peak_console.config.budgets import BudgetsFile
from peak_console.config.control import ControlConfig
from peak_console.config.document import parse_document
from peak_console.config.editing.targets import SCOPE_KIND, Target
from peak_console.config.incidents import IncidentsConfig
from peak_console.config.jobs import JobsConfig
from peak_console.config.limits import LimitsConfig
from peak_console.config.lint.inspection import Inspection
from peak_console.config.lint.schema import Origins, validate
from peak_console.config.matrix import Matrix, MatrixFile
from peak_console.config.prices import PricesFile, PriceTable
from peak_console.config.readiness import ReadinessConfig
from peak_console.config.registry import ModelRegistry, ModelsFile
from peak_console.config.schema import ConfigModel
from peak_console.config.scopes import ScopeFile
from peak_console.config.sources import Sources
from peak_console.domain.vocabulary import PhaseLevel

_Shape = TypeVar("_Shape", bound=ConfigModel)


@dataclass(frozen=True, slots=True)
class Side:
    """All configs as far as they can be understood, with the target's text in its place.

    What cannot be understood is absent here; lint says why.
    """

    inspection: Inspection
    scope: ScopeFile | None
    """The target, where it is a capability scope."""
    readable: bool
    """Whether the target's own text could be understood, or there is none."""

    @property
    def phase(self) -> PhaseLevel:
        """The phase whose rules hold."""
        return self.inspection.phase

    @property
    def today(self) -> date:
        """The day for which prices are looked up."""
        return self.inspection.today

    @property
    def matrix(self) -> Matrix | None:
        """The matrix."""
        file = self.inspection.matrix
        return Matrix.of(file, "") if isinstance(file, MatrixFile) else None

    @property
    def models(self) -> ModelRegistry:
        """The registry; empty where there is none."""
        return ModelRegistry.of(self.inspection.models or ModelsFile(), "")

    @property
    def prices(self) -> PriceTable:
        """The prices; empty where there are none."""
        return PriceTable.of(self.inspection.prices or PricesFile(), "")

    @property
    def budgets(self) -> BudgetsFile | None:
        """The budgets."""
        return self.inspection.budgets

    @property
    def control(self) -> ControlConfig:
        """The control settings; their defaults where the file says nothing."""
        return _or_default(self.inspection.shapes.get("control"), ControlConfig)

    @property
    def limits(self) -> LimitsConfig:
        """The risk limits."""
        return _or_default(self.inspection.shapes.get("limits"), LimitsConfig)

    @property
    def readiness(self) -> ReadinessConfig:
        """What a promotion needs."""
        return _or_default(self.inspection.shapes.get("readiness"), ReadinessConfig)

    @property
    def incidents(self) -> IncidentsConfig:
        """The triggers and whom incidents are told."""
        return _or_default(self.inspection.shapes.get("incidents"), IncidentsConfig)

    @property
    def jobs(self) -> JobsConfig:
        """What runs by itself."""
        return _or_default(self.inspection.shapes.get("jobs"), JobsConfig)


def side_of(sources: Sources, target: Target, text: str, *, phase: PhaseLevel, today: date) -> Side:
    """The configs of ``sources`` with ``text`` as the target's. Pure; never raises on what texts hold."""
    document = parse_document(text.encode("utf-8", "surrogateescape"), target.path)
    scope: ScopeFile | None = None
    if target.kind in sources.main:
        sources = replace(sources, main={**sources.main, target.kind: document})
    elif target.kind == SCOPE_KIND:
        shape, _, _ = validate("scope", document)
        scope = shape if isinstance(shape, ScopeFile) else None
    found = standing(sources, phase=phase, today=today)
    understood = {SCOPE_KIND: scope}.get(target.kind, found.inspection.shapes.get(target.kind))
    shapeless = target.kind != SCOPE_KIND and target.kind not in sources.main
    readable = not text.strip() or shapeless or (document.data is not None and understood is not None)
    return replace(found, scope=scope, readable=readable)


def standing(sources: Sources, *, phase: PhaseLevel, today: date) -> Side:
    """The configs as they are. Pure; never raises on what files hold."""
    shapes: dict[str, ConfigModel] = {}
    origins: dict[str, Origins] = {}
    for kind, one in sources.main.items():
        found, _, origins[kind] = validate(kind, one)
        if found is not None:
            shapes[kind] = found
    return Side(Inspection(sources, shapes, phase, today, origins), None, readable=True)


def _or_default(found: ConfigModel | None, shape: type[_Shape]) -> _Shape:
    return found if isinstance(found, shape) else shape()
