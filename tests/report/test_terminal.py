import subprocess
import sys

from rich.table import Table
from rich.text import Text

from tests.places import REPOSITORY
from trainer.report.terminal import Terminal, terminal


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


def test_control_characters_of_names_are_written_out(capsys):
    console = Terminal(force_terminal=True, width=80)
    console.print("class \x1b[2J gone", highlight=False)
    table = Table("\x1b[7m\x07")
    table.add_row(Text("evil\x9bgood", style="bold"))
    console.print(table)
    printed = capsys.readouterr().out
    assert "class \\x1b[2J gone" in printed
    assert "\\x1b[7m" in printed
    assert "evil\\x9b" in printed
    assert not {"\x9b", "\x07"} & set(printed)
    assert "\x1b[1m" in printed  # rich's own: bold


PRINTED = """
import sys
sys.path.insert(0, sys.argv[1])
from trainer.report.terminal import terminal

console = terminal()
for number in range(3_000):
    console.print("line", number)
sys.stderr.write("went on")
"""


def test_whoever_stops_reading_does_not_stop_the_run():
    root = str(REPOSITORY)
    command = [sys.executable, "-c", PRINTED, root]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "line 0\n"
        process.stdout.close()
        assert process.stderr.read() == "went on"
    assert process.returncode == 0


def test_a_quiet_one_prints_nothing(capsys):
    terminal(quiet=True).print("words")
    assert capsys.readouterr().out == ""
