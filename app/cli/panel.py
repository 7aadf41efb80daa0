"""`undertone study prolific`: free the places of people who have left, and approve those whose ratings are accepted."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from undertone.app.cli.study import DataOption, NameArgument, open_studies

if TYPE_CHECKING:
    from undertone.studies.panels import SubmissionReview


def prolific(
    name: NameArgument,
    study_id: Annotated[str, typer.Option("--study", help="Id of the study at Prolific, from its address there.")],
    approve: Annotated[
        bool, typer.Option("--approve", help="Approve, and so pay, who finished and is accepted.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    every: Annotated[
        float | None, typer.Option(min=1, help="Minutes between two looks, until the study is closed.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Free places of who returned or timed out at Prolific, and say whom to pay; needs UNDERTONE_PROLIFIC_TOKEN."""
    from undertone.engine import UndertoneError
    from undertone.studies import status_of
    from undertone.studies.panels import ProlificApi, review_submissions
    from undertone.studies.sessions import load_secret

    if every is not None and approve and not yes:
        raise typer.BadParameter("--every with --approve pays people unattended: give --yes too.")
    api = ProlificApi.of()
    with open_studies(data) as (db, places):
        secret = load_secret(places.data)

        def look() -> None:
            review = review_submissions(db, name, api.submissions(study_id), secret, datetime.now(UTC))
            _tell(review)
            if approve and review.approvable and (yes or _is_sure(len(review.approvable))):
                api.approve([one.id for one in review.approvable])
                typer.echo(f"{len(review.approvable)} approved; Prolific pays them in the next minutes.")

        look()
        while every is not None and status_of(db, name).status != "closed":
            time.sleep(60 * every)
            try:
                look()
            except UndertoneError as error:  # Prolific is away, or the database is busy: the next look may do
                typer.echo(f"{datetime.now(UTC):%H:%M} {error}", err=True)


def _is_sure(people: int) -> bool:
    return typer.confirm(f"Approve {people}, and so pay them?")


def _tell(review: "SubmissionReview") -> None:
    counts = ", ".join(f"{count} {status.lower()}" for status, count in sorted(review.counts.items()))
    typer.echo(f"Prolific: {counts or 'no submissions yet'}")
    for submission in review.released:
        typer.echo(f"  {submission.participant_id}  {submission.status.lower()}: the places are free again")
    for submission in review.approvable:
        typer.echo(f"  {submission.participant_id}  finished here and accepted: to be approved")
    for submission, why in review.doubtful:
        typer.echo(f"  {submission.participant_id}  {why}: look at it there")
