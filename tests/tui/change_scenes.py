"""A made-up workbench for pictures and tests of the ways that a draft goes: save, history, three-way."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from console_driving import make_app
from console_scenes import HOSTILE, NOW, scene

from peak_console.budget.prices import Price
from peak_console.config.editing.differing import text_diff
from peak_console.config.editing.targets import Target, target_named
from peak_console.config.lint.finding import LintFinding, Severity
from peak_console.domain.errors import ControlRefused, PeakError
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.operations.catalogue import ModelFacts
from peak_console.operations.views.bench import SaveAsked, Signer
from peak_console.operations.workbench.files import Standing
from peak_console.operations.workbench.history import key_changes_of
from peak_console.operations.workbench.shapes import Checked, Concern, Preview, Saved, Version
from peak_console.tui.app import PeakApp

MATRIX = target_named("matrix")

BASE = """\
# Which model does what.
[layers.L2]
sod = "provider"

[layers.L2.primary]
provider = "openai"
model_id = "gpt-5.2"

[layers.L2.critic]
provider = "google"
model_id = "gemini-2.5-pro"  # judges openai

[[layers.L2.fallback]]
provider = "mistral"
model_id = "mistral-large-3"
"""
DRAFT = BASE.replace('"gpt-5.2"', '"gpt-5.2-pro"').replace(
    '\n[[layers.L2.fallback]]\nprovider = "mistral"\nmodel_id = "mistral-large-3"\n', ""
)
OUTSIDE = BASE.replace('"gpt-5.2"', '"gpt-5-mini"').replace(
    "# Which model", "# Who reviews: mara. Which model"
)


_TEXTS = (BASE, DRAFT, OUTSIDE, BASE.replace("5.2", "5.1"))


def sha256(text: str) -> str:
    """The digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


CONCERNS = (
    Concern(
        "cost_rises",
        "the worst case of the last 24 h rises by 68 %, more than the 20 % that need no second word",
        {
            "cost_eur_last_24h": "4.10 → 6.90",
            "worst_case_eur_last_24h": "31.20 → 52.40",
            "L2.primary p95": "6.8 s → 11.2 s",
            "openai share of calls": "61.0 % → 74.5 %",
            "basis": "last 24 h, 2,210 calls",
        },
    ),
    Concern(
        "fallback_lost",
        "L2 loses its last fallback: when its primary fails, nobody answers",
        {"L2 fallbacks": "1 → 0"},
    ),
)
WARNING = LintFinding(
    "registry.retiring",
    Severity.WARNING,
    MATRIX.path,
    7,
    12,
    "gpt-5.2-pro answers until 2027-02-01, 70 days from now",
    "plan its successor: gpt-6",
)
ERROR = LintFinding(
    "matrix.provider_forbidden",
    Severity.ERROR,
    MATRIX.path,
    6,
    12,
    "provider 'deepseek' is forbidden by global.forbidden_providers",
    "name an allowed provider: openai, google, mistral",
)
ELSEWHERE = LintFinding(
    "budgets.slot_missing",
    Severity.ERROR,
    "configs/budgets.toml",
    31,
    1,
    "the budget of L2.fallback names a slot that is not there any more",
    "take the budget out, or bring the slot back",
)


_SIGNS = Signer("mara")


def versions() -> tuple[Version, ...]:
    """A matrix's history: a save, a stop under the version before, an outside change, a rollback."""

    def one(  # noqa: PLR0917 - a row of a table
        text: str, since: timedelta, until: timedelta | None, who: str, how: str, why: str, seq: int
    ) -> Version:
        end = None if until is None else NOW - until
        return Version(sha256(text), NOW - since, end, who, why, how, seq, kept=True)

    hour, day = timedelta(hours=1), timedelta(days=1)
    bad = replace(one(OUTSIDE, 9 * hour, 2 * hour, "", "outside", "", 183_002), incidents=1)
    return (
        one(BASE, 2 * hour, None, "mara", "rolled_back", "back to what held: p95 over the limit", 184_101),
        bad,
        replace(
            one(BASE, 3 * day, 9 * hour, "jon", "saved", "gemini judges openai from now on", 140_551),
            known_good=True,
        ),
        replace(one("gone", 6 * day, 3 * day, "mara", "saved", "cheaper classifier", 99_120), kept=False),
        one(BASE.replace("5.2", "5.1"), 20 * day, 6 * day, "", "first", "", 3),
    )


@dataclass(slots=True)
class MadeUpBench:
    """Answers what it was told; what is saved is what stands then."""

    disk: str | None = BASE
    concerns: tuple[Concern, ...] = ()
    findings: tuple[LintFinding, ...] = ()
    elsewhere: tuple[LintFinding, ...] = ()
    needs_approval: bool = False
    approved_by: str | None = None
    signing: Signer = _SIGNS
    listed: tuple[Version, ...] = ()
    refusal: PeakError | None = None
    texts: Mapping[str, str] = field(default_factory=lambda: {sha256(one): one for one in _TEXTS})
    asked: list[SaveAsked] = field(default_factory=list)

    def signer(self) -> Signer:
        """Who signs."""
        return self.signing

    def preview(self, target: Target, text: str, now: datetime, operator: str | None = None) -> Preview:
        """As told, with the real difference."""
        assert now.tzinfo is not None
        return Preview(
            target,
            None if self.disk is None else sha256(self.disk),
            sha256(text),
            text_diff(self.disk or "", text, target.path),
            key_changes_of(target, self.disk, text),
            Checked(target, self.findings, self.elsewhere, PhaseLevel.RESEARCH),
            self.concerns,
            self.needs_approval,
            self.approved_by if operator else None,
        )

    def save(self, asked: SaveAsked) -> Saved:
        """Refuse as told, or put it in place."""
        self.asked.append(asked)
        if self.refusal is not None:
            raise self.refusal
        old, self.disk = self.disk, asked.text
        keys = key_changes_of(asked.target, old, asked.text)
        return Saved(asked.target, None if old is None else sha256(old), sha256(asked.text), 184_221, keys)

    def history(self, target: Target, now: datetime) -> tuple[Version, ...]:
        """The versions it was given."""
        assert target.name
        assert now.tzinfo is not None
        return self.listed

    def version_text(self, target: Target, digest: str) -> str:
        """A text it knows."""
        if digest not in self.texts:
            raise ControlRefused(
                f"no copy of {target.name} {digest[:12]} is kept",
                code="version_not_kept",
                remedy="restore audits/versions from a backup, or the file from version control",
            )
        return self.texts[digest]

    def standing(self, target: Target) -> Standing:
        """The file."""
        assert target.path
        return Standing(self.disk, None if self.disk is None else sha256(self.disk))


MODEL = ModelFacts(
    "openai",
    "gpt-5.2",
    "retiring",
    "answers until 2027-02-01",
    family="gpt-5",
    endpoint="responses",
    context_tokens=400_000,
    max_output_tokens=128_000,
    modalities=("text", "image"),
    price=Price(
        "openai",
        "gpt-5.2",
        Decimal("1.75"),
        Decimal("14.00"),
        Decimal("0.175"),
        None,
        Decimal(0),
        "openai.com/api/pricing",
        date(2026, 11, 1),
        date(2026, 10, 1),
    ),
    retires=date(2027, 2, 1),
    days_left=71,
    successor="openai:gpt-6",
    used_in=("L2.primary", "L4.critic"),
    verified_in=("L2.primary",),
    calls=298,
    p50_ms=3200.0,
    p95_ms=9100.0,
    span="24 h",
)
"""A model of which much is known."""


def bench(state: str) -> MadeUpBench:
    """The workbench of a state that a person can name."""
    hostile = (
        replace(versions()[0], actor=HOSTILE, reason=HOSTILE),
        replace(versions()[1], how=HOSTILE),
    )
    return {
        "normal": MadeUpBench(findings=(WARNING,), listed=versions()),
        "concerns": MadeUpBench(findings=(WARNING,), concerns=CONCERNS, listed=versions()),
        "refusing": MadeUpBench(findings=(ERROR, WARNING), elsewhere=(ELSEWHERE,)),
        "live": MadeUpBench(needs_approval=True),
        "approved": MadeUpBench(needs_approval=True, approved_by="jon"),
        "keyless": MadeUpBench(
            signing=Signer("", "you hold no operator's key of this workspace", "peak operator enroll NAME")
        ),
        "empty": MadeUpBench(),
        "hostile": MadeUpBench(concerns=(Concern(HOSTILE, HOSTILE, {HOSTILE: HOSTILE}),), listed=hostile),
    }[state]


def change_app(made_up: MadeUpBench, *, readonly: bool = False) -> PeakApp:
    """The console over a made-up workbench."""
    app = make_app(scene("normal"), readonly=readonly)
    app.opening = replace(app.opening, bench=made_up)
    return app
