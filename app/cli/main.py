"""The console script `undertone`: every verb, each importing only what it needs."""

import json
import logging
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, NoReturn, cast

import typer

from undertone.app.cli.export import export
from undertone.app.cli.extras import missing_extra
from undertone.app.cli.key import key
from undertone.app.cli.load import load
from undertone.app.cli.panel import prolific
from undertone.app.cli.push import push
from undertone.app.cli.space import space
from undertone.app.cli.study import study
from undertone.app.package_data import DEMO, LADDER, bundle_or_demo
from undertone.app.shared.garbage import collect_garbage_seldom

app = typer.Typer(
    name="undertone",
    help="Play with, measure and train spoken language models that carry how something is said.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
study.command()(prolific)
app.add_typer(study)
app.add_typer(space)
app.add_typer(key)
app.add_typer(export)
app.command()(load)
app.command()(push)

BundleOption = Annotated[
    str | None,
    typer.Option(
        "--bundle",
        help="Bundle folder, or a Hugging Face repository id; by default assets/demo, or the voice that came along.",
    ),
]
CorpusOption = Annotated[Path, typer.Option(help="Folder of recordings; `prepare` takes OWNER/NAME of the Hub.")]
LexiconOption = Annotated[Path, typer.Option(help="Pronouncing dictionary, or the folder with cmudict.dict.")]
PreparedOption = Annotated[Path, typer.Option(help="Folder that `undertone prepare` wrote.")]
OutOption = Annotated[Path, typer.Option(help="Folder to write; an unfinished run there is resumed.")]
TokenizerOption = Annotated[Path, typer.Option(help="Folder of the finished tokenizer run.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Change a setting of the recipe, for example model.latent_dim=16.")
]
AcceptOption = Annotated[
    bool, typer.Option("--accept-changes", help="Resume with other settings than the run was begun with.")
]
LayoutOption = Annotated[
    str,
    typer.Option(
        help="auto (by what lies in the folder), manifest, librispeech, librilight, ljspeech, vctk, commonvoice, "
        "audiofolder, timit, kaldi, nemo, parquet or folder."
    ),
]
LanguageOption = Annotated[
    list[str] | None, typer.Option("--language", help="Language of the speech, ISO 639 code; may be given again.")
]
LicenceOption = Annotated[
    str | None, typer.Option(help="Licence of the bundle; by default that of the corpus where its manifest says it.")
]
WorkersOption = Annotated[
    int, typer.Option(min=1, help="Processes that prepare data on the CPU; 1 for none but this one.")
]
CpuOption = Annotated[bool, typer.Option("--cpu", help="Train on the CPU even where there is a GPU.")]


class LogForm(StrEnum):
    """How the server's log is written."""

    text = "text"
    json = "json"


@app.command("continue")
def continue_(
    prompt: Annotated[Path, typer.Argument(help="Recording to go on from: wav, flac, ogg, mp3, m4a or webm.")],
    seconds: Annotated[float, typer.Option(help="Length of the continuation at most.")] = 10.0,
    takes: Annotated[int, typer.Option(min=1, max=16, help="How many continuations, made as one batch.")] = 1,
    seed: Annotated[
        int | None, typer.Option(help="Take i uses seed + i; drawn and written down when not given.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the wavs and their settings.")] = Path("out"),
    prompt_seconds: Annotated[float, typer.Option(help="How much of the recording is the prompt.")] = 3.0,
    prompt_start: Annotated[float, typer.Option(help="Where in the recording the prompt begins, in seconds.")] = 0.0,
    token_temperature: float | None = None,
    latent_temperature: float | None = None,
    top_p: float | None = None,
    guidance: Annotated[
        float | None, typer.Option(help="How closely the decoder keeps to tokens and latents; by default the model's.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of the diffusion decoder.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Settings JSON of a take to make again, byte for byte.")] = None,
    bundle: BundleOption = None,
) -> None:
    """Continue a recording: writes a wav and a settings JSON for every take."""
    from undertone.app.cli.continuation import ContinuationOptions, continue_recording, replay_recording

    chosen = bundle_or_demo(bundle)
    if replay is not None:
        paths = replay_recording(chosen, prompt, replay, out)
    else:
        given = {
            "token_temperature": token_temperature,
            "latent_temperature": latent_temperature,
            "top_p": top_p,
            "guidance": guidance,
            "steps": steps,
        }
        sampling = {key: value for key, value in given.items() if value is not None}
        wanted = ContinuationOptions(prompt, prompt_start, prompt_seconds, seconds, takes, seed, sampling)
        paths = continue_recording(chosen, wanted, out)
    for path in paths:
        typer.echo(path)


@app.command()
def batch(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of recordings, manifests (jsonl, json, tsv, csv, or txt of paths), or recordings."
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the takes and results.jsonl; a second call makes only what is missing.")
    ] = Path("out"),
    sound_format: Annotated[
        str, typer.Option("--format", help="wav (float32), flac (16 bit), mp3 or ogg (Vorbis).")
    ] = "wav",
    rate: Annotated[int, typer.Option(help="Of the files: 16000, 24000 or 48000 Hz.")] = 16_000,
    seconds: Annotated[float, typer.Option(help="Length of a continuation at most.")] = 10.0,
    takes: Annotated[int, typer.Option(min=1, max=16, help="Continuations of every prompt.")] = 1,
    base_seed: Annotated[
        int, typer.Option("--seed", min=0, help="Every prompt's seed is a hash of this and its name.")
    ] = 0,
    prompt_seconds: Annotated[float, typer.Option(help="How much of each recording is the prompt.")] = 3.0,
    prompt_start: Annotated[float, typer.Option(help="Where in the recordings prompts begin, in seconds.")] = 0.0,
    token_temperature: float | None = None,
    latent_temperature: float | None = None,
    top_p: float | None = None,
    guidance: Annotated[
        float | None, typer.Option(help="How closely the decoder keeps to tokens and latents; by default the model's.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of the diffusion decoder.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes, each with the model in memory.")] = 1,
    bundle: BundleOption = None,
) -> None:
    """Continue many recordings: a sound and a settings JSON for every take, and a line of results.jsonl.

    A row of a manifest names its recording in a column path (or prompt, audio_filepath, file_name, file, audio, wav)
    and may have its own name, seconds, takes, seed, prompt_start (or offset), prompt_seconds, token_temperature,
    latent_temperature, top_p, guidance and steps. Other columns are carried into the results.

    What fails is said in its line and ends nothing; the exit status is 100 and the number of prompts that failed (125:
    25 or more). A line says too what is suspicious: silent, clipped, no_end, level, repeated_units.
    """
    from undertone.app.cli.batch.run import batch_output, batch_settings, run_batch

    given = {
        "prompt_start": prompt_start,
        "prompt_seconds": prompt_seconds,
        "seconds": seconds,
        "takes": takes,
        "token_temperature": token_temperature,
        "latent_temperature": latent_temperature,
        "top_p": top_p,
        "guidance": guidance,
        "steps": steps,
    }
    output = batch_output(out, sound_format, rate)
    counts = run_batch(bundle_or_demo(bundle), sources, batch_settings(given), base_seed, output, workers)
    typer.echo(counts.sentence(), err=True)
    typer.echo(out / "results.jsonl")
    raise typer.Exit(counts.exit_status)


@app.command()
def serve(
    bundle: Annotated[
        str | None,
        typer.Option(
            "--bundle",
            envvar="UNDERTONE_BUNDLE",
            help="Bundle folder, or a Hugging Face repository id; by default the voice that came along.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            envvar=["UNDERTONE_HOST", "GRADIO_SERVER_NAME"], help="Address to listen on; 0.0.0.0 for every interface."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar=["UNDERTONE_PORT", "PORT", "GRADIO_SERVER_PORT"], help="0 picks a free one.")
    ] = 7860,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the listening studies; by default UNDERTONE_DATA or in your home.")
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            help="Address or network of a proxy whose X-Forwarded-For and X-Forwarded-Proto are believed; repeat for "
            "more. By default those of UNDERTONE_TRUSTED_PROXIES; without any, nothing forwarded is believed."
        ),
    ] = None,
    root_path: Annotated[
        str,
        typer.Option(
            envvar=["UNDERTONE_ROOT_PATH", "GRADIO_ROOT_PATH"],
            help="Sub-path under which a proxy shows the site, as /voice; the proxy may take it off or pass it on.",
        ),
    ] = "",
    metrics_port: Annotated[
        int | None,
        typer.Option(
            envvar="UNDERTONE_METRICS_PORT", help="Port for Prometheus, on the same address; by default none."
        ),
    ] = None,
    log_format: Annotated[
        LogForm, typer.Option(envvar="UNDERTONE_LOG_FORMAT", help="json: one object a line, without personal data.")
    ] = LogForm.text,
    api: Annotated[
        str | None,
        typer.Option(
            envvar="UNDERTONE_API",
            help="Who may use the API for programs: off, keys (of `undertone key create`), or open to everybody.",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            envvar="UNDERTONE_ENGINE",
            help="ray://HOST:PORT of replicas (`undertone replicas`) which make takes; by default this machine does.",
        ),
    ] = None,
    ladder: Annotated[
        Path | None,
        typer.Option(
            envvar="UNDERTONE_LADDER",
            help="Folder that `undertone ladder` wrote, for the page Ladder; by default the result that came along.",
        ),
    ] = None,
) -> None:
    """Open the app in the browser.

    An option that is given wins over its environment variable, and the first variable named over the others.
    """
    from undertone.app.cli.serve import serve as serve_app

    serve_app(
        bundle_or_demo(bundle),
        host,
        port,
        data=data,
        trusted_proxies=trusted_proxy or (),
        root_path=root_path,
        metrics_port=metrics_port,
        log_format=log_format.value,
        api=api,
        engine=engine,
        ladder=LADDER if ladder is None else ladder,
    )


@app.command()
def replicas(
    bundle: Annotated[
        str | None, typer.Option("--bundle", help="Bundle folder, at the same place on every machine.")
    ] = None,
    number: Annotated[int, typer.Option("--replicas", help="Replicas that always run.")] = 2,
    most: Annotated[int | None, typer.Option(help="Replicas while there is much to do; by default no more.")] = None,
    slots: Annotated[int, typer.Option(help="Requests that one replica works at together.")] = 8,
    cpus: Annotated[float, typer.Option(help="Cores of each.")] = 1.0,
    gpus: Annotated[float, typer.Option(help="GPUs of each, or a share of one; 0 is the CPU.")] = 0.0,
    host: Annotated[str, typer.Option(help="Address to listen on, which only apps should reach.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    cluster: Annotated[
        str | None, typer.Option(help="Address of a Ray cluster, or auto; by default one of this machine is started.")
    ] = None,
    measure: Annotated[
        int | None, typer.Option(min=1, max=64, help="Make so many takes here and with the replicas, print times, end.")
    ] = None,
) -> None:
    """Start replicas of the engine with Ray Serve, for `undertone serve --engine ray://HOST:PORT`."""
    from undertone.app.cli.replicas import run_replicas
    from undertone.app.replicas.deployment import DeploymentSettings

    folder = Path(bundle_or_demo(bundle)).expanduser().resolve()
    run_replicas(
        DeploymentSettings(folder, number, number if most is None else most, slots, cpus, gpus, host, port),
        cluster,
        measure,
    )


@app.command("import")
def import_(
    model: Annotated[Path, typer.Option(help="Published checkpoint folder (hp.yaml and a .ckpt), or the file.")],
    vocoder: Annotated[Path, typer.Option(help="Published vocoder folder, or the file.")],
    kmeans: Annotated[Path, typer.Option(help="kmeans_v200.npy.")],
    out: Annotated[Path, typer.Option(help="The bundle to write.")],
    hubert: Annotated[
        str | None, typer.Option(help="HuBERT-large weights: a file, a folder, or a Hub id; by default from the Hub.")
    ] = None,
) -> None:
    """Turn a published checkpoint into a bundle."""
    from undertone.engine.published import import_bundle

    typer.echo(import_bundle(model, vocoder, kmeans, out, hubert=hubert))


@app.command()
def bench(
    folder: Annotated[
        str | None, typer.Argument(metavar="BUNDLE", help="Bundle folder, or a Hub id: the same as --bundle.")
    ] = None,
    bundle: BundleOption = None,
    json_only: Annotated[bool, typer.Option("--json", help="Print only the JSON line.")] = False,
    seconds: Annotated[float, typer.Option(help="Length of the continuation.")] = 10.0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    solver: Annotated[str, typer.Option(help="auto, student, dpm++, ddim or ancestral.")] = "auto",
    steps: Annotated[int | None, typer.Option(help="Steps of the diffusion decoder.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Of the diffusion decoder; 1 is none.")] = None,
    modules: Annotated[bool, typer.Option("--modules", help="Frames by the modules, not the compiled step.")] = False,
    against_reference: Annotated[
        bool, typer.Option("--against-reference", help="Measure the published loop and its DDIM-100 as well.")
    ] = False,
    against_diffusion: Annotated[
        bool, typer.Option("--against-diffusion", help="Measure 12 steps of dpm++ and the modules as well.")
    ] = False,
    visitors: Annotated[
        int, typer.Option(min=0, max=64, help="Measure too what so many visitors wait who come at once.")
    ] = 0,
    batch: Annotated[
        list[int] | None,
        typer.Option(min=1, max=1024, help="Measure too the frames of so many takes together; repeat for more."),
    ] = None,
    is_published_size: Annotated[
        bool, typer.Option("--published-size", help="Random weights of the published sizes instead of a bundle; 3 GB.")
    ] = False,
) -> None:
    """Measure speed and memory on this machine; the last line is JSON."""
    from undertone.engine import Engine, Sampling, SettingsError, limit_threads
    from undertone.engine.benchmark import DIFFUSION, REFERENCE, benchmark_batch, benchmark_load
    from undertone.engine.benchmark import benchmark as run_bench
    from undertone.engine.engine import chosen_device

    if folder is not None and bundle is not None:
        raise SettingsError("a bench has one bundle: give it with --bundle or without, not both.")
    bundle = folder if bundle is None else bundle
    if is_published_size and bundle is not None:
        raise SettingsError("a bundle has sizes of its own: give a bundle or --published-size, not both.")
    if against_reference and against_diffusion:
        raise SettingsError("a bench has one rival: give --against-reference or --against-diffusion, not both.")
    rival = REFERENCE if against_reference else DIFFUSION if against_diffusion else None
    asked = {"solver": solver, "steps": steps, "guidance": guidance}
    sampling = Sampling.of(end="never", **{key: value for key, value in asked.items() if value is not None})
    if is_published_size:
        from undertone.engine.published import published_size

        place = chosen_device(device)
        engine = Engine(published_size(place), place)
    else:
        engine = Engine.from_pretrained(bundle_or_demo(bundle), device)
    limit_threads(engine)
    step: Literal["modules"] | None = "modules" if modules else None
    numbers = asdict(run_bench(engine, seconds=seconds, sampling=sampling, step=step, rival=rival))
    batches = [asdict(benchmark_batch(engine, size, seconds, sampling, step)) for size in batch or []]
    load = [asdict(one) for one in benchmark_load(engine, visitors, seconds, sampling, step)] if visitors else []
    if not json_only:
        for key, value in [*numbers.items(), *(item for one in [*batches, *load] for item in one.items())]:
            typer.echo(f"{key:32} {value:.6g}" if isinstance(value, float) else f"{key:32} {value}")
    typer.echo(json.dumps(numbers | {"batches": batches, "load": load}))


@app.command()
def prepare(
    corpus: CorpusOption,
    out: OutOption,
    workers: WorkersOption = 2,
    layout: LayoutOption = "auto",
    split: Annotated[list[str] | None, typer.Option(help="A split to keep; repeat for more.")] = None,
    shards: Annotated[
        bool, typer.Option("--shards", help="Shards that stream, for hundreds of hours or more.")
    ] = False,
    encoding: Annotated[
        str | None, typer.Option(help="Of transcripts that are no Unicode; by default it is told from them.")
    ] = None,
    shard_hours: Annotated[float, typer.Option(min=0.001, help="Speech in a shard.")] = 1.0,
    as_recorded: Annotated[bool, typer.Option("--as-recorded", help="Change neither level nor ends.")] = False,
) -> None:
    """Make a prepared folder of a corpus: 16 kHz, one loudness, trimmed, mels.

    Broken files are skipped, counted and listed in rejected.jsonl. With --shards the work is shared by all processes
    that `accelerate launch` starts on any number of nodes, and a second call makes only what is missing.
    """
    from undertone.train import CleanSettings, corpus_summary, prepare_shards, read_report
    from undertone.train import prepare as run_prepare
    from undertone.train.corpora.text_files import check_encoding

    settings = CleanSettings(trim=False, loudness_lufs=None) if as_recorded else CleanSettings()
    splits = tuple(split or ("train", "dev"))
    named = check_encoding(encoding) if encoding else ""
    if shards:
        prepare_shards(corpus, out, splits, workers, settings, layout, shard_hours, named)
    else:
        run_prepare(corpus, out, splits, workers, settings, layout, named)
    for line in corpus_summary(read_report(out)):
        typer.echo(line)


@app.command()
def tokenizer(
    prepared: PreparedOption,
    out: OutOption,
    recipe: Annotated[str, typer.Argument(help="Recipe name or YAML file.")] = "demo-tokenizer",
    lexicon: Annotated[
        Path | None,
        typer.Option(help="Dictionary, or the folder with cmudict.dict, for a tokenizer on phones."),
    ] = None,
    hubert: Annotated[
        str | None, typer.Option(help="HuBERT weights for its units: a folder, a file, a Hub id.")
    ] = None,
    whisper: Annotated[
        str | None, typer.Option(help="Whisper weights for the recipe whisper-phones: a folder, a file, a Hub id.")
    ] = None,
    timing: Annotated[
        Path | None, typer.Option(help="Bundle whose model is to read the units: they are timed like its own.")
    ] = None,
    changes: SetOption = None,
    cpu: CpuOption = False,
    accept_changes: AcceptOption = False,
) -> None:
    """Train a tokenizer on phones (demo-tokenizer; whisper-phones on Whisper's encoder), or cluster HuBERT's units."""
    from undertone.train import load_recipe, run_any_tokenizer

    loaded = load_recipe(recipe, changes or ())
    run_any_tokenizer(loaded, prepared, lexicon, hubert, out, cpu, accept_changes, whisper, timing)


@app.command()
def tokens(
    prepared: PreparedOption,
    tokenizer: TokenizerOption,
    workers: WorkersOption = 2,
    cpu: CpuOption = False,
) -> None:
    """Assign the units of a tokenizer to a prepared folder; `undertone train` does it too where it was not done.

    On shards the work is shared by all processes that `accelerate launch` starts.
    """
    from undertone.train import run_tokens

    typer.echo(run_tokens(tokenizer, prepared, workers, cpu))


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="Recipe name or YAML file.")],
    prepared: Annotated[Path | None, typer.Option(help="Folder that `undertone prepare` wrote.")] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="Folder of the finished tokenizer run.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; an unfinished run there is resumed.")] = None,
    start: Annotated[Path | None, typer.Option(help="Finished run of the same sizes to begin with.")] = None,
    lexicon: Annotated[
        Path | None, typer.Option(help="Dictionary, or the folder with cmudict.dict, for spoken_tokens.")
    ] = None,
    changes: SetOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print size, memory, speed and hours; no data needed.")
    ] = False,
    plan_on: Annotated[
        str | None, typer.Option(help="Plan for GPUs that are not here: h100, h200, a100-80gb, a100-40gb, l40s.")
    ] = None,
    gpus: Annotated[int, typer.Option(min=1, help="How many of them --plan-on is for.")] = 1,
    workers: WorkersOption = 2,
    cpu: CpuOption = False,
    accept_changes: AcceptOption = False,
) -> None:
    """Train VAE-GSLM, its ablations or the baseline of tokens alone."""
    from undertone.train import ModelRecipe, load_recipe_of

    loaded = load_recipe_of(ModelRecipe, recipe, changes or ())
    if plan_on:
        from undertone.train.runs.plan import plan_run

        for line in plan_run(loaded, plan_on, gpus).lines():
            typer.echo(line)
        return
    if dry_run:
        from undertone.train import dry_run as run_dry

        for line in run_dry(loaded, cpu=cpu).lines():
            typer.echo(line)
        return
    if prepared is None or tokenizer is None or out is None:
        raise typer.BadParameter("training needs --prepared, --tokenizer and --out; only --dry-run goes without")
    from undertone.train import run_model

    run_model(loaded, prepared, tokenizer, out, cpu, start, lexicon, workers, accept_changes)


@app.command()
def vocoder(
    recipe: Annotated[str, typer.Argument(help="Recipe name or YAML file.")],
    prepared: PreparedOption,
    out: OutOption,
    changes: SetOption = None,
    cpu: CpuOption = False,
    accept_changes: AcceptOption = False,
) -> None:
    """Train the vocoder."""
    from undertone.train import VocoderRecipe, load_recipe_of, run_vocoder

    run_vocoder(load_recipe_of(VocoderRecipe, recipe, changes or ()), prepared, out, cpu, accept_changes)


@app.command()
def bundle(
    tokenizer: Annotated[Path, typer.Option(help="Folder of the finished tokenizer run.")],
    vocoder: Annotated[Path, typer.Option(help="Folder of the finished vocoder run.")],
    model: Annotated[Path, typer.Option(help="Folder of the finished model run.")],
    out: Annotated[Path, typer.Option(help="The bundle to write.")],
    name: str = "undertone",
    corpus: Annotated[Path | None, typer.Option(help="Corpus trained on, for the model card.")] = None,
    licence: LicenceOption = None,
    language: LanguageOption = None,
) -> None:
    """Assemble a bundle from finished runs."""
    from undertone.studies.evaluation.model_card import write_card
    from undertone.train import StageFolders, write_bundle
    from undertone.train.runs.demo_bundle import describe_corpora, find_licence

    data = describe_corpora(corpus) if corpus else ()
    stages = StageFolders(tokenizer, vocoder, model)
    terms, languages = licence or find_licence(data), tuple(language or ("en",))
    typer.echo(write_bundle(stages, out, name, model.name, data, terms, languages))
    typer.echo(write_card(out))


@app.command("replace-vocoder")
def replace_vocoder(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    vocoder: Annotated[Path, typer.Option(help="Folder of the finished vocoder run.")],
    out: Annotated[Path, typer.Option(help="The bundle to write.")],
) -> None:
    """Write a bundle with another vocoder; probe and evaluation of the old sound are left out, to be made again."""
    from undertone.studies.evaluation.model_card import write_card
    from undertone.train import replace_parts

    typer.echo(replace_parts(bundle, out, vocoder=vocoder))
    typer.echo(write_card(out))


@app.command()
def finetune(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder to begin with.")],
    corpus: CorpusOption,
    out: Annotated[Path, typer.Option(help="The bundle to write.")],
    work: Annotated[Path, typer.Option(help="Prepared corpus and run; a second call resumes.")] = Path("finetune"),
    recipe: Annotated[
        str, typer.Option(help="Recipe name or YAML file; the model's sizes are the bundle's.")
    ] = "finetune",
    changes: SetOption = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Run of another tokenizer whose units mean the same, to go into the bundle.")
    ] = None,
    lexicon: Annotated[
        Path | None, typer.Option(help="Dictionary, or the folder with cmudict.dict, for spoken_tokens.")
    ] = None,
    workers: WorkersOption = 2,
    cpu: CpuOption = False,
    accept_changes: AcceptOption = False,
) -> None:
    """Train a bundle's model on other recordings, and print its losses on their dev split before and after."""
    from undertone.studies.evaluation.model_card import write_card
    from undertone.train import ModelRecipe, load_recipe_of
    from undertone.train import finetune as run_finetune
    from undertone.train.runs.demo_bundle import describe_corpora

    loaded, data = load_recipe_of(ModelRecipe, recipe, changes or ()), describe_corpora(corpus)
    made = run_finetune(bundle, corpus, out, work, loaded, data, tokenizer, lexicon, cpu, workers, accept_changes)
    for line in made.lines():
        typer.echo(line)
    typer.echo(made.bundle)
    typer.echo(write_card(out))


@app.command()
def student(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder of a finished voice.")],
    prepared: PreparedOption,
    work: Annotated[Path, typer.Option(help="Folder of the run; an unfinished one is resumed.")],
    out: Annotated[Path, typer.Option(help="The bundle to write; it may be the one that is read.")],
    recipe: Annotated[str, typer.Option(help="Recipe name or YAML file.")] = "student",
    tokenizer: Annotated[
        Path | None, typer.Option(help="Run of the bundle's tokenizer, where the prepared folder has its tokens.")
    ] = None,
    changes: SetOption = None,
    workers: WorkersOption = 2,
    cpu: CpuOption = False,
    accept_changes: AcceptOption = False,
) -> None:
    """Distil a voice's decoder into a student of two steps and write the bundle with it; diffusion stays selectable."""
    from undertone.studies.evaluation.model_card import write_card
    from undertone.train import StudentRecipe, load_recipe_of, run_student

    loaded = load_recipe_of(StudentRecipe, recipe, changes or ())
    typer.echo(run_student(bundle, loaded, prepared, work, out, tokenizer, cpu, workers, accept_changes))
    typer.echo(write_card(out))


@app.command()
def systems(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder of a finished voice, a VAE-GSLM.")],
    corpus: CorpusOption,
    out: Annotated[Path, typer.Option(help="Folder of the bundles, one for each system.")],
    work: Annotated[Path, typer.Option(help="Prepared corpus and runs; a second call resumes.")] = Path("systems"),
    recipe: Annotated[str, typer.Option(help="Recipe name or YAML file; sizes are the voice's.")] = "systems",
    system: Annotated[
        list[str] | None,
        typer.Option(help="vae-gslm, token-lm, token-lm-pitch, token-lm-acoustic or no-tokens; repeat for more."),
    ] = None,
    share_parts: Annotated[
        bool, typer.Option(help="Store tokenizer and vocoder once, in the voice's bundle, which lies in --out too.")
    ] = False,
    changes: SetOption = None,
    workers: WorkersOption = 2,
    cpu: CpuOption = False,
) -> None:
    """Train the systems of the paper's comparison from one voice, each for as many steps, and write their bundles."""
    from undertone.studies.evaluation.model_card import write_card
    from undertone.train import ModelRecipe, load_recipe_of, train_systems
    from undertone.train.runs.demo_bundle import describe_corpora
    from undertone.train.runs.systems import SYSTEMS

    loaded, data = load_recipe_of(ModelRecipe, recipe, changes or ()), describe_corpora(corpus)
    names = tuple(system or SYSTEMS)
    for made in train_systems(bundle, corpus, out, work, loaded, names, data, share_parts, cpu, workers):
        losses = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in made.losses.items() if value)
        typer.echo(f"{made.name}: {losses}")
        typer.echo(write_card(made.bundle))


@app.command()
def sweep(
    name: Annotated[str, typer.Argument(help="librispeech-beta, librispeech-gamma or librispeech-latent.")],
    base: Annotated[
        str, typer.Option(help="Recipe that the variants change: the paper's, or a small one such as small-cpu.")
    ] = "librispeech-960",
    prepared: Annotated[Path | None, typer.Option(help="Folder that `undertone prepare` wrote.")] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="Folder of the finished tokenizer run.")] = None,
    vocoder: Annotated[Path | None, typer.Option(help="Folder of the finished vocoder run.")] = None,
    corpus: Annotated[Path | None, typer.Option(help="Recordings to measure on.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; what is finished there is kept.")] = None,
    clips: Annotated[int, typer.Option(min=1, help="Clips to reconstruct and score.")] = 60,
    prompts: Annotated[int, typer.Option(min=0, help="Prompts to go on from.")] = 40,
    whisper: Annotated[str | None, typer.Option(help="Folder or name of a faster-whisper model.")] = None,
    spoken_pairs: Annotated[Path | None, typer.Option(help="Pairs from `undertone text spoken-pairs`.")] = None,
    changes: SetOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print parameters and hours; no data needed.")] = False,
    cpu: CpuOption = False,
) -> None:
    """Train the paper's ablations (tables 3, 4 and 7) alike, measure them and print their tables."""
    from undertone.train.runs.sweep import sweep_costs, sweep_recipes

    recipes = sweep_recipes(name, base, tuple(changes or ()))
    if dry_run:
        for line in sweep_costs(recipes, cpu):
            typer.echo(line)
        return
    if prepared is None or tokenizer is None or vocoder is None or corpus is None or out is None:
        needed = "--prepared, --tokenizer, --vocoder, --corpus and --out"
        raise typer.BadParameter(f"a sweep needs {needed}; only --dry-run goes without")
    from undertone.app.cli.sweep import run_sweep

    stages = (prepared, tokenizer, vocoder)
    for line in run_sweep(recipes, stages, corpus, out, (clips, prompts), whisper, spoken_pairs, cpu):
        typer.echo(line)


@app.command("demo-bundle")
def demo_bundle(
    corpus: CorpusOption,
    lexicon: LexiconOption,
    out: Annotated[Path, typer.Option(help="The bundle to write.")] = DEMO,
    work: Annotated[Path, typer.Option(help="Prepared corpus and runs; a second call resumes.")] = Path("work"),
    budget_minutes: Annotated[
        float | None, typer.Option(help="Training time of all stages together; by default as long as the recipes say.")
    ] = None,
    text: Annotated[Path | None, typer.Option(help="Folder of books.tsv.xz, for the transformer.")] = None,
    whisper: Annotated[
        str | None, typer.Option(help="Whisper's weights, for a tokenizer on its encoder: a folder, a file, a Hub id.")
    ] = None,
    licence: LicenceOption = None,
    language: LanguageOption = None,
    evaluate: Annotated[
        bool, typer.Option(help="Measure a few clips of the test split, or of dev where there is none.")
    ] = True,
    cpu: CpuOption = False,
) -> None:
    """Train the small recipe from corpus to bundle."""
    from undertone.studies.errors import MeasureError
    from undertone.studies.evaluation.model_card import write_card
    from undertone.train import DemoRecipes, train_demo

    if evaluate:  # what would fail at the end, after hours, fails now
        from undertone.studies.evaluation.evaluate import QUICK_SIZE, check_corpus, evaluate_bundle
        from undertone.studies.measures.heldout import ListedCorpus
        from undertone.train.corpora.listing import list_sources

        listed = ListedCorpus.from_list(corpus, list_sources(corpus))
        split = listed.split_to_measure()
        try:
            check_corpus(listed, split)
        except MeasureError as error:
            raise MeasureError(f"{error} Or train without measuring: --no-evaluate.") from error
    # Prose teaches the transformer better than speech alone does, and comes last.
    first = ("demo-decoder",) if text else ("demo-decoder", "demo-language")
    models = (*first, "demo-model", "demo-sound")
    prose = ("demo-phones", "demo-text") if text else None
    recipes = DemoRecipes.load(
        "whisper-phones" if whisper else "demo-tokenizer", "vocoder-source-filter", models, prose, whisper
    )
    if budget_minutes is not None:
        recipes = recipes.within(budget_minutes)
    typer.echo(train_demo(corpus, lexicon, out, work, recipes, cpu, text, licence, tuple(language or ("en",))))
    typer.echo(write_card(out))
    if evaluate:
        for line in evaluate_bundle(out, listed, split, QUICK_SIZE):
            typer.echo(line)


@app.command("evaluate")
def evaluate_(
    bundle: Annotated[list[str], typer.Argument(help="Bundle folder; several for a suite.")],
    corpus: CorpusOption,
    suite: Annotated[
        str | None, typer.Option(help="paper: the paper's tables of all systems; their cards are left alone.")
    ] = None,
    clips: Annotated[
        int | None, typer.Option(min=1, help="Clips to reconstruct and score: 60, with --quick 10.")
    ] = None,
    prompts: Annotated[int | None, typer.Option(min=0, help="Prompts to go on from: 40, with --quick 10.")] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for every row; a suite goes on with what is finished there.")
    ] = Path("out/evaluation"),
    spoken_pairs: Annotated[
        Path | None, typer.Option(help="Pairs from `undertone text spoken-pairs`, for a suite.")
    ] = None,
    pairs_per_kind: Annotated[int | None, typer.Option(min=1, help="Of these pairs, at most; else all.")] = None,
    probe_clips: Annotated[int, typer.Option(min=0, help="Clips for a suite's probes of the latents; 0: none.")] = 0,
    emotion: Annotated[
        Path | None, typer.Option(help="Folder with manifest.tsv that has a column emotion, for a suite's probe.")
    ] = None,
    sounds: Annotated[
        bool, typer.Option("--sounds", help="Keep everything a suite makes, listed in scp files.")
    ] = False,
    split: Annotated[
        str | None,
        typer.Option(help="Never one trained on: test, else dev, if not given; all for a folder of held-out speech."),
    ] = None,
    layout: LayoutOption = "auto",
    quick: Annotated[bool, typer.Option("--quick", help="A few clips only.")] = False,
    pairs: Annotated[Path | None, typer.Option(help="Lexical pairs, from `undertone text pairs`.")] = None,
    whisper: Annotated[
        str | None, typer.Option(help="Folder or name of a faster-whisper model, the second recogniser.")
    ] = None,
    prose: Annotated[
        Path | None, typer.Option(help="Folder of books.tsv.xz: its held-out books make the n-grams of perplexity.")
    ] = None,
    language_model: Annotated[
        str | None, typer.Option(help="Language model of `transformers` for perplexity, a folder or a name.")
    ] = None,
    also: Annotated[
        list[str] | None, typer.Option(help="Another system's sounds, as NAME=FOLDER; may be given again.")
    ] = None,
) -> None:
    """Measure a bundle on held-out speech and write the numbers into its model card, or several for a comparison.

    Without --whisper the model in UNDERTONE_WHISPER is used; where there is none, the card says so. What was heard in
    continuations is read by --language-model, else by n-grams of --prose, else by PocketSphinx's of US English.
    """
    from undertone.app.cli.evaluation import choose_language_model, evaluation_size, paper_suite
    from undertone.studies import evaluate_bundle
    from undertone.studies.evaluation.other_systems import OtherSystem
    from undertone.studies.measures.heldout import ListedCorpus
    from undertone.studies.suite.run import SuitePlan
    from undertone.train.corpora.listing import list_sources

    others = [OtherSystem.parse(each) for each in also or ()]
    listed = ListedCorpus.from_list(corpus, list_sources(corpus, layout))
    chosen = listed.split_to_measure(split)
    judge = choose_language_model(language_model, prose)
    size = evaluation_size(quick, clips, prompts)
    if suite is not None:
        if suite != "paper" or others or pairs is not None:
            raise typer.BadParameter("the suite is called paper, and takes neither --also nor --pairs.")
        plan = SuitePlan(
            listed,
            chosen,
            *size,
            whisper=whisper,
            language_model=judge,
            spoken_pairs=spoken_pairs,
            pairs_per_kind=pairs_per_kind,
            probe_clips=probe_clips,
            emotion=emotion,
            keep_sounds=sounds,
        )
        lines = paper_suite(bundle, plan, out)
    elif len(bundle) > 1 or sounds or probe_clips or spoken_pairs is not None:
        raise typer.BadParameter("several bundles, --sounds, --spoken-pairs and --probe-clips go with --suite paper.")
    else:
        lines = evaluate_bundle(bundle[0], listed, chosen, size, out, pairs, whisper, others, judge)
    for line in lines:
        typer.echo(line)


@app.command()
def likelihood(
    bundle: Annotated[str, typer.Argument(help="Bundle folder or Hub repository.")],
    task: Annotated[str, typer.Argument(help="swuggy, sblimp, salmon or storycloze.")],
    folder: Annotated[Path, typer.Argument(help="Its recordings, such as lexical/dev of ZeroSpeech 2021.")],
    out: Annotated[Path, typer.Option(help="Folder for the numbers and the submissions.")],
    draws: Annotated[int, typer.Option(min=1, help="Draws of the latents, averaged.")] = 1,
) -> None:
    """Score pairs of recordings by likelihood, in the public layout of a benchmark."""
    from typing import get_args

    from undertone.engine import Engine
    from undertone.studies.benchmarks.run import Benchmark, run_benchmark

    if task not in get_args(Benchmark):
        raise typer.BadParameter(f"{task!r} is no benchmark; choose {', '.join(get_args(Benchmark))}.")
    for line in run_benchmark(Engine.from_pretrained(bundle), cast(Benchmark, task), folder, out, draws):
        typer.echo(line)


@app.command()
def probe(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder; probe.json is written into it.")],
    data: Annotated[Path | None, typer.Option(help="Corpus with manifest.tsv, or any folder of recordings.")] = None,
    clips: Annotated[int, typer.Option(min=2, help="How many clips; 20 or more for useful intervals.")] = 40,
    split: Annotated[str, typer.Option(help="Split of a corpus with a manifest; never one trained on.")] = "test",
    seconds: Annotated[float, typer.Option(min=2.0, help="How much of each clip is used at most.")] = 5.0,
    quick: Annotated[bool, typer.Option("--draft", help="Few decoder steps: less time, rougher sound.")] = False,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that measure; by default one a core.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw what moves F0 and energy: svg, png or pdf.")] = None,
) -> None:
    """Measure what each latent dimension does, on held-out speech, and store it in the bundle.

    Without --data nothing is measured: what the bundle stores is shown and drawn.
    """
    from undertone.engine import Sampling
    from undertone.engine.prosody import draft
    from undertone.studies import probe_bundle, stored_report
    from undertone.studies.probe.run import probe_summary

    sampling = draft() if quick else Sampling()
    measured = None if data is None else probe_bundle(bundle, data, clips, split, sampling, seconds, workers)
    for line in measured or probe_summary(stored_report(bundle)):
        typer.echo(line)
    if plot is not None:
        from undertone.studies.probe.plot import write_plot

        typer.echo(write_plot(stored_report(bundle), plot))


_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command("text", context_settings=_PASS_ON)
def text_(context: typer.Context) -> None:
    """Train with text: align corpora with their words, render prose as units, make lexical pairs."""
    from undertone.app.cli.text import text  # torch takes seconds, which `undertone --help` should not wait for

    text(context.args, "undertone text")


@app.command("lexical", context_settings=_PASS_ON)
def lexical_(context: typer.Context) -> None:
    """Measure how often words are likelier than nonwords."""
    from undertone.app.cli.lexical import lexical

    lexical(context.args, "undertone lexical")


@app.command("ladder", context_settings=_PASS_ON)
def ladder_(context: typer.Context) -> None:
    """Train language models on one text as letters, phones and speech, and judge them on the same pairs."""
    from undertone.app.cli.ladder import ladder

    ladder(context.args, "undertone ladder")


def main() -> None:
    """Run a verb; an error that a person can mend is one line on standard error and exit status 2."""
    collect_garbage_seldom()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("accelerate", "alembic", "httpx", "httpx2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        app()
    except ValueError as error:
        from undertone.engine.errors import UndertoneError  # the engine loads torch, which `--help` should not wait for

        if not isinstance(error, UndertoneError):
            raise
        _fail(str(error), error)
    except ModuleNotFoundError as error:
        line = missing_extra(error, sys.argv[1] if len(sys.argv) > 1 else "")
        if line is None:
            raise
        _fail(line, error)


def _fail(line: str, error: Exception) -> NoReturn:
    typer.secho(f"undertone: {line}", err=True, fg="red")
    raise SystemExit(2) from error
