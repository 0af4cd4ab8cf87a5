"""The list of versions: what is said of a version's beginning."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from peak_console.operations.workbench.shapes import Version
from peak_console.tui.screens.history_drawing import version_columns

SINCE = datetime(2026, 11, 22, 14, 5, 9, tzinfo=UTC)
SEEN = Version("a" * 64, SINCE, None, "", "", "outside", 3, kept=True)


@pytest.mark.parametrize(
    ("before", "narrow", "wide", "why"),
    [
        (False, "11-22 14:05:09Z", "2026-11-22 14:05:09Z", "changed outside of the workbench"),
        (True, "≤ 11-22 14:05Z", "before 11-22 14:05Z", "stood before then; nobody saw since when"),
    ],
)
def test_since_when_nobody_saw_is_said(before: bool, narrow: str, wide: str, why: str) -> None:  # noqa: FBT001 - a case
    """A version that a save found standing has no beginning on record; its columns hold the words whole."""
    one = replace(SEEN, before=before)
    columns = version_columns(lambda _: False)
    since = [each for each in columns if each.title == "SINCE"]
    assert [each.draw(one).text for each in since] == [narrow, wide]
    assert all(len(each.draw(one).text) <= each.width for each in since)
    assert next(each for each in columns if each.title == "WHY").draw(one).text == why
