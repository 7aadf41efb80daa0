"""`undertone load`: how many people a machine can take."""

import json
from pathlib import Path
from typing import Annotated

import typer

from undertone.app.package_data import EXAMPLES, asset_folder, bundle_or_demo


def load(
    raters: Annotated[int, typer.Option(min=0, help="People who hear and rate clips.")] = 50,
    visitors: Annotated[int, typer.Option(min=0, help="People who let a recording continue.")] = 10,
    idle: Annotated[int, typer.Option(min=0, help="Connections that say nothing.")] = 0,
    slow: Annotated[int, typer.Option(min=0, help="Connections that say a byte a second.")] = 0,
    minutes: Annotated[float, typer.Option(help="For how long.")] = 10.0,
    seconds: Annotated[float, typer.Option(help="Of every continuation.")] = 5.0,
    clip: Annotated[Path | None, typer.Option(help="Recording of some seconds; by default the first example.")] = None,
    bundle: Annotated[str | None, typer.Option("--bundle", help="Bundle folder, or a repository of the Hub.")] = None,
) -> None:
    """Rehearse a crowd on a server of its own; prints the times and what was lost, as JSON."""
    from undertone.app.load.rehearse import Crowd, rehearse

    chosen = clip or min(asset_folder(EXAMPLES).glob("*.wav"))
    crowd = Crowd(raters, visitors, idle, slow, minutes, seconds)
    typer.echo(json.dumps(rehearse(bundle_or_demo(bundle), chosen, crowd), indent=2))
