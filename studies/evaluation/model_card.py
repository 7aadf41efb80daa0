"""The model card: what a bundle was trained on, what it can do in numbers, what it cannot. Hugging Face's format."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import yaml
from torch import nn

from undertone.engine import Bundle, BundleConfig, load_bundle
from undertone.engine.bundle import CONFIG_FILE, read_config
from undertone.engine.config import ModelConfig
from undertone.engine.files.atomic_files import write_whole
from undertone.studies.evaluation.card_tables import limitations, measured_tables, summary_rows
from undertone.studies.evaluation.notices import licence_notices
from undertone.studies.evaluation.results import Evaluation

CARD_FILE = "README.md"
MEASURED_KEY = "evaluation"  # in bundle.json's `measured`
HUB_LICENCES = frozenset({"apache-2.0", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "mit"})


def model_card(bundle: Bundle) -> str:
    """Return the card as Markdown with the Hub's front matter; its numbers are those in the bundle's `measured`."""
    config = bundle.config
    evaluation = evaluation_of(config)
    sections = [
        _front_matter(config),
        f"# {config.name}",
        _what_it_is(config),
        "## Use",
        f"```\nundertone continue PROMPT.wav --bundle {_example_source(config)} --seconds 10\n"
        f"undertone serve --bundle {_example_source(config)}\n```",
        "## Parts",
        _parts(bundle),
        "## Training",
        _training(config),
        "## Measured on held-out speech",
        *(
            measured_tables(evaluation)
            if evaluation
            else ["Not measured yet: `undertone evaluate BUNDLE --corpus FOLDER` fills this section."]
        ),
        "## Limits",
        limitations(evaluation, config.limits, config.languages),
        "## Licence",
        f"{config.licence}.",
        *licence_notices(config),
    ]
    return "\n\n".join(sections) + "\n"


def evaluation_of(config: BundleConfig) -> Evaluation | None:
    """Return the evaluation that a bundle carries."""
    measured = config.measured.get(MEASURED_KEY)
    return None if measured is None else Evaluation.model_validate(measured)


def write_measured(folder: Path, evaluation: Evaluation) -> Path:
    """Write an evaluation into a bundle's `bundle.json` and its card; returns the card's path.

    Each file is replaced as a whole. The weights stay as they are.
    """
    config = read_config(folder)
    measured = {**config.measured, MEASURED_KEY: evaluation.model_dump(mode="json")}
    config = BundleConfig.model_validate({**config.model_dump(), "measured": measured})
    write_whole(folder / CONFIG_FILE, config.model_dump_json(indent=2) + "\n")
    return write_card(folder)


def write_card(folder: Path) -> Path:
    """Write the card of a bundle's folder from what is in it."""
    write_whole(folder / CARD_FILE, model_card(load_bundle(folder)))
    return folder / CARD_FILE


def card_summary(evaluation: Evaluation) -> Iterator[str]:
    """Return the same numbers as lines for a terminal."""
    for name, numbers in summary_rows(evaluation):
        yield f"{name:58} {numbers}"


def _front_matter(config: BundleConfig) -> str:
    licence = config.licence.lower()
    known = licence in HUB_LICENCES
    fields = {
        "license": licence if known else "other",
        **({} if known else {"license_name": config.licence}),
        "language": list(config.languages),
        "library_name": "undertone",
        "pipeline_tag": "audio-to-audio",
        "tags": [
            *("speech", "speech-language-model", "speech-continuation"),
            *(["variational-autoencoder"] if config.model.has_latents else []),
        ],
    }
    return f"---\n{yaml.safe_dump(fields, sort_keys=False)}---"


def _what_it_is(config: BundleConfig) -> str:
    """Return what kind of model it is, as a paragraph."""
    paper = "[arXiv 2506.14767](https://arxiv.org/abs/2506.14767)"
    if config.model.has_latents:
        kind = f"A variational spoken language model after VAE-GSLM ({paper})"
        predicted = "discrete units (what is said) and continuous latents (how it is said)"
    else:
        kind = f"{config.model.system}, a baseline of the paper on VAE-GSLM ({paper})"
        beside = {"nothing": "", "pitch": " and their pitch", "codes": " and acoustic codes behind each"}
        predicted = f"discrete units{beside[config.model.beside]}"
    sentences = [
        f"{kind}: speech in, speech out, without text in between.",
        f"One transformer predicts {predicted}, a {config.model.decoder.kind.replace('_', ' ')} decoder turns "
        f"{'both' if config.model.has_latents else 'these'} into a mel spectrogram and a vocoder into sound at 16 kHz.",
        *(f"Its {part} is stored in the bundle {name!r} beside it." for part, name in config.shared_parts.items()),
    ]
    return " ".join(sentences)


def _example_source(config: BundleConfig) -> str:
    return f"path/to/{config.name}"


def _parts(bundle: Bundle) -> str:
    modules = {"model": bundle.model, "vocoder": bundle.vocoder, "tokenizer": cast(nn.Module, bundle.tokenizer)}
    config = bundle.config
    kinds = {"model": config.model.system, "vocoder": config.vocoder.kind, "tokenizer": config.tokenizer.kind}
    lines = [
        f"| {part} | {kinds[part]} | {sum(p.numel() for p in module.parameters()):,} |"
        for part, module in modules.items()
    ]
    model = config.model
    end = "It has learned when an utterance ends." if model.learned_end else "It has not learned where to end."
    return "\n".join(["| part | kind | parameters |", "|---|---|---:|", *lines]) + (
        f"\n\n{model.num_tokens} units at {model.mel.frame_rate_hz:g} per second, {_beside_units(model)}. {end}"
    )


def _beside_units(model: ModelConfig) -> str:
    """Return in words what a frame has beside its unit."""
    return {
        "latents": f"{model.latent_dim} latent dimensions",
        "nothing": "nothing beside them",
        "pitch": "pitch beside them",
        "codes": f"{model.latent_dim} levels of {model.codes.num_entries} acoustic codes beside them",
    }[model.beside]


def _training(config: BundleConfig) -> str:
    provenance = config.provenance
    stages = dict.fromkeys([*provenance.steps, *provenance.minutes])
    lines = [
        f"| {stage} | {provenance.steps.get(stage, 0):,} | {provenance.minutes.get(stage, 0.0):.1f} |"
        for stage in stages
    ]
    table = ["| stage | steps | minutes |", "|---|---:|---:|", *lines] if lines else []
    facts = {"Recipe": provenance.recipe, "Machine": provenance.machine, "Date": provenance.created}
    texts = [f"{name}: {value}." for name, value in facts.items() if value]
    data = [f"* {corpus}" for corpus in provenance.data]
    blocks = [" ".join(texts), "\n".join(["Trained on:", "", *data]) if data else "", "\n".join(table)]
    return "\n\n".join(block for block in blocks if block) or "Nothing is recorded."
