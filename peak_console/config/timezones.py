"""Names of time zones as configs give them: of the tz database, and what was meant by one that is not."""

import difflib
from typing import Annotated, Final
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from peak_console.domain.text import one_line

_NAMED: Final = 3


def known_zone(name: str) -> str:
    """``name``, of a zone that exists; pydantic's error, with close names as its ``remedy``, of another."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise PydanticCustomError(
            "time_zone",
            "there is no time zone {name} in the tz database",
            {"name": repr(one_line(name, 60)), "remedy": _remedy(name)},
        ) from error
    return name


def close_zones(name: str) -> list[str]:
    """Zones that may be meant by a name: of that place, else those written alike; the closest first."""
    known = {zone.casefold(): zone for zone in sorted(available_timezones())}
    asked = name[:60].strip().replace(" ", "_").casefold()
    place = asked.rpartition("/")[2]
    same = [zone for low, zone in known.items() if place and place in {low, low.rpartition("/")[2]}]
    places = {low.rpartition("/")[2]: low for low in known}
    alike = [
        *(known[low] for low in difflib.get_close_matches(asked, known, n=_NAMED, cutoff=0.8)),
        *(known[places[low]] for low in difflib.get_close_matches(place, places, n=_NAMED, cutoff=0.8)),
    ]
    return list(dict.fromkeys([*same, *alike]))[:_NAMED]


def _remedy(name: str) -> str:
    close = close_zones(name)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return "write a name of the tz database, such as Europe/Berlin, America/New_York or UTC"


Zone = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(known_zone)]
