"""Write what pip has to add to a base image: requirements.txt and constraints.txt in the folder given.

A plain Python image gets the run-time dependencies at the pins of requirements.lock. An image that brings
its own torch (NVIDIA's, say) keeps it, with the numpy, torchvision and CUDA parts that fit it; only what else
is missing or too old is added.
"""

import re
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

TORCH_FAMILY = re.compile(r"torch|torchvision|triton|pytorch-triton|numpy|apex|(nvidia|cuda)-.*")
LAST_PYARROW_FOR_NUMPY_1 = "pyarrow==25.0.1"


def normalise(requirement: str) -> str:
    """``PyArrow_Stubs[x]>=20`` -> ``pyarrow-stubs``."""
    name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def plan(dependencies: list[str], pins: list[str], present: dict[str, str]) -> tuple[list[str], list[str]]:
    """What to ask pip for, and the versions it must stay with.

    Args:
        dependencies: requirement lines of pyproject.toml.
        pins: ``name==version`` lines of the lock.
        present: normalised names and versions the image already has.
    """
    if "torch" not in present:
        return dependencies, pins
    wanted = [line for line in dependencies if not TORCH_FAMILY.fullmatch(normalise(line))]
    kept = [f"{name}=={version}" for name, version in sorted(present.items()) if TORCH_FAMILY.fullmatch(name)]
    missing = {normalise(line): line for line in pins if normalise(line) not in present}
    if "pyarrow" in missing and present.get("numpy", "").startswith("1."):
        missing["pyarrow"] = LAST_PYARROW_FOR_NUMPY_1
    return wanted, kept + [line for name, line in missing.items() if not TORCH_FAMILY.fullmatch(name)]


def main(output: Path) -> None:
    """Read pyproject.toml and requirements.lock in the working directory, write the two files."""
    dependencies = tomllib.loads(Path("pyproject.toml").read_text())["project"]["dependencies"]
    pins = [line for line in Path("requirements.lock").read_text().splitlines() if re.match(r"\w", line)]
    present = {normalise(found.name): found.version for found in distributions()}
    wanted, constraints = plan(dependencies, pins, present)
    output.joinpath("requirements.txt").write_text("\n".join(wanted) + "\n")
    output.joinpath("constraints.txt").write_text("\n".join(constraints) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
