"""The page fits a terminal, whatever the table."""

from rich.cells import cell_len

from trainer.look.answer import ColumnLook, Look
from trainer.look.page import MOST_LINES, PrintedLook, as_page


def column(name: str, kind: str = "number", role: str = "feature") -> ColumnLook:
    return ColumnLook(name, kind, kind, ("1", "长" * 50, "\x1b[31mred"), 0.004, 9, role)


def test_many_columns_take_forty_lines_and_those_with_a_role_are_among_them():
    columns = [column(f"name {chr(97 + i % 26)}{chr(97 + i // 26)}") for i in range(300)]
    page = as_page(Look("t.csv", "a CSV file", n_rows=5, columns=(*columns, column("最后", role="label")), train="x"))
    lines = page.splitlines()
    assert len(lines) <= MOST_LINES
    assert any(line.startswith("最后") for line in lines)
    assert "more columns" in page
    assert "\x1b" not in page
    table = lines[lines.index("") + 1 : lines.index("") + 10]
    assert all(cell_len(line) <= 100 for line in table)


def test_columns_that_are_counted_are_one_line():
    columns = tuple(column(f"f{i}") for i in range(60))
    page = as_page(Look("t.csv", "a CSV file", n_rows=5, columns=columns))
    assert "f0 ... f59 (60)" in page
    assert len(page.splitlines()) < 8


def test_a_look_of_a_program_prints_as_the_page():
    look = Look("t.csv", "a CSV file", n_rows=5, columns=(column("x"),), train="x")
    assert str(PrintedLook.of(look)) == as_page(look)
