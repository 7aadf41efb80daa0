"""What runs on a Space: the site on the address and port that the Space asks for."""

import os
import sys

DATA = "/data"  # a Space's storage that outlives it, where it has any


def run() -> None:
    """Serve until the Space ends; every setting is an environment variable, see README.md."""
    from undertone.app.cli.main import main

    os.environ.setdefault("GRADIO_SERVER_NAME", "0.0.0.0")
    if "UNDERTONE_DATA" not in os.environ and os.path.isdir(DATA) and os.access(DATA, os.W_OK):  # noqa: PTH112
        os.environ["UNDERTONE_DATA"] = f"{DATA}/studies"
    sys.argv[1:] = ["serve"]
    main()
