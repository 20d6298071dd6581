import io

from rich.console import Console

from trainer.audit.findings import Finding
from trainer.report.audit_table import show

FINDINGS = [
    Finding("exact_copies", "leak", "335 rows are [bold]copies[/bold].", (3, 7), 335, ("test",), "cv.group=auto"),
    Finding("row_order", "note", "The rows are sorted.", n_rows=9),
    Finding("gap", "note", "One row only.", (4,), 1),
]


def printed(findings) -> list[str]:
    file = io.StringIO()
    show(findings, Console(file=file, width=80))
    lines = [line.rstrip() for line in file.getvalue().splitlines() if line.strip()]
    assert max(map(len, lines)) <= 80
    return lines


def test_findings_are_shown_with_rows_and_fix() -> None:
    assert printed(FINDINGS) == [
        "Audit: 1 leak, 2 notes",
        " leak   335 rows are [bold]copies[/bold].",
        "        rows: 3, 7, ...",
        "        fix: cv.group=auto",
        " note   The rows are sorted.",
        " note   One row only.",
        "        rows: 4",
    ]


def test_nothing_found_is_said() -> None:
    assert printed([]) == ["Audit: nothing found"]
