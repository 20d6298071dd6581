"""Every message of the catalogue is translated, and the most common mistakes are told in the language of the user."""

import errno
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from string import Formatter

import numpy as np
import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

from tests.places import REPOSITORY
from trainer.cli.columns import require_label
from trainer.config.build import check_section
from trainer.config.schema import AmpConfig
from trainer.data.columns.options import ColumnOptions
from trainer.data.images.image_files import list_files
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.data.sources.csv_text import load_csv_text
from trainer.engine.precision.opt_levels import check_level
from trainer.errors import ConfigError, FoldwiseError
from trainer.folds.io.split_files import read_split
from trainer.folds.rare import apply_rare_policy
from trainer.losses.bce import BinaryCrossEntropy
from trainer.losses.contract import refuse_pairing
from trainer.models.pretrained import find_pretrained
from trainer.report.page.audit_words import GRAMMAR
from trainer.run.resume import require_resumable
from trainer.store.lock import FoldLock
from trainer.store.run_files import require_same_run
from trainer.system.files import storage_error
from trainer.tasks import TASKS
from trainer.wording.translations import CATALOGUES, VARIABLES, _, wanted_languages

PO = CATALOGUES / "zh" / "LC_MESSAGES" / "foldwise.po"
CHINESE = re.compile("[\u4e00-\u9fff]")


def templates():
    """Return the messages of the code that are to be translated."""
    keywords = {**DEFAULT_KEYWORDS, "say": None}
    found = extract_from_dir(REPOSITORY / "trainer", keywords=keywords)
    return {message for _file, _line, message, _comments, _context in found}


def translations():
    return {message.id: message.string for message in read_po(io.BytesIO(PO.read_bytes())) if message.id}


def fields(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_message_is_translated_with_the_same_fields_and_lines():
    known = translations()
    assert known.keys() == templates(), "make messages"
    assert len(known) > 40
    for message, translated in known.items():
        assert translated not in ("", message)
        assert fields(translated) == fields(message) - set(GRAMMAR), message
        assert translated.count("\n") == message.count("\n"), message


def test_no_percent_sign_is_taken_for_a_placeholder():
    problems = read_po(io.BytesIO(PO.read_bytes())).check()
    assert [(message.id, error) for message, error in problems] == []


def test_what_is_read_is_what_was_written_and_reviewed():
    compiled, wanted = io.BytesIO(PO.with_suffix(".mo").read_bytes()), io.BytesIO()
    write_mo(wanted, read_po(io.BytesIO(PO.read_bytes())))
    wanted.seek(0)
    held, meant = ({one.id: one.string for one in read_mo(file) if one.id} for file in (compiled, wanted))
    assert held == meant, "make messages"


@pytest.mark.parametrize(
    ("variables", "languages"),
    [
        ({}, ()),
        ({"LANG": "zh_CN.UTF-8"}, ("zh_CN.UTF-8",)),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW"}, ("zh_TW",)),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, ()),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, ()),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, ()),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, ("zh_CN.UTF-8",)),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en:zh"}, ()),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh:en"}, ("zh",)),
        ({"LANG": "zh_CN.UTF-8", "FOLDWISE_LANG": "en"}, ()),
        ({"LANG": "C", "FOLDWISE_LANG": "zh"}, ("zh",)),
    ],
)
def test_the_language_is_the_users(monkeypatch, variables, languages):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wanted_languages() == languages
    assert (_("disk full") == "磁盘已满") == bool(languages)


@pytest.mark.parametrize("language", ["zh-CN", "zh_Hans_CN.UTF-8", "zh_CN.GB18030", "zh_SG@x"])
def test_writings_of_chinese(monkeypatch, language):
    monkeypatch.setenv("FOLDWISE_LANG", language)
    assert _("disk full") == "磁盘已满"


def test_a_language_without_a_catalogue_is_english(monkeypatch):
    monkeypatch.setenv("FOLDWISE_LANG", "de")
    assert _("disk full") == "disk full"


def test_english_imports_no_gettext():
    code = (
        "import sys; from trainer.errors import *; print(did_you_mean('a', ['b'])); sys.exit('gettext' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-S", "-c", code], cwd=REPOSITORY, check=False).returncode == 0


def raised(function, *arguments, **options):
    with pytest.raises(FoldwiseError) as refused:
        function(*arguments, **options)
    return str(refused.value)


def write(path, content):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def running_fold(place):
    holder = {"host": "node7", "pid": 4, "started": "1", "machine": "another", "token": "t"}
    write(place / "run" / "fold_1" / "LOCK", json.dumps(holder))
    return place / "run" / "fold_1"


def held_run(place):
    write(place / "run" / "folds.json", "{}")
    return place / "run"


def model_without_weights(place):
    write(place / "bert" / "config.json", '{"model_type": "bert"}')
    return str(place / "bert")


def table(place, cells="a,y\n1,no\n2,yes\n"):
    return write(place / "t.csv", cells)


def rare(strategy, counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    names = tuple("abcdefg"[: len(counts)])
    return raised(apply_rare_policy, strategy, labels, None, classes=names, n_splits=5, rare="refuse")


def other_run(place):
    now = {"config": {"loss": "ce"}, "content": {}, "software": {}, "length": {}}
    before = {"identity": {**now, "config": {"loss": "focal"}}}
    return raised(require_same_run, held_run(place), before, now, force=False)


TABULAR = "trainer.data.sources.csv_tabular.load_csv_tabular"
GBK = "review,y\n很好吃,1\n不好吃，再也不来了,0\n服务很差,0\n环境不错,1\n".encode("gbk")
MISTAKES = {  # what is refused, and what its message has to name in any language
    "an argument misspelt": (
        lambda place: check_section("data", {"_target_": TABULAR, "path": "x", "lable": "y"})[0],
        ["data.lable", "'label'"],
    ),
    "an option left out": (lambda place: check_section("data", {"_target_": TABULAR})[0], ["data.path=..."]),
    "no label": (lambda place: raised(require_label, ColumnOptions(label=[]), str(table(place))), ["--label"]),
    "a word misspelt": (lambda place: check_level(AmpConfig(backend="apx"))[0], ["amp.backend", "'apex'"]),
    "the digit 0 for the letter O": (lambda place: check_level(AmpConfig(opt_level="01"))[0], ["amp.opt_level", "O1"]),
    "a table that is not there": (
        lambda place: raised(load_csv_tabular, str(Path(table(place)).with_name("u.csv")), ColumnOptions()),
        ["u.csv", "'t.csv'"],
    ),
    "a folder that is not there": (
        lambda place: raised(load_csv_tabular, str(place / "no" / "t.csv"), ColumnOptions()),
        ["no/t.csv"],
    ),
    "an empty folder": (
        lambda place: raised(load_csv_tabular, f"{place}/t.csv", ColumnOptions()),
        ["t.csv"],
    ),
    "a folder for a table": (
        lambda place: raised(load_csv_tabular, str(Path(table(place)).parent), ColumnOptions()),
        ["(t.csv)"],
    ),
    "a folder of images that is not there": (lambda place: raised(list_files, f"{place}/img"), ["img"]),
    "a file of folds that is not there": (
        lambda place: raised(read_split, place / "folds.json", np.array(["0"])),
        ["folds.json"],
    ),
    "a label column misspelt": (
        lambda place: raised(load_csv_tabular, table(place), ColumnOptions(label="Y")),
        ["data.label=y", "'a', 'y'"],
    ),
    "a label column that is not there": (
        lambda place: raised(load_csv_tabular, table(place), ColumnOptions(label="target")),
        ["'target'", "'a', 'y'"],
    ),
    "a loss for another task": (
        lambda place: refuse_pairing(BinaryCrossEntropy, TASKS["multiclass"]),
        ["loss=bce", "multiclass"],
    ),
    "a loss with no counterpart": (
        lambda place: refuse_pairing(type("Own", (), {"tasks": ("binary",)}), TASKS["regression"]),
        ["regression", "binary"],
    ),
    "a class too rare": (lambda place: rare("stratified", [9, 3]), ["'b'", "3", "cv.n_splits=3", "cv=kfold"]),
    "classes with one row": (lambda place: rare("stratified_group", [9, 1, 1, 1, 1]), ["'d'", "cv=group", "1"]),
    "a class with one row, held out once": (lambda place: rare("holdout", [9, 1]), ["'b'", "cv=kfold"]),
    "the wrong encoding": (
        lambda place: raised(load_csv_text, write(place / "t.csv", GBK), ColumnOptions(label="y"), text="review"),
        ["data.encoding=gb18030", "2"],
    ),
    "a damaged file": (
        lambda place: raised(
            load_csv_text, write(place / "t.csv", GBK + b"\xff\xff,1\n"), ColumnOptions(encoding="gbk"), text="review"
        ),
        ["gbk", "6"],
    ),
    "a run that is there": (
        lambda place: raised(require_resumable, held_run(place), resume="never", fold=None),
        ["resume=never", "run=NAME"],
    ),
    "a run that is not there": (
        lambda place: raised(require_resumable, place / "run", resume="must", fold=None),
        ["resume=auto"],
    ),
    "a run of another loss": (other_run, ["loss: focal there, ce here", "run=NAME"]),
    "a fold that another process trains": (
        lambda place: raised(FoldLock(running_fold(place)).__enter__),
        ["fold_1", "node7"],
    ),
    "a fold of a run that another process trains": (
        lambda place: raised(require_resumable, running_fold(place).parent, resume="auto", fold=1),
        ["node7"],
    ),
    "a full disk": (
        lambda place: str(storage_error(OSError(errno.ENOSPC, "x"), place / "cv.json", 2**21, "result")),
        ["cv.json", "2.0 MiB", "paths.runs=DIR"],
    ),
    "a disk that cannot be written": (
        lambda place: str(storage_error(OSError(errno.EROFS, "x"), place / "cv.json", 0)),
        ["cv.json", "paths.runs=DIR"],
    ),
    "a model without weights": (lambda place: raised(find_pretrained, model_without_weights(place)), ["bert"]),
    "a model that is not there": (lambda place: raised(find_pretrained, f"{place}/bert"), ["bert"]),
    "a model that is nowhere": (
        lambda place: raised(find_pretrained, "nobody/nothing"),
        ["nobody/nothing", "model.allow_network=true", "HF_ENDPOINT"],
    ),
    "many problems": (
        lambda place: str(ConfigError.from_problems([check_section("data", {"_target_": TABULAR})[0]] * 7)),
        ["data.path", "3"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_most_common_mistakes_in_both_languages(tmp_path, monkeypatch, mistake):
    make, names = MISTAKES[mistake]
    said = {}
    for language in ("en", "zh"):
        monkeypatch.setenv("FOLDWISE_LANG", language)
        (tmp_path / "x").mkdir(exist_ok=True)
        said[language] = make(tmp_path / "x")
    assert not CHINESE.search(said["en"])
    assert CHINESE.search(said["zh"])
    assert said["en"].count("\n") == said["zh"].count("\n") < 5
    for name in names:
        assert name in said["en"]
        assert name in said["zh"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EIO, errno.EDQUOT])
def test_a_storage_error_has_no_english_noun_among_chinese(tmp_path, monkeypatch, number):
    monkeypatch.setenv("FOLDWISE_LANG", "zh")
    error = OSError(number, os.strerror(number))
    said = str(storage_error(error, tmp_path / "x", 0, "out-of-fold predictions")).replace(str(tmp_path), "")
    assert not set(re.findall("[A-Za-z]{2,}", said)) - {"MiB", "paths", "runs", "DIR"}
    monkeypatch.setenv("FOLDWISE_LANG", "en")
    assert os.strerror(number) in str(storage_error(error, tmp_path / "x", 0))


def test_a_run_in_a_chinese_locale(train, monkeypatch):
    monkeypatch.delenv("FOLDWISE_LANG")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    outcome = train("data=csv_tabulr", "amp=01", "max_epoch=3")
    assert outcome.code == 2
    assert outcome.err == (
        "配置错误: data=csv_tabulr：data 没有这个选择：是不是想写 'csv_tabular'？\n"
        "amp=01：没有这个级别；可选：O0, O1, O2, O3（大写字母 O 后跟一个数字，不是数字 0）\n"
        "max_epoch：没有这个选项：是不是想写 'max_epochs'？\n"
    )
