"""A small workspace that lint has nothing to say about, and ways to spoil it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from peak_console.config.lint import LintFinding, lint_workspace
from peak_console.config.workspace import Workspace
from peak_console.domain.vocabulary import PhaseLevel

TODAY = date(2026, 11, 22)

MODELS = {
    "alpha-1": "alpha",
    "alpha-2": "alpha",
    "beta-1": "beta",
    "gamma-1": "gamma",
    "delta-1": "delta",
}
LAYERS = {  # layer: primary, fallback, critic
    "L0": ("alpha-1", "beta-1", "gamma-1"),
    "L1": ("alpha-1", "beta-1", "gamma-1"),
    "L2": ("alpha-1", "beta-1", "gamma-1"),
    "L3": ("alpha-1", "beta-1", None),
    "L4": ("gamma-1", "delta-1", "alpha-2"),
}


def _matrix() -> str:
    lines = ["[global]", 'allowed_providers = ["openai", "google"]', ""]
    for layer, (primary, fallback, critic) in LAYERS.items():
        lines += [f"[{layer}]", 'critic_policy = "always"', ""]
        lines += [f"[{layer}.prompts]", 'primary = "writer@1"', 'critic = "judge@1"', ""]
        for role, model in (("primary", primary), ("fallback", fallback), ("critic", critic)):
            named = [f'provider = "openai"\nmodel_id = "{model}"'] if model else ['service = "L4"']
            lines += [f"[{layer}.{role}]", *named, ""]
    return "\n".join(lines)


def _models() -> str:
    return "\n".join(
        f'[[model]]\nprovider = "openai"\nmodel_id = "{model}"\nfamily = "{family}"\nallowed = true\n'
        'endpoint = "chat"\ncontext_tokens = 100000\nmax_output_tokens = 8000\n'
        for model, family in MODELS.items()
    )


def _prices() -> str:
    return "\n".join(
        f'[[price]]\nprovider = "openai"\nmodel_id = "{model}"\ninput_usd_per_mtok = 1.0\n'
        'output_usd_per_mtok = 2.0\nsource = "test"\nas_of = 2026-11-01\nvalid_from = 2026-01-01\n'
        for model in MODELS
    )


BUDGETS = """timezone = "Europe/Berlin"
warn_pct = 80.0

[currency]
eur_per_usd = 0.9
as_of = 2026-11-20

[run]
max_cost_eur = 5.0

[day]
max_cost_eur = 50.0
"""

LIMITS = """[orders]
max_order_size = 10.0
max_notional_eur = 100.0
max_position_eur = 200.0
max_exposure_eur = 300.0
max_open_orders = 2
max_order_rate_per_min = 3
max_orders_per_session = 20
price_collar_pct = 2.0
max_price_age_s = 10
max_rate_age_s = 2_592_000

[losses]
max_daily_loss_eur = 10.0
max_drawdown_pct = 5.0
"""

READINESS = "[shadow]\n[testnet]\n[live]\n"


@dataclass(frozen=True)
class Files:
    """A workspace's files, to read, change and lint."""

    root: Path

    @property
    def ws(self) -> Workspace:
        """The workspace as the program sees it."""
        return Workspace(self.root)

    def read(self, name: str) -> str:
        """The text of a file."""
        return (self.root / name).read_text(encoding="utf-8")

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file, and its folders."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def change(self, name: str, old: str, new: str, count: int = 1) -> None:
        """Replace ``old``; a change that changes nothing is a mistake in the test."""
        text = self.read(name)
        assert old in text, f"{old!r} is not in {name}"
        self.write(name, text.replace(old, new, count))

    def lint(self, phase: PhaseLevel = PhaseLevel.RESEARCH, today: date = TODAY) -> list[LintFinding]:
        """All findings, but that there is no lock: what a lock brings has tests of its own."""
        found = lint_workspace(self.ws, phase=phase, today=today)
        return [finding for finding in found if finding.rule != "lock.missing"]

    def rules(self, phase: PhaseLevel = PhaseLevel.RESEARCH, today: date = TODAY) -> list[str]:
        """The rules of all findings, in their order."""
        return [finding.rule for finding in self.lint(phase, today)]

    def only(self, rule: str, phase: PhaseLevel = PhaseLevel.RESEARCH) -> LintFinding:
        """The one finding there is, which must be of ``rule``."""
        findings = self.lint(phase)
        assert [finding.rule for finding in findings] == [rule], findings
        return findings[0]

    def key_at(self, finding: LintFinding) -> str:
        """The text of the file from the finding's place to the end of its line."""
        line = self.read(finding.file).split("\n")[finding.line - 1]
        return line[finding.column - 1 :]


@pytest.fixture
def make_files(tmp_path: Path) -> Callable[[str], Files]:
    """Makes further workspaces by name."""

    def make(name: str) -> Files:
        files = Files(tmp_path / name)
        files.write(M, _matrix())
        files.write(R, _models())
        files.write(P, _prices())
        files.write(B, BUDGETS)
        files.write("configs/risk/limits.toml", LIMITS)
        files.write("configs/readiness.toml", READINESS)
        for layer in LAYERS:
            scope = f'[scope]\nlayer_id = "{layer}"\nautonomy_level = "REC"\n'
            files.write(f"configs/ai/capability_scopes/{layer}.toml", scope)
        files.write("configs/ai/prompts/writer/1.md", "You write.\n")
        files.write("configs/ai/prompts/judge/1.md", "You judge.\n")
        return files

    return make


@pytest.fixture
def files(make_files: Callable[[str], Files]) -> Files:
    """A workspace on which lint finds nothing, in any phase."""
    return make_files("workspace")


M = "configs/ai/layer_model_matrix.toml"
R = "configs/ai/models.toml"
P = "configs/ai/prices.toml"
B = "configs/ai/budgets.toml"
