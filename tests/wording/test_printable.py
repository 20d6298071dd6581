"""Text from outside neither moves the cursor nor ends a program whose stream lacks its letters."""

import io
import sys

import pytest

from trainer.wording.printable import LONGEST_LINE, let_print_anything, one_line, printable, printable_message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("bell\x07 \x9b0m", "bell\\x07 \\x9b0m"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("\udce9", "\\udce9"),
        ("line\nand\ttab, 评论 é 🌱\u200d", "line\nand\ttab, 评论 é 🌱\u200d"),
        ("over\rwritten", "over\\rwritten"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text, shown):
    assert printable(text) == shown


def test_one_line():
    assert one_line("a\tb\nc\x1b 评") == "a\\tb\\nc\\x1b 评"


def test_long_lines_of_a_message_are_cut_in_the_middle():
    first, second = printable_message(f"option: {'x' * 9000}: must be short\nend").split("\n")
    assert len(first) < LONGEST_LINE + 10
    assert first.startswith("option: x")
    assert first.endswith("must be short")
    assert second == "end"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_letters_that_a_stream_lacks_are_written_out(monkeypatch, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    let_print_anything()
    print("± 评", file=stream, flush=True)
    assert stream.buffer.getvalue().endswith(b"\\u8bc4\n")


def test_what_was_set_otherwise_stays(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    monkeypatch.setattr(sys, "stdout", stream)
    let_print_anything()
    assert stream.errors == "replace"
