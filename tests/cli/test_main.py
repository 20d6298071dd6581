"""``foldwise``: its commands, and what is typed wrongly."""

import subprocess
import sys
import tomllib
from functools import wraps
from inspect import signature

import pytest
from typer.models import OptionInfo

from tests.places import REPOSITORY
from trainer.cli import main as cli
from trainer.cli.main import COMMANDS, COMMANDS_ELSEWHERE
from trainer.cli.main import main as foldwise
from trainer.system.paths import is_path

NAMES = [command.__name__ for command, _ in COMMANDS]


@pytest.mark.parametrize("command", [[], *([name] for name in NAMES)], ids=" ".join)
def test_help_is_plain_text_that_fits_a_narrow_terminal(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert foldwise([*command, "--help"]) == 0
    out, err = capsys.readouterr()
    assert (out.isascii(), err) == (True, "")
    options = out.partition("Examples:")[0].partition("Strategies:")[0]
    assert max(map(len, options.splitlines())) <= 60
    assert out.startswith(f"Usage: foldwise {command[0] if command else '[OPTIONS] COMMAND'}")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ([], "Missing command"),
        (["aduit", "x"], "Did you mean 'audit'?"),
        (["split", "x.csv", "--lable", "y"], "--label"),
        (["split"], "Missing argument 'FILE'"),
        (["split", "x.csv", "--label", "y", "--seed", "one"], "Invalid value for '--seed'"),
        (["convert", "a", "b", "--format", "zp"], "is not one of 'zip', 'legacy', 'safetensors'"),
        (["tensorboard", "absent"], "absent is not a directory"),
        (["look", ""], "argument 2 is empty"),
        (["audit", "x.csv", "--label="], "argument 3 is empty"),
        (["convert", "a", "x" * 300], "is too long for a path"),
        (["verify", "https://example.org/a1"], "example.org/a1: is an address"),
        (["report", "a", "--plugins", "no_such_x"], "cannot import 'no_such_x'"),
        (["verify", "a", "--plugins", "no_such_x.py"], "name the module: --plugins no_such_x"),
        (["verify", "a", "--tolerance", "-1"], "tolerance -1: must be at least 0"),
        (["verify", "a", "--tolerance", "nan"], "tolerance nan: must be at least 0"),
    ],
)
def test_what_is_typed_wrongly_ends_with_exit_code_2_in_few_lines(typed, said, capsys):
    assert foldwise(typed) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert len(err.strip().splitlines()) <= 5


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("fit", "train"), ("evaluate", "report"), ("ls", "runs"), ("hpo", "search")],
)
def test_a_command_of_another_name_is_answered_with_ours(typed, meant, capsys):
    assert foldwise([typed, "a.csv"]) == 2
    assert capsys.readouterr().err.rstrip().endswith(f"No such command '{typed}': did you mean '{meant}'?")
    assert set(COMMANDS_ELSEWHERE.values()) <= {*NAMES, "train", "search"}
    assert not COMMANDS_ELSEWHERE.keys() & {*NAMES, "train", "search"}


@pytest.mark.parametrize("command", ["split", "audit"])
def test_a_file_that_is_missing_is_said_before_an_option_that_is(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert foldwise([command, "x.csv"]) == 3
    assert "x.csv: no such file" in capsys.readouterr().err
    (tmp_path / "x.csv").write_text("x,y\n1,2\n")
    assert foldwise([command, "x.csv"]) == 2
    assert "--label COL is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "said"), [("\x1b[2J\udcff", "(\\x1b[2J\\udcff)"), ("x" * 3000, "xxx ... xxx")], ids=["controls", "long"]
)
def test_what_is_typed_is_repeated_as_it_may_be_printed(typed, said, capsys):
    assert foldwise(["report", "runs/a1", typed]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert max(map(len, err.splitlines())) < 450


@pytest.mark.parametrize("command", [[], ["train"]], ids=" ".join)
def test_the_version_is_that_of_the_project_and_not_of_hydra(command, capsys):
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert foldwise([*command, "--version"]) == 0
    assert capsys.readouterr() == (f"{project['name']} {project['version']}\n", "")


def test_help_and_version_import_nothing_that_takes_long():
    heavy = "torch", "numpy", "pyarrow", "sklearn", "rich"
    code = "import sys; from trainer.cli.main import main; main(['split', '-h']); main(['--version']);"
    code += f"sys.exit(str([name for name in {heavy} if name in sys.modules]))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stderr.strip() == "[]"


def test_an_exit_in_a_users_code_never_ends_a_command_as_if_it_were_done(monkeypatch, capsys):
    monkeypatch.setattr("trainer.run.merge.open_copy", lambda _: sys.exit(0))
    assert foldwise(["merge", "runs/a1"]) == 1
    assert "sys.exit(0) was called" in capsys.readouterr().err


WITHOUT_PATHS = ("kubernetes", "ablate")  # its paths are in a pod; they are among the options of its runs


@pytest.mark.parametrize("command", [name for name in NAMES if name not in WITHOUT_PATHS])
def test_every_path_on_the_command_line_may_begin_with_the_home_directory(command, monkeypatch):
    monkeypatch.setenv("HOME", "/users/me")
    [function] = [one for one, _ in COMMANDS if one.__name__ == command]
    handed = {}

    @wraps(function)
    def take(**options):
        handed.update(options)

    monkeypatch.setattr(cli, "COMMANDS", ((take, None),))
    parameters = signature(function).parameters.values()
    paths = [parameter for parameter in parameters if is_path(parameter.annotation)]
    files = ("FILE", "RUN", "COPY", "DIR", "RUN|DIR", "DIR|ZIP", "IN", "OUT", "NAME", "PATH", "DATA")
    no_files = ("encoding", "format", "table")  # names of another kind
    named = [one for one in parameters if metavar(one) in files and one.name not in no_files]
    assert paths == named != []
    flags = {p.name: f"--{p.name.replace('_', '-')}" for p in paths if is_flag(p)}
    given = [
        (p, "memory://x" if metavar(p) == "URL" else "~/x") for p in parameters if p in paths or metavar(p) == "URL"
    ]
    typed = [word for p, value in given for word in ([flags[p.name], value] if p.name in flags else [value])]
    assert foldwise([command, *typed]) == 0
    for parameter in paths:
        value = handed[parameter.name]
        assert [str(one) for one in (value if isinstance(value, list) else [value])] == ["/users/me/x"]


def is_flag(parameter):
    return isinstance(parameter.annotation.__metadata__[-1], OptionInfo)


def metavar(parameter):
    return getattr(getattr(parameter.annotation, "__metadata__", [None])[-1], "metavar", None)
