from rich.table import Table

from trainer.report.terminal import terminal


def test_names_are_printed_as_they_are(capsys):
    console = terminal()
    console.print("data.drop=[id,b] [/] [red]c :cat:")
    table = Table("[name]")
    table.add_row("[id] :cat:")
    console.print(table)
    printed = capsys.readouterr().out
    assert "data.drop=[id,b] [/] [red]c :cat:" in printed
    assert "[name]" in printed
    assert "[id] :cat:" in printed


def test_a_quiet_one_prints_nothing(capsys):
    terminal(quiet=True).print("words")
    assert capsys.readouterr().out == ""
