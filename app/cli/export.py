"""`undertone export`: a bundle in other forms."""

from pathlib import Path
from typing import Annotated

import typer

export = typer.Typer(name="export", no_args_is_help=True)


@export.callback()
def group() -> None:
    """Write a bundle in another form."""


@export.command()
def onnx(
    bundle: Annotated[str, typer.Argument(help="Bundle folder, or a Hugging Face repository id.")],
    out: Annotated[Path, typer.Argument(help="Folder to write: a page and all it needs, for any static host.")],
    runtime: Annotated[
        Path | None,
        typer.Option(
            help="Folder or tarball of the npm package onnxruntime-web; by default it is fetched from the npm registry."
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="Of the page, and of a Space made of it.")] = "Undertone",
) -> None:
    """Write the graphs of a bundle, and a page on which a visitor's browser runs them: no voice leaves the visitor."""
    from undertone.app.browser.site import SitePlan, write_site
    from undertone.engine.bundle import load_bundle

    write_site(load_bundle(bundle), out, SitePlan(title, runtime))
    typer.echo(f"{out}: open it with a web server, for example `python -m http.server --directory {out}`")
