"""Puts the voice, the examples and a ladder's result into the wheel; all else of the build is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ASSETS = ("demo", "examples", "ladder", "token-lm", "token-lm-acoustic")  # of assets/, see app/package_data.py


class BuildWithAssets(build_py):
    """Copies the assets beside the code of `app`; an editable installation finds them in the checkout."""

    def run(self) -> None:
        """Copy the packages, then the assets."""
        super().run()
        if not self.editable_mode:
            for name in ASSETS:
                shutil.copytree(
                    Path("assets") / name,
                    Path(self.build_lib) / "undertone" / "app" / "assets" / name,
                    dirs_exist_ok=True,
                )


setup(cmdclass={"build_py": BuildWithAssets})
