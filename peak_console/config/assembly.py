"""From files and their inspection to the configs, or a refusal that says where and why."""

from types import MappingProxyType
from typing import Any

from peak_console.config.budgets import Budgets, BudgetsFile
from peak_console.config.canaries import CanaryLibrary
from peak_console.config.configs import Configs
from peak_console.config.console import ConsoleConfig
from peak_console.config.control import ControlConfig
from peak_console.config.incidents import IncidentsConfig
from peak_console.config.jobs import JobsConfig
from peak_console.config.ledger import LedgerConfig
from peak_console.config.limits import LimitsConfig
from peak_console.config.lint.engine import Report
from peak_console.config.lint.finding import LintFinding
from peak_console.config.matrix import Matrix, MatrixFile
from peak_console.config.prices import PricesFile, PriceTable
from peak_console.config.prompts import Prompt, PromptLibrary
from peak_console.config.readiness import ReadinessConfig
from peak_console.config.registry import ModelRegistry, ModelsFile
from peak_console.config.schema import PROMPT_REFERENCE, ConfigModel
from peak_console.config.scopes import NO_SCOPES, ScopeLibrary
from peak_console.config.sources import CANARIES, MAIN_FILES, Sources
from peak_console.config.verifying import judged
from peak_console.domain.errors import ConfigInvalid

_JOBS = MAIN_FILES["jobs"].removesuffix(".toml")
_APART = (MAIN_FILES["console"].removesuffix(".toml"), MAIN_FILES["lock"], f"{CANARIES}/", _JOBS)


def assemble(sources: Sources, report: Report) -> Configs:
    """The configs from files and their inspection; raises ``ConfigInvalid`` when an error blocks use."""
    blocking = [finding for finding in report.findings if _blocks(finding)]
    if blocking:
        raise invalid(blocking[0], report.findings)
    digests = {kind: one.sha256 for kind, one in sources.main.items() if one.data is not None}
    prompts = PromptLibrary.of(
        [
            _prompt(reference, document.text, document.sha256)
            for reference, document in sources.prompts.items()
            if PROMPT_REFERENCE.fullmatch(reference)
        ]
    )
    shapes = report.shapes
    jobs_problem = _jobs_problem(report)
    scopes = _scopes(sources, report)
    files = {document.name: document.sha256 for document in sources.canaries.values()}
    canaries = CanaryLibrary.of(report.canaries, files)
    libraries = {"prompts": prompts.digest, "scopes": scopes.digest}
    if sources.canaries:
        libraries["canaries"] = canaries.digest
    return Configs(
        matrix=Matrix.of(_shape(shapes, "matrix", MatrixFile), digests["matrix"]),
        models=ModelRegistry.of(_shape(shapes, "models", ModelsFile), digests["models"]),
        prices=PriceTable.of(_shape(shapes, "prices", PricesFile), digests["prices"]),
        budgets=Budgets.of(_shape(shapes, "budgets", BudgetsFile), digests["budgets"]),
        control=_shape(shapes, "control", ControlConfig),
        ledger=_shape(shapes, "ledger", LedgerConfig),
        console=_shape(shapes, "console", ConsoleConfig),
        prompts=prompts,
        digests=MappingProxyType({**digests, **libraries}),
        scopes=scopes,
        lock=judged(sources.main["lock"], sources.keys),
        limits=_shape(shapes, "limits", LimitsConfig),
        readiness=_shape(shapes, "readiness", ReadinessConfig),
        incidents=_shape(shapes, "incidents", IncidentsConfig),
        jobs=None if jobs_problem else _shape(shapes, "jobs", JobsConfig),
        canaries=canaries,
        jobs_problem=jobs_problem,
    )


def _scopes(sources: Sources, report: Report) -> ScopeLibrary:
    """The scopes that are in force; a layer whose scope is unfit has none."""
    if not sources.scopes:
        return NO_SCOPES
    files = {name: (document.name, document.sha256) for name, document in sources.scopes.items()}
    return ScopeLibrary.of(report.scopes, files)


def invalid(first: LintFinding, findings: list[LintFinding]) -> ConfigInvalid:
    """The refusal for unusable configs: it names the first finding that blocks, and carries all."""
    return ConfigInvalid(
        f"{first.file}:{first.line}:{first.column}: {first.message} ({first.rule})",
        remedy=first.remedy,
        findings=[finding.as_dict() for finding in findings],
    )


def _jobs_problem(report: Report) -> str:
    """Why nothing of the jobs' file is used: half of it would run jobs that nobody wrote so."""
    wrong = [one for one in report.findings if one.blocks and one.file.startswith(_JOBS)]
    return f"{wrong[0].file}:{wrong[0].line}: {wrong[0].message}" if wrong else ""


def _blocks(finding: LintFinding) -> bool:
    """What keeps a call from being made: not the console's settings, gold cases or jobs; a bad lock some."""
    return finding.blocks and not finding.file.startswith(_APART)


def _shape(shapes: dict[str, ConfigModel], kind: str, model: type[Any]) -> Any:
    """The validated shape; control and console have defaults where their file is absent or partly wrong."""
    found = shapes.get(kind)
    return found if isinstance(found, model) else model()


def _prompt(reference: str, text: str, sha256: str) -> Prompt:
    name, _, version = reference.partition("@")
    return Prompt(name, version, text, sha256)
