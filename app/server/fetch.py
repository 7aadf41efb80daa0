"""Prints the folder of a bundle, fetched from the Hub where it is a repository: `python -m app.server.fetch BUNDLE`.

A process of its own: it has the Hub's token, and no visitor; the playground has visitors, and no token.
"""

import sys

from engine.bundle import bundle_folder
from engine.errors import BundleError

if __name__ == "__main__":
    try:
        print(bundle_folder(sys.argv[1]))
    except BundleError as error:
        print(error)
        raise SystemExit(2) from error
