"""`undertone key`: keys of programs that use the model of a server."""

from pathlib import Path
from typing import Annotated

import typer

from undertone.app.cli.study import open_studies

key = typer.Typer(name="key", help="Keys for programs that use a server's API.", no_args_is_help=True)
DataOption = Annotated[
    Path | None, typer.Option(help="Folder of the server's studies; by default UNDERTONE_DATA or in your home.")
]


@key.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    rate: Annotated[
        str | None, typer.Option(help="Runs that it may start, as 60/minute; by default as the server says.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Make a key and print its secret, which is shown this once."""
    from undertone.app.auth.api_keys import create_api_key

    with open_studies(data) as (db, _):
        typer.echo(create_api_key(db, name, rate))


@key.command("list")
def list_(data: DataOption = None) -> None:
    """List the keys, without their secrets."""
    from undertone.studies.store.api_keys import list_api_keys

    with open_studies(data) as (db, _):
        for one in list_api_keys(db):
            typer.echo(f"{one.name:24} {one.rate or 'default rate':16} since {one.created_at:%Y-%m-%d}")


@key.command()
def revoke(name: Annotated[str, typer.Argument(help="Of the key.")], data: DataOption = None) -> None:
    """Take a key back; a running server refuses it from now on."""
    from undertone.studies.store.api_keys import revoke_api_key

    with open_studies(data) as (db, _):
        revoke_api_key(db, name)
        typer.echo(f"{name} revoked.")
