"""`undertone space`: a Hugging Face Space in one command."""

from enum import StrEnum
from typing import Annotated, Literal

import typer

space = typer.Typer(
    name="space", help="Host a demo or listening studies as a Hugging Face Space.", no_args_is_help=True
)

RepositoryArgument = Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The Space on the Hub.")]
BundleOption = Annotated[
    str | None, typer.Option(help="Bundle folder, or a repository of the Hub; by default the voice that came along.")
]
TitleOption = Annotated[str, typer.Option(help="Shown by the Hub.")]


class SpaceKind(StrEnum):
    """What a Space is for."""

    demo = "demo"
    study = "study"


KindOption = Annotated[
    SpaceKind, typer.Option(help="demo: pages for visitors. study: also a sign-in, and ratings that are kept.")
]
HardwareOption = Annotated[str, typer.Option(help="zero-gpu, cpu-basic, cpu-upgrade, t4-small, and the Hub's others.")]


@space.command()
def create(
    repository: RepositoryArgument,
    kind: KindOption,
    hardware: HardwareOption = "cpu-basic",
    bundle: BundleOption = None,
    title: TitleOption = "Undertone",
    admin: Annotated[
        str | None,
        typer.Option(
            envvar="UNDERTONE_ADMIN", help="Who signs in first: hf:NAME or NAME:PASSPHRASE; by default you, of the Hub."
        ),
    ] = None,
    ratings_token: Annotated[
        str | None,
        typer.Option(envvar="UNDERTONE_RATINGS_TOKEN", help="Token with which a study keeps OWNER/NAME-ratings."),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Only for you and your organisation.")] = False,
) -> None:
    """Make a Space and upload what it needs, nothing else."""
    from undertone.app.hosting.space_files import SpacePlan
    from undertone.app.hosting.space_upload import Keeper, create_space, has_gpu

    plan = SpacePlan(_kind(kind), title, bundle, has_gpu(hardware))
    typer.echo(create_space(repository, plan, hardware, Keeper(admin, ratings_token), private))


@space.command()
def update(
    repository: RepositoryArgument,
    kind: KindOption,
    hardware: Annotated[
        str | None, typer.Option(help="That the Space will have; by default what it has: it says which PyTorch.")
    ] = None,
    bundle: BundleOption = None,
    title: TitleOption = "Undertone",
) -> None:
    """Upload a Space again: what it does not need any more goes; its hardware, variables and secrets stay."""
    from undertone.app.hosting.space_files import SpacePlan
    from undertone.app.hosting.space_upload import update_space

    typer.echo(update_space(repository, SpacePlan(_kind(kind), title, bundle), hardware))


def _kind(chosen: SpaceKind) -> Literal["demo", "study"]:
    return "study" if chosen is SpaceKind.study else "demo"
