"""The page of complaints and the tests are the same list."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs/complaints.md"
TITLES = {
    "budgets": "Budgets",
    "prices": "Prices and usage",
    "fallbacks": "Retries and fallbacks",
    "streams": "Streams",
    "cooling": "Cooling down",
    "ledger": "Logs and their pages",
}
HEAD = """# What users of other gateways complain about

Each complaint, with the number of its issue in the project where it was raised, is a test here that fails if
we do the same. `python tests/llm/complaints/test_complaints_index.py` writes this page from the tests.
"""


def rows(path: Path) -> list[str]:
    """One row for each test of a module: what is complained about, and the test."""
    found = []
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            first = (ast.get_docstring(node) or "").split("\n\n")[0].replace("\n", " ")
            complaint = first.partition(" Here ")[0].replace("|", "\\|").replace("``", "`")
            found.append(f"| {complaint} | `{node.name}` |")
    return found


def page() -> str:
    """The page as the tests are now."""
    parts = [HEAD]
    for name, title in TITLES.items():
        module = HERE / f"test_complaints_{name}.py"
        table = "\n".join(["| Complaint | Test |", "|---|---|", *rows(module)])
        parts.append(f"## {title}\n\n`{module.relative_to(HERE.parents[2]).as_posix()}`\n\n{table}\n")
    return "\n".join(parts)


def test_the_page_lists_every_test() -> None:
    """docs/complaints.md is what this file writes."""
    assert PAGE.read_text() == page()


def test_every_complaint_names_its_issue() -> None:
    """A row begins with the project and the issue's number, but for the alias whose price moved."""
    complaints = [row for name in TITLES for row in rows(HERE / f"test_complaints_{name}.py")]
    assert len(complaints) > 40
    unnamed = [row for row in complaints if not re.search(r"#\d+", row)]
    assert len(unnamed) == 1
    assert "Aliases" in unnamed[0]


if __name__ == "__main__":
    PAGE.write_text(page())
