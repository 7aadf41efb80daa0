"""Files that come with Undertone: in a checkout in assets/, in a wheel in undertone/app/assets/."""

import json
from pathlib import Path

DEMO = Path("assets/demo")
EXAMPLES = Path("assets/examples")
LADDER = Path("assets/ladder")

_PACKAGE = Path(__file__).resolve().parent  # in a checkout undertone/app is a link to app/, beside assets/


def asset_folder(name: Path) -> Path:
    """Return where a folder such as assets/demo is: in the current folder, the wheel or the checkout; else `name`."""
    return next((place / name for place in (Path(), _PACKAGE, _PACKAGE.parent) if (place / name).is_dir()), name)


def bundle_or_demo(typed: str | None) -> str:
    """Return the bundle that was given, folder or Hub id; where none was, the folder of the embedded voice.

    Raises:
        BundleError: nothing was typed, and no voice came with this installation; a Hub is never asked for it.
    """
    if typed is not None:
        return typed
    folder = asset_folder(DEMO)
    if not folder.is_dir():
        from undertone.engine.errors import BundleError  # the command line imports this file before it knows its verb

        raise BundleError(
            f"this installation came without the embedded voice ({_PACKAGE / DEMO} is missing). Give the folder of a "
            "bundle, or a Hugging Face repository as owner/name, with --bundle."
        )
    return str(folder)


def with_demo_bundle(study_text: str, folder: Path) -> str:
    """Return a study template whose bundle assets/demo is found by a study file in `folder`, wherever that is."""
    if (folder / DEMO).is_dir() or not asset_folder(DEMO).is_dir():
        return study_text
    return study_text.replace(f"bundle: {DEMO}", f"bundle: {json.dumps(str(asset_folder(DEMO).resolve()))}")
