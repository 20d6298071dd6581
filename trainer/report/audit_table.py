"""An audit's findings for the terminal, at most 80 characters wide."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainer.audit.findings import SEVERITIES, Finding, count
from trainer.report.rich_tables import facts_table

STYLES = {"leak": "bold red", "warning": "yellow", "note": ""}


def show(findings: Sequence[Finding], console: Console, title: str | None = None) -> None:
    """Print the findings, one row each, or that there are none."""
    if findings:
        console.print(audit_table(findings, title))
    else:
        console.print(Text("Audit: nothing found", style="bold"))


def audit_table(findings: Sequence[Finding], title: str | None = None) -> Table:
    """Return the findings in the order given: what it is, what was found, rows to look at, what helps."""
    counts = Counter(finding.severity for finding in findings)
    counted = ", ".join(count(counts[severity], severity) for severity in SEVERITIES if counts[severity])
    table = facts_table(title or f"Audit: {counted}")
    for finding in findings:
        lines = [finding.message, *_rows(finding), *([f"fix: {finding.fix}"] if finding.fix else [])]
        table.add_row(Text(finding.severity, style=STYLES[finding.severity]), Text("\n".join(lines)))
    return table


def _rows(finding: Finding) -> list[str]:
    if not finding.rows:
        return []
    more = ", ..." if finding.n_rows > len(finding.rows) else ""
    return [f"rows: {', '.join(map(str, finding.rows))}{more}"]
