"""The reference page of the metrics is current, and says what is served."""

from pathlib import Path

from support.composed import SLOT, bare_workspace, composing

from peak_console.domain.events import EventKind
from peak_console.http import families, reference
from peak_console.operations.metrics import Meter

ROOT = Path(__file__).parents[2]


def test_the_page_is_current() -> None:
    """Run the module again when this fails."""
    assert (ROOT / reference.PAGE).read_text(encoding="utf-8") == reference.render()


def test_every_family_is_on_the_page(tmp_path: Path) -> None:
    """What a scrape gives has its row: name, type, help and labels; and nothing else has one."""
    ws = bare_workspace(tmp_path / "ws")
    with composing(ws) as ledger:
        ledger.failure()
        ledger.event(EventKind.CALL_REFUSED, {"reason": "posture"}, layer="L0", role="primary")
        ledger.event(EventKind.CRITIC_JUDGED, {"verdict": "PASS"}, layer="L2")
        ledger.event(EventKind.POLICY_DENIED, {"rule": "forbidden_model", "where": "client"})
        meter = Meter(ws)
        served = {
            (f"{one.name}_total" if one.type == "counter" else one.name): one
            for one in families.families(meter.read(), meter.build())
        }
    rows = {row.name: row for row in reference.rows()}
    assert set(rows) - set(served) == {"control_lease_age_seconds"}, "which needs a lease"
    assert set(served) <= set(rows)
    for name, family in served.items():
        row = rows[name]
        assert (row.kind, row.help) == (family.type, family.documentation)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(row.labels)
    assert "run_id" not in {label for row in rows.values() for label in row.labels}
    assert len(SLOT) == len(families.SLOT)
