from trainer.errors import MOST_CHARACTERS, ConfigError, as_foldwise_error, did_you_mean, few_words_of


def shown(error):
    try:
        raise error
    except Exception as caught:
        return str(as_foldwise_error(caught)).splitlines()


def test_an_error_of_somebody_elses_is_one_line_and_the_place():
    lines = shown(ValueError("odd\nand long"))
    assert lines[0].startswith("ValueError: odd (")
    assert lines[0].endswith("test_errors.py:6)")
    assert lines[1:] == ["FOLDWISE_TRACEBACK=1 shows the traceback"]
    error = ConfigError("a\nb")
    assert as_foldwise_error(error) is error


def test_a_message_of_megabytes_is_cut():
    line = shown(ValueError("x" * 3_000_000))[0]
    assert line.startswith("ValueError: xxx")
    assert "x..." in line
    assert len(line) < MOST_CHARACTERS + 300


def test_an_error_that_cannot_say_what_it_is_is_named_by_its_type():
    class MuteError(Exception):
        def __str__(self):
            raise ValueError("no words")

    assert shown(MuteError())[0].startswith("MuteError: (it has no words) (")


def test_two_letters_that_changed_places_are_the_likeliest_mistake():
    """difflib counts ``lable`` as near to both."""
    for known in (["table", "label"], ["label", "table"]):
        assert did_you_mean("lable", known) == ": did you mean 'label'?"
        assert did_you_mean("tabel", known) == ": did you mean 'table'?"


def test_somebody_elses_error_is_quoted_in_a_line_whatever_it_holds():
    assert few_words_of(RuntimeError("no\nframe #0: c10")) == "no"
    assert few_words_of(MemoryError()) == "MemoryError"
    assert len(few_words_of(ValueError("x" * 5000))) == MOST_CHARACTERS + 3
