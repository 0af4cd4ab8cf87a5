"""A countdown in big digits, of blocks that every terminal has. Pure."""

from typing import Final

_BITS: Final = {
    "0": ("111", "101", "101", "101", "111"),
    "1": ("110", "010", "010", "010", "111"),
    "2": ("111", "001", "111", "100", "111"),
    "3": ("111", "001", "111", "001", "111"),
    "4": ("101", "101", "111", "001", "001"),
    "5": ("111", "100", "111", "001", "111"),
    "6": ("111", "100", "111", "101", "111"),
    "7": ("111", "001", "001", "001", "001"),
    "8": ("111", "101", "111", "101", "111"),
    "9": ("111", "101", "111", "001", "111"),
    ":": ("0", "1", "0", "1", "0"),
    "-": ("000", "000", "111", "000", "000"),
}
"""Three by five dots a digit; what is not here is a blank."""

_HALVES: Final = {("0", "0"): " ", ("1", "0"): "▀", ("0", "1"): "▄", ("1", "1"): "█"}


def big_text(text: str, *, huge: bool = False) -> list[str]:
    """``text`` in three lines of half blocks; ``huge``: in five lines of whole ones, twice as wide."""
    rows = ["0".join(_BITS.get(one, ("0",) * 5)[row] for one in text) for row in range(5)]
    if huge:
        return ["".join("██" if dot == "1" else "  " for dot in row) for row in rows]
    rows.append("0" * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return ["".join(_HALVES[dots] for dots in zip(upper, lower, strict=True)) for upper, lower in pairs]
