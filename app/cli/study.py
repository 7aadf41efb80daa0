"""`undertone study`: make a listening study, build its sounds, open it, watch it, report, export, withdraw, restore."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undertone.app.package_data import with_demo_bundle

if TYPE_CHECKING:
    from undertone.studies.store import Database, StorageLocations

study = typer.Typer(
    name="study",
    help="Listening studies: make, build, open, watch, report, pay, withdraw, restore.",
    no_args_is_help=True,
)

NameArgument = Annotated[str, typer.Argument(help="Name of the study.")]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of database, sounds and copies; else UNDERTONE_DATA, else ~/.local/share."),
]


@study.command()
def new(
    out: Annotated[Path, typer.Argument(help="The YAML file to write.")] = Path("study.yaml"),
    template: Annotated[
        str, typer.Option(help="paper, paper-comparison, expressive, preference, best-worst or mushra.")
    ] = "paper",
    system: Annotated[
        list[str] | None,
        typer.Option(
            help="paper-comparison: bundle of a system, the first is compared with the others; repeat for more. By "
            "default the embedded voice and the systems beside it."
        ),
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="paper-comparison: recordings that no system was trained on, for the prompts.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Of the corpus; by default test, or dev where there is none.")
    ] = None,
    prompts: Annotated[int, typer.Option(min=1, help="paper-comparison: prompts, at most.")] = 100,
) -> None:
    """Write a study file to be changed: the paper's protocol, its comparison of systems, or another kind of study."""
    from undertone.studies.design import DesignError
    from undertone.studies.design.templates import COMPARISON, template_text

    if out.exists():
        raise DesignError(f"{out} is there already. Choose another name, or remove it.")
    if template == COMPARISON:
        text, notes = _comparison_text(system, corpus, split, prompts)
    elif system or corpus or split:
        raise DesignError(f"--system, --corpus and --split go with --template {COMPARISON}, not with {template}.")
    else:
        text, notes = template_text(template), []
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(with_demo_bundle(text, out.parent), encoding="utf-8")
    for note in notes:
        typer.echo(note)
    typer.echo(f"{out} written. Change it, then: undertone study build {out}")


def _comparison_text(
    systems: list[str] | None, corpus: Path | None, split: str | None, prompts: int
) -> tuple[str, list[str]]:
    """Return the file of the paper's comparison, and what is to be known of it."""
    from undertone.app.package_data import bundle_or_demo
    from undertone.engine.bundle import bundles_sharing
    from undertone.studies.measures.heldout import ListedCorpus
    from undertone.studies.suite.comparison_study import comparison_study, list_systems, missing_systems

    if not systems:
        voice = bundle_or_demo(None)
        systems = [voice, *map(str, bundles_sharing(Path(voice)))]
    listed, chosen = None, split or "test"
    if corpus is not None:
        from undertone.train.corpora.listing import list_sources

        listed = ListedCorpus.from_list(corpus, list_sources(corpus))
        chosen = listed.split_to_measure(split)
    found = list_systems(systems)
    notes = [f"systems: {', '.join(one.name for one in found)}"]
    if missing := missing_systems(found):
        notes.append(f"not at hand: {', '.join(missing)} (`undertone systems` trains what is missing from a voice)")
    if corpus is None:
        notes.append(f"put {prompts} recordings of 13 s and more into the folder prompts beside the file")
    return comparison_study(systems, listed, chosen, prompts), notes


@study.command()
def build(
    source: Annotated[str, typer.Argument(help="Study file, or the name of a draft such as one made from takes.")],
    cpu: Annotated[bool, typer.Option("--cpu", help="Render on the CPU even where there is a GPU.")] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that make the takes of bundles, about 1.2 GB each.")
    ] = 1,
    data: DataOption = None,
) -> None:
    """Render, level and check every sound; a build that was interrupted goes on where it was."""
    from tqdm import tqdm

    from undertone.engine import CallProgress
    from undertone.studies import build_study, load_study_file, make_study, study_names
    from undertone.studies.build.lifecycle import discard_draft

    with open_studies(data) as (db, places), ExitStack() as undo:
        name = source
        if Path(source).suffix in (".yaml", ".yml") or Path(source).is_file():
            definition = load_study_file(Path(source))
            name = definition.name
            if name not in study_names(db):  # a build that fails leaves nothing that was not there before
                undo.callback(discard_draft, db, name)
            make_study(db, definition)
        with tqdm(desc="build", unit="clip") as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            progress = CallProgress(report=show)
            made = build_study(db, name, places, progress, "cpu" if cpu else "auto", workers)
        undo.pop_all()
    sounds = ", ".join(f"{count} {kind}" for kind, count in sorted(made.stimuli.items()))
    typer.echo(f"{name}: {sounds}; {made.seconds / 60:.1f} min at {made.loudness_lufs:.1f} LUFS")
    if made.lowered_db:
        typer.echo(f"That is {made.lowered_db:.1f} dB lower than asked for: {made.lowered_for} has high peaks.")
    typer.echo(f"Next: undertone study open {name}")


@study.command("open")
def open_(name: NameArgument, data: DataOption = None) -> None:
    """Check every sound, then let raters in."""
    from undertone.studies import status_of

    _set_status(name, "open", data)
    with open_studies(data) as (db, _):
        path = status_of(db, name).raters_path
    typer.echo(f"{name} is open: raters go to {path} (with their panel's ids in the query, where there are any).")


@study.command()
def pause(name: NameArgument, data: DataOption = None) -> None:
    """Let nobody in for now."""
    _set_status(name, "paused", data)
    typer.echo(f"{name} is paused.")


@study.command()
def close(name: NameArgument, data: DataOption = None) -> None:
    """End the study."""
    _set_status(name, "closed", data)
    typer.echo(f"{name} is closed.")


@study.command()
def status(
    name: Annotated[str | None, typer.Argument(help="Name of the study; all of them when not given.")] = None,
    data: DataOption = None,
) -> None:
    """Print how far studies are."""
    from undertone.studies import status_of, study_names

    with open_studies(data) as (db, _):
        names = [name] if name else study_names(db)
        if not names:
            typer.echo("no study was made yet: undertone study new")
        for one in names:
            found = status_of(db, one)
            typer.echo(f"{found.name} ({found.status}): {found.title}")
            if found.status == "open":
                typer.echo(f"  raters    go to {found.raters_path}")
            typer.echo(f"  trials    {found.collected} of {found.wanted} collected, {found.promised} under way")
            states = ", ".join(f"{count} {state}" for state, count in sorted(found.sessions.items())) or "none"
            typer.echo(f"  sessions  {states}; {found.accepted} accepted, {found.rejected} rejected")


@study.command()
def report(
    name: NameArgument,
    out: Annotated[Path | None, typer.Option(help="The HTML file to write; NAME-report.html when not given.")] = None,
    data: DataOption = None,
) -> None:
    """Write the results as one HTML file: tables, figures, intervals, methods."""
    from undertone.studies import study_report as write_report

    with open_studies(data) as (db, _):
        typer.echo(write_report(db, name, out or Path(f"{name}-report.html")))


@study.command()
def export(
    name: NameArgument,
    out: Annotated[Path | None, typer.Option(help="The folder to write; NAME-export when not given.")] = None,
    data: DataOption = None,
) -> None:
    """Write the ratings as CSV and Parquet with a codebook."""
    from undertone.studies import export_study as write_export

    folder = out or Path(f"{name}-export")
    with open_studies(data) as (db, _):
        write_export(db, name, folder)
    typer.echo(folder)


@study.command("import")
def import_(
    ratings: Annotated[
        Path, typer.Argument(help="CSV: long, wide, webMUSHRA, P.808 toolkit, VoiceMOS, or our export.")
    ],
    name: Annotated[str | None, typer.Option(help="Name of the study; that of the file when not given.")] = None,
    title: Annotated[str, typer.Option(help="Title in the report.")] = "",
    scale: Annotated[str | None, typer.Option(help="Name of the scale where the table does not say.")] = None,
    minimum: Annotated[float | None, typer.Option(help="Least score; what lies below is a bad row.")] = None,
    maximum: Annotated[float | None, typer.Option(help="Largest score; what lies above is a bad row.")] = None,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Leave them out and name them.")] = False,
    data: DataOption = None,
) -> None:
    """Make a closed study of ratings from elsewhere: its report, planner and exports work as for our own."""
    from undertone.studies.importing import import_ratings, read_ratings
    from undertone.studies.importing.storing import default_name

    low, high = (-1e6 if minimum is None else minimum), (1e6 if maximum is None else maximum)
    table = read_ratings(ratings, scale, (low, high))
    with open_studies(data) as (db, _):
        done = import_ratings(db, table, name or default_name(ratings), title, skip_bad_rows)
    typer.echo(
        f"{done.name}: {done.ratings} ratings of {done.systems} systems on {done.prompts} prompts by {done.raters} "
        f"raters ({done.layout}; {', '.join(done.scales)})"
    )
    for problem in done.skipped:
        typer.echo(f"left out: {problem}")
    for note in done.notes:
        typer.echo(f"note: {note}")
    typer.echo(f"Next: undertone study report {done.name}")


@study.command()
def example(
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("example-report.html"),
) -> None:
    """Write the report of a simulated study, to see what a report holds before there are ratings."""
    from undertone.studies.analysis.simulation.example import write_example

    typer.echo(write_example(out))


@study.command()
def simulate(
    systems: Annotated[int, typer.Option(min=2, help="Systems compared; they are equally good.")] = 4,
    prompts: Annotated[int, typer.Option(min=2, help="Prompts of the study.")] = 40,
    raters: Annotated[int, typer.Option(min=2, help="People who rate.")] = 30,
    trials: Annotated[int, typer.Option(min=1, help="Clips that each of them rates.")] = 20,
    missing: Annotated[float, typer.Option(help="Share of the ratings that are never given.")] = 0.0,
    studies: Annotated[int, typer.Option(min=2, help="Studies drawn.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of allocation and draws.")] = 0,
    score: Annotated[float, typer.Option(min=1.01, max=4.99, help="True score of the systems, of 1 to 5.")] = 3.3,
    grid: Annotated[
        bool, typer.Option("--grid", help="A table over many layouts, people and scores; minutes.")
    ] = False,
    means: Annotated[bool, typer.Option("--means", help="A table of means alone, low to ceiling; seconds.")] = False,
) -> None:
    """Draw many studies of one layout with known scores and print how often their intervals hold the truth."""
    from undertone.studies.analysis.power import TYPICAL
    from undertone.studies.analysis.simulation.coverage import (
        coverage_lines,
        coverage_table,
        mean_coverage_table,
        measure_coverage,
    )
    from undertone.studies.analysis.simulation.simulate import Design, liking_of

    if grid or means:
        for line in (coverage_table if grid else mean_coverage_table)(studies):
            typer.echo(line)
        return
    design = Design(systems, prompts, raters, trials, missing)
    found = measure_coverage(design, TYPICAL, studies, liking_of(score, TYPICAL), seed)
    for line in coverage_lines(found):
        typer.echo(line)


@study.command("simulate-choices")
def simulate_choices(
    studies: Annotated[int, typer.Option(min=2, help="Studies drawn for each number.")] = 600,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    design: Annotated[list[str] | None, typer.Option(help="Coverage of this design alone; may be given again.")] = None,
) -> None:
    """Simulate best-worst and paired studies: coverage under active choice, and rater minutes beside ratings."""
    from undertone.studies.analysis.simulation.choosing import DESIGNS, choice_lines

    unknown = sorted(set(design or ()) - set(DESIGNS))
    if unknown:
        raise typer.BadParameter(f"there is no design {unknown[0]!r}; the designs are {', '.join(DESIGNS)}.")
    for line in choice_lines(studies, workers, design):
        typer.echo(line)


@study.command()
def plan(
    half_width: Annotated[
        float, typer.Option(help="Wanted half-width of a mean's interval, points of the scale.")
    ] = 0.2,
    difference: Annotated[float | None, typer.Option(help="Plan for 80 % power at this difference instead.")] = None,
    contrasts: Annotated[int, typer.Option(help="Declared contrasts that are corrected together.")] = 1,
    systems: Annotated[int, typer.Option(help="Systems, with ground truth and anchor.")] = 4,
    clips: Annotated[int, typer.Option(help="Clips that each rater hears.")] = 20,
    assurance: Annotated[float, typer.Option(help="Share of studies in which a given system reaches it.")] = 0.8,
    like: Annotated[
        str | None, typer.Option(help="Study whose variances to plan with; typical ones by default.")
    ] = None,
    scale: Annotated[str | None, typer.Option(help="Scale of that study; its first by default.")] = None,
    studies: Annotated[int, typer.Option(help="Simulated studies of the recommended size.")] = 500,
    data: DataOption = None,
) -> None:
    """Say how many raters and prompts a study needs, and simulate the recommended one."""
    from undertone.studies.analysis.components import variance_components
    from undertone.studies.analysis.errors import AnalysisError
    from undertone.studies.analysis.load import load_study
    from undertone.studies.analysis.power import TYPICAL, plan_power
    from undertone.studies.analysis.simulation.planning import simulate_plan
    from undertone.studies.analysis.simulation.simulate import Design

    components, source = TYPICAL, "typical values of crowd studies"
    if like is not None:
        with open_studies(data) as (db, _):
            found = load_study(db, like)
        if not found.scales:
            raise AnalysisError(f"study {like!r} has no scale to plan with.")
        scale = scale or found.scales[0]
        components, source = variance_components(found.ratings, scale), f"those of {like} on {scale}"
    planned = plan_power(
        components, half_width, systems, clips, assurance=assurance, difference=difference, contrasts=contrasts
    )
    deviations = ", ".join(f"{name} {variance**0.5:.2f}" for name, variance in components.named().items())
    typer.echo(f"standard deviations ({source}): {deviations}")
    if planned.recommended is None:
        raise AnalysisError(f"{planned.note}. Lower the goal, or let each rater hear more clips.")
    goal = (
        f"half-width {half_width:g} in {assurance:.0%} of studies"
        if difference is None
        else f"80 % power at {difference:g}"
    )
    typer.echo(f"{goal}:")
    for option in planned.options:
        mark = "  <- fewest people and prompts" if option == planned.recommended else ""
        typer.echo(f"  {option.prompts:4} prompts  {option.raters:4} raters x {option.trials_per_rater} clips{mark}")
    best = planned.recommended
    design = Design(systems, best.prompts, best.raters, best.trials_per_rater)
    shown = simulate_plan(design, components, assurance, difference, contrasts, studies=studies)
    typer.echo(
        f"simulated {shown.studies} times: a given mean has a half-width of {shown.half_width_reached:.3f} or less"
    )
    if shown.difference_half_width_reached is not None:
        typer.echo(f"  a given difference has one of {shown.difference_half_width_reached:.3f} or less")
    if shown.power is not None:
        typer.echo(f"  a difference of {difference:g} is found in {shown.power:.0%}")


@study.command("plan-choices")
def plan_choices_command(
    difference: Annotated[float, typer.Option(help="To be found, points of a five-point scale.")] = 0.3,
    systems: Annotated[int, typer.Option(min=2, max=50, help="Systems.")] = 4,
    clips: Annotated[int, typer.Option(min=2, max=5, help="Clips of a trial; 2: pairs.")] = 4,
    trials: Annotated[int, typer.Option(min=1, max=500, help="Trials that each rater answers.")] = 15,
    prompts: Annotated[int, typer.Option(min=1, max=2000, help="Prompts.")] = 40,
    noise: Annotated[float, typer.Option(min=0.05, max=2, help="Of a choice, as a share of a rating's.")] = 1.0,
    contrasts: Annotated[int, typer.Option(min=1, help="Declared contrasts that are corrected together.")] = 1,
    choose: Annotated[str, typer.Option(help="active or balanced.")] = "active",
    studies: Annotated[int, typer.Option(min=10, help="Simulated for each number of raters.")] = 100,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Say how many raters a best-worst or paired study needs to find a difference in 80 % of studies, by simulation."""
    from undertone.studies.analysis.simulation.choosing import ChoiceStudy, People
    from undertone.studies.analysis.simulation.planning_choices import plan_choices

    if choose not in ("active", "balanced"):
        raise typer.BadParameter(f"--choose is {choose!r}; expected active or balanced.")
    design = ChoiceStudy(
        People(choice_noise=noise * People().noise),
        clips=clips, trials=trials, prompts=prompts, choose="active" if choose == "active" else "balanced",
    )  # fmt: skip
    found = plan_choices(design, systems, difference, contrasts=contrasts, studies=studies, workers=workers)
    for one in found.tried:
        mark = "  <- fewest" if one == found.recommended else ""
        typer.echo(
            f"{one.raters:4} raters  {one.minutes:6.0f} minutes  found in {one.power:.0%} ± {one.error:.0%}{mark}"
        )
    if found.recommended is None:
        typer.echo("even the most raters find it less often than in 80 % of studies: more trials or prompts are needed")


@study.command()
def people(
    name: NameArgument,
    code: Annotated[str | None, typer.Option(help="Completion code, or panel's id, that somebody handed in.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write people.csv and answers.csv into.")] = None,
    data: DataOption = None,
) -> None:
    """List panel ids and completion codes, check a code, or write them with the questionnaires; never with ratings."""
    from undertone.studies.analysis.people import check_code, people_of
    from undertone.studies.analysis.people_files import write_people

    with open_studies(data) as (db, _):
        if out is not None:
            typer.echo(write_people(db, name, out))
            return
        found = people_of(db, name) if code is None else check_code(db, name, code)
        for own in found:
            who = own.panel_id or "(plain link)"
            typer.echo(f"{who:26} {own.code or '(no code yet)':16} {own.began:%Y-%m-%d %H:%M}  {own.ending}")
        if not found:
            typer.echo("nobody has taken part yet")


@study.command()
def forget(
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: DataOption = None,
) -> None:
    """Delete panel ids, completion codes and questionnaires of a closed study, everywhere; its ratings stay."""
    from undertone.studies.store.forgetting import forget_people

    with open_studies(data) as (db, places):
        if not yes:
            typer.confirm(f"Delete who took part in {name}? Nobody can be paid by it then.", abort=True)
        done = forget_people(db, name, places.backups)
    typer.echo(
        f"{done.people} people of {done.sessions} sessions are forgotten, {done.events} events blanked, "
        f"{done.lines} lines of the log's copy changed; the ratings stay."
    )


@study.command()
def withdraw(
    who: Annotated[str, typer.Argument(help="Participant id, session id, resume code, or the panel's id.")],
    name: Annotated[str | None, typer.Option("--study", help="Needed where several studies know the id.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: DataOption = None,
) -> None:
    """Delete what a person gave: from the tables, the log, its copies and the snapshots."""
    from undertone.studies.store.withdrawal import find_participant
    from undertone.studies.store.withdrawal import withdraw as take_back

    with open_studies(data) as (db, places):
        person = find_participant(db, who, name)
        if not yes:
            typer.confirm(f"Delete everything that {who} gave? This cannot be undone.", abort=True)
        done = take_back(db, person, places.backups)
    typer.echo(
        f"{done.ratings} ratings of {done.sessions} sessions deleted, {done.events} events blanked, "
        f"{done.lines} lines of the log's copy changed."
    )


@study.command()
def preregister(
    name: NameArgument,
    out: Annotated[Path | None, typer.Option(help="The Markdown file; NAME-preregistration.md when not given.")] = None,
    data: DataOption = None,
) -> None:
    """Write what the study will do and test, before it opens; the report prints the file's hash."""
    from undertone.studies.analysis.preregistration import preregister as register

    path = out or Path(f"{name}-preregistration.md")
    with open_studies(data) as (db, _):
        digest = register(db, name, path, "command line")
    typer.echo(f"{path} written, SHA-256 {digest}")


@study.command()
def exclude(
    who: Annotated[str, typer.Argument(help="Name in the report (R003), panel's id, session id or resume code.")],
    name: Annotated[str, typer.Option("--study", help="Name of the study.")],
    because: Annotated[str, typer.Option(help="Reason, which the report prints.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Count the person again.")] = False,
    data: DataOption = None,
) -> None:
    """Leave a person out of the analysis, with a reason, or count them again; the ratings stay."""
    from undertone.studies.analysis.exclusion import find_rater
    from undertone.studies.store.exclusion import exclude as leave_out
    from undertone.studies.store.exclusion import include_again

    with open_studies(data) as (db, _):
        person = find_rater(db, name, who)
        if undo:
            include_again(db, person, "command line")
        else:
            leave_out(db, person, because, "command line")
    typer.echo(f"{who} counts again." if undo else f"{who} is left out. Make the report again; --undo takes it back.")


@study.command()
def restore(
    snapshot: Annotated[
        Path | None, typer.Option(help="Snapshot; the newest of the data folder when not given.")
    ] = None,
    events: Annotated[Path | None, typer.Option(help="Folder of the log's copy; the data folder's by default.")] = None,
    data: DataOption = None,
) -> None:
    """Fill an empty database from a snapshot and the log's copy, all of it or nothing."""
    from undertone.studies.store import Database
    from undertone.studies.store.backup import newest_snapshot
    from undertone.studies.store.restore import restore as bring_back

    places = _places(data)
    db = Database(places.url)
    done = bring_back(db, snapshot or newest_snapshot(places.backups), events or places.events)
    db.close()
    rows = ", ".join(f"{count} {table}" for table, count in done.rows.items() if count)
    typer.echo(f"restored from {done.snapshot or 'the log alone'} and {done.lines} later lines: {rows or 'no rows'}")


@study.command()
def user(
    name: Annotated[str | None, typer.Argument(help="Who may sign in; hf:NAME for a Hugging Face account.")] = None,
    role: Annotated[str, typer.Option(help="admin may change studies, reader only looks.")] = "reader",
    remove: Annotated[bool, typer.Option("--remove", help="Let them in no more.")] = False,
    data: DataOption = None,
) -> None:
    """List who may sign in to the results; add or change somebody; asks for the passphrase."""
    from undertone.app.auth.passphrases import add_admin
    from undertone.studies.design import DesignError
    from undertone.studies.store.users import list_users, remove_user

    with open_studies(data) as (db, _):
        if name is None:
            for known, its_role in list_users(db):
                typer.echo(f"{known:24} {its_role}")
            return
        if remove:
            remove_user(db, name)
            typer.echo(f"{name} removed.")
            return
        if role not in ("admin", "reader"):
            raise DesignError(f"role is {role!r}; expected admin or reader.")
        hugging_face = name.startswith("hf:")
        passphrase = None if hugging_face else typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
        add_admin(db, name, "admin" if role == "admin" else "reader", passphrase)
        typer.echo(f"{name} may sign in as {role}.")


def _places(data: Path | None) -> "StorageLocations":
    from undertone.studies.store import StorageLocations

    return StorageLocations.default() if data is None else StorageLocations.at(data)


@contextmanager
def open_studies(data: Path | None) -> Iterator[tuple["Database", "StorageLocations"]]:
    """Open the database, up to date, beside a server that may be running on it."""
    from undertone.studies import Database, migrate

    places = _places(data)
    db = Database(places.url, places.events)
    try:
        migrate(db)
        yield db, places
    finally:
        db.close()


def _set_status(name: str, status: str, data: Path | None) -> None:
    from undertone.studies import set_status

    with open_studies(data) as (db, places):
        set_status(db, name, status, places, actor="command line")  # type: ignore[arg-type]  # one of the verbs above
