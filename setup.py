"""Packs ``conf/``, which stands beside ``trainer/`` in the repository, into the installed package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConf(build_py):
    """Copy conf/ to trainer/conf, where ``trainer/config/keys.py`` finds it; an editable install has it already."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if not self.editable_mode:
            packed = Path(self.build_lib, "trainer", "conf")
            shutil.rmtree(packed, ignore_errors=True)  # of an earlier build, with files that are gone
            shutil.copytree(Path(__file__).resolve().parent / "conf", packed)


setup(cmdclass={"build_py": BuildWithConf})
