"""`undertone push`: a bundle published on the Hub."""

from pathlib import Path
from typing import Annotated

import typer


def push(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The model on the Hub.")],
    private: Annotated[
        bool, typer.Option("--private", help="Where it is made: only for you or your organisation.")
    ] = False,
) -> None:
    """Publish a bundle and its model card on the Hugging Face Hub; prints the address.

    Signed in by HF_TOKEN or `hf auth login`. A second call brings the model up to date in one commit.
    """
    from undertone.app.hosting.bundle_upload import push_bundle

    typer.echo(push_bundle(bundle.expanduser(), repository, private))
