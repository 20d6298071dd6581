"""Standard output that is full, closed, or read by nobody: no traceback, no lost work, and the exit code says so."""

import os
import subprocess
import sys

import pytest

from tests.places import REPOSITORY

PRINTING = """
import sys
from trainer.errors import guarded

def work():
    print("first", flush=True)
    print("x" * 20_000)
    print("last", file=sys.stderr)

sys.exit(guarded(work))
"""
FULL = "storage error: cannot write standard output: No space left on device: some of what was printed is lost, "
FULL += "nothing else is\n"


def ended(shell, *python):
    """Return exit code, output and errors of ``python ARGUMENTS`` with the streams that a shell gives it."""
    command = ["bash", "-c", f'set -o pipefail; "$@" {shell}', "bash", sys.executable, *python]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(REPOSITORY)})
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("options", [(), ("-u",)], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    ("shell", "code", "out", "err"),
    [
        (">/dev/full", 6, "", "last\n" + FULL),
        ("| head -n 1", 0, "first\n", "last\n"),
        (">&-", 0, "", "last\n"),
        ("2>/dev/full | head -n 1", 0, "first\n", ""),
        (">/dev/full 2>&1", 6, "", ""),
    ],
)
def test_work_is_done_whatever_becomes_of_what_it_prints(options, shell, code, out, err):
    assert ended(shell, *options, "-c", PRINTING) == (code, out, err)


def test_no_file_gets_what_is_printed_on_a_closed_stream(tmp_path):
    opened = "\n".join([
        "import os, sys",
        "from trainer.wording.streams import let_output_be_lost",
        "let_output_be_lost()",
        "file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)",
        "os.write(2, b'a word')",
        "sys.exit(file)",
    ])  # fmt: skip
    code, _, _ = ended("2>&-", "-c", opened, str(tmp_path / "file"))
    assert code > 2
    assert (tmp_path / "file").read_bytes() == b""


def test_a_pipe_that_does_not_block_gets_everything():
    writing = "import os; os.set_blocking(1, False); from trainer.errors import guarded; "
    writing += "guarded(lambda: print('x' * 2_000_000))"
    code, out, err = ended("| (sleep 0.2; wc -c)", "-c", writing)
    assert (code, out.strip(), err) == (0, "2000001", "")


@pytest.mark.parametrize("arguments", [("-m", "trainer", "--help"), ("train.py", "--cfg", "job")], ids=" ".join)
def test_what_other_libraries_print_is_told_as_well(arguments, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    assert ended(">/dev/full", *arguments) == (6, "", FULL)
