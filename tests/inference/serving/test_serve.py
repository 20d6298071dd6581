"""``foldwise serve`` as it is typed: where it listens, how it ends, and what it refuses before it begins."""

import os
import signal
import socket
import sys
import threading
from dataclasses import replace

import httpx
import pytest

from tests.inference.run_cases import table_options, trained_in
from tests.inference.serving.serving_cases import until
from trainer.cli import serve as command
from trainer.cli.main import main as foldwise
from trainer.inference.predictor import open_predictor
from trainer.inference.serving import serve, served
from trainer.inference.serving.server import is_this_machine


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    return trained_in(folder, *table_options(folder), "cv.parallel=1")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_says_where_it_listens_and_a_signal_ends_it(run, number, code, capsys, monkeypatch):
    address, found = [], []
    real = serve.address_of
    monkeypatch.setattr(serve, "address_of", lambda listening: address.append(real(listening)) or address[0])

    def ask_and_end():
        until(lambda: address)
        try:
            found.append(httpx.get(f"{address[0]}/about", trust_env=False, timeout=30).json())
        finally:
            os.kill(os.getpid(), number)

    thread = threading.Thread(target=ask_and_end)
    thread.start()
    assert foldwise(["serve", str(run), "--port", "0", "--folds", "1", "--max-rows", "7"]) == code
    thread.join()
    assert (found[0]["folds"], found[0]["limits"]["max_rows"]) == (["1"], 7)
    printed = capsys.readouterr()
    assert printed.out == f"{run}: fold 1 on {address[0]} (Ctrl-C ends it)\n"
    assert address[0].startswith("http://127.0.0.1:")
    assert printed.err.strip() == f"{number.name}: stopped"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "no.such.host.invalid"], "no such address"),
        (["--host", "192.0.2.1"], "cannot listen there"),
        (["--folds", "9"], "has no fold 9"),
        (["--device", "cuda:77"], "sees no GPU"),
        (["--port", "70000"], "Invalid value for '--port'"),
        (["--max-waiting", "-1"], "Invalid value for '--max-waiting'"),
    ],
)
def test_options_that_cannot_be_are_refused(run, options, said, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert foldwise(["serve", str(run), "--port", "0", *options]) == 2
    assert said in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(run, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert foldwise(["serve", str(run), "--port", port]) == 2
    assert f"--port {port}: cannot listen there" in capsys.readouterr().err


def test_a_missing_package_is_named(run, capsys, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("trainer.inference.serving")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert foldwise(["serve", str(run), "--port", "0"]) == 2
    assert "pip install 'foldwise[serve]'" in capsys.readouterr().err
    assert "fastapi" in command.NEEDED


@pytest.mark.parametrize(("reading", "said"), [({"kind": "arrays"}, "its rows are arrays"), ({}, "does not say how")])
def test_a_run_whose_rows_no_request_can_hold_is_refused(run, reading, said, monkeypatch, capsys):
    predictor = open_predictor(run)
    other = replace(predictor, run=replace(predictor.run, spec=replace(predictor.run.spec, reading=reading)))
    monkeypatch.setattr(served, "open_predictor", lambda *_, **__: other)
    assert foldwise(["serve", str(run), "--port", "0"]) == 4
    assert said in capsys.readouterr().err


def test_other_machines_are_spoken_of():
    assert [is_this_machine(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "my.server")] == [
        *(True, True, True),
        *(False, False),
    ]
