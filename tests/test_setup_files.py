"""The files around the code: lock, Makefile, .ci/run, Dockerfile, the worked example of CONTRIBUTING."""

import importlib.util
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import torch
import yaml

from tests.places import REPOSITORY

ROOT = REPOSITORY
PINS = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if re.match(r"\w", line)]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()


def load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


base = load_module(ROOT / "docker" / "requirements_for_base.py")


def instructions(keyword: str) -> list[str]:
    return [line.removeprefix(keyword).strip() for line in DOCKERFILE if line.startswith(keyword + " ")]


def recipe(*targets: str) -> str:
    """What make would run, as if everything were installed."""
    command = ["make", "--no-print-directory", "-n", "-o", ".venv/.installed", *targets]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("line", PINS)
def test_lock_pins_exactly(line: str) -> None:
    assert re.fullmatch(r'[a-z0-9-]+==[0-9][\w.]*( ; sys_platform == "linux")?', line)


def test_lock_has_every_dependency_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pinned = [base.normalise(line) for line in PINS]
    assert {base.normalise(line) for line in wanted} <= set(pinned)
    assert len(pinned) == len(set(pinned))


def test_lock_has_the_matching_torch_pair() -> None:
    assert {"torch==2.14.1", "torchvision==0.29.1"} <= set(PINS)


def test_ci_runs_check_then_test() -> None:
    script = ROOT / ".ci" / "run"
    lines = script.read_text().splitlines()
    assert [line for line in lines if line.startswith("make")] == ["make check", "make test"]
    assert "set -euo pipefail" in lines
    assert script.stat().st_mode & 0o111


def test_make_train_passes_overrides_on() -> None:
    assert "train.py loss=focal amp=O1\n" in recipe("train", "ARGS=loss=focal amp=O1")


def test_make_alone_lists_every_target() -> None:
    printed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert re.findall(r"^  make ([\w-]+)", printed, re.MULTILINE) == phony[1].split()


def test_make_check_runs_all_four() -> None:
    tools = ("ruff check .", "ruff format --check .", "mypy", "lint-imports")
    assert [tool for tool in tools if tool not in recipe("check")] == []


def test_old_python_is_refused_with_advice(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit\nexit 1\n')
    old.chmod(0o755)
    command = ["make", "-f", str(ROOT / "Makefile"), "test", f"PYTHON={old}"]
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "Python 3.11 or newer is needed" in result.stderr
    assert "is Python 3.9.2" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_entrypoint_is_exec_form() -> None:
    [entrypoint] = instructions("ENTRYPOINT")
    assert json.loads(entrypoint) == ["python", "train.py"]


def test_images_run_as_a_user_without_rights() -> None:
    [user] = instructions("USER")
    text = "\n".join(DOCKERFILE)
    assert f"USER {user}" in text.partition(" AS image\n")[2].partition("\nFROM ")[0]
    assert [source for source in instructions("FROM") if source.startswith("image")] == ["image AS cpu", "image"]
    assert instructions("FROM")[-1] == "image"  # what is built where no target is named
    assert int(user) >= 1000


def test_base_image_is_pinned() -> None:
    [image] = re.findall(r"ARG BASE=(\S+)", "\n".join(DOCKERFILE))
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", image)
    stages = [line.split(" AS ") for line in instructions("FROM")]
    assert {source for source, *_ in stages} - {name[0] for _, *name in stages if name} == {"${BASE}", "scratch"}


def test_image_gets_everything_it_copies() -> None:
    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = [name for line in instructions("COPY") if "--from" not in line for name in line.split()[:-1]]
    assert all((ROOT / name).exists() for name in copied)
    assert {name.split("/")[0] for name in copied} == allowed


def test_plain_base_gets_the_lock() -> None:
    wanted, constraints = base.plan(["torch>=2.10", "rich>=13"], ["torch==2.14.1", "rich==15.0.0"], {"pip": "24.0"})
    assert wanted == ["torch>=2.10", "rich>=13"]
    assert constraints == ["torch==2.14.1", "rich==15.0.0"]


def test_base_with_its_own_torch_keeps_it() -> None:
    present = {
        "torch": "2.7.0a0+79aa174",
        "numpy": "2.1.0",
        "nvidia-cudnn": "9.9",
        "rich": "13.9.4",
        "pip": "25.0",
    }
    dependencies = [
        "torch>=2.10",
        "numpy>=2.0",
        "torchvision>=0.25",
        "rich>=13",
        "thop>=0.1.1",
        "pyarrow>=18",
    ]
    pins = [
        "torch==2.14.1",
        "torchvision==0.29.1",
        "numpy==2.4.6",
        "rich==15.0.0",
        "thop==0.1.1",
        "pyarrow==26.0.1",
    ]
    wanted, constraints = base.plan(dependencies, pins, present)
    assert wanted == ["rich>=13", "thop>=0.1.1", "pyarrow>=18"]
    kept = ["numpy==2.1.0", "nvidia-cudnn==9.9", "torch==2.7.0a0+79aa174"]
    assert constraints == [*kept, "thop==0.1.1", "pyarrow==26.0.1"]


def test_base_with_an_old_numpy_gets_a_pyarrow_that_takes_it() -> None:
    present = {"torch": "2.7.0a0+79aa174", "numpy": "1.26.4"}
    _, constraints = base.plan(["pyarrow>=18"], ["numpy==2.4.6", "pyarrow==26.0.1"], present)
    assert constraints == ["numpy==1.26.4", "torch==2.7.0a0+79aa174", "pyarrow==25.0.1"]


def test_example_of_contributing_is_a_loss(tmp_path: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [options] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "tversky.py").write_text(code)
    config = yaml.safe_load(options)
    assert config.pop("_target_") == "trainer.losses.tversky.Tversky"
    loss = load_module(tmp_path / "tversky.py").Tversky(**config, n_classes=3)
    logits_BL = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    target_BL = torch.tensor([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 1], [0, 0, 1]], dtype=torch.float64)
    expected_B = []
    for logits, target in zip(logits_BL.tolist(), target_BL.tolist(), strict=True):
        proba = [1 / (1 + 2.718281828459045**-value) for value in logits]
        overlap = sum(p * t for p, t in zip(proba, target, strict=True))
        missed, false = sum(target) - overlap, sum(proba) - overlap
        expected_B.append(1 - (overlap + 1) / (overlap + 0.7 * missed + 0.3 * false + 1))
    torch.testing.assert_close(loss(logits_BL, target_BL), torch.tensor(expected_B, dtype=torch.float64))


def test_no_file_names_a_registry_or_a_machine() -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    hosts = r"pypi\.org|pythonhosted|artifactory|devpi|nexus\.|/simple\b|(index-url|trusted-host)[ =]+[^- ]"
    paths = r"(?<![\w.$}/-])/(home|root|Users|work|opt/(?!venv)|mnt|srv|data(?!/preprocess))/\w"
    found = []
    for name in listed.stdout.decode().rstrip("\0").split("\0"):
        path = ROOT / name
        if path.is_file() and path != Path(__file__) and b"\0" not in path.read_bytes():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            found += [
                f"{name}:{i}: {line.strip()[:80]}"
                for i, line in enumerate(lines, 1)
                if re.search(f"{hosts}|{paths}", line)
            ]
    assert found == []
