"""The one package that an installation occupies: `undertone.engine`, `.studies`, `.train` and `.app`.

In the repository the four folders lie at the top, and this folder holds links to them; a wheel holds them as
ordinary folders. `hf upload` leaves links out: then the four are found at the top.
"""

from pathlib import Path

_FOLDER = Path(__file__).resolve().parent
if not (_FOLDER / "app").is_dir():
    __path__.append(str(_FOLDER.parent))
