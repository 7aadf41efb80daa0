"""Program that prints the folder of a bundle, fetched from the Hub where it is a repository.

Started as `python -m undertone.app.server.fetch BUNDLE`.
A process of its own: it has the Hub's token, and no visitor; the playground has visitors, and no token.
"""

import sys

from undertone.engine import BundleError
from undertone.engine.bundle import bundle_folder

if __name__ == "__main__":
    try:
        print(bundle_folder(sys.argv[1]))
    except BundleError as error:
        print(error)
        raise SystemExit(2) from error
