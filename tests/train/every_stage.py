"""Verbs of the command line, and two steps of every stage, in this process; `accelerate launch` runs it in several."""

import json
import sys
from pathlib import Path

from accelerate import Accelerator

from tests.train.runs.test_demo_bundle import VOCODER
from tests.train.tiny_recipes import MODEL, TOKENIZER, untrained_weights
from undertone.app.cli.main import main
from undertone.engine.config import PhonePartsConfig
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.loop.budget import Budget
from undertone.train.loop.run import run_stage
from undertone.train.model.stage import ModelStage
from undertone.train.text.phone_pretraining import PhoneStage
from undertone.train.text.prose import read_prose
from undertone.train.tokenizer.phone_parts import num_parts_of
from undertone.train.tokenizer.stage import TokenizerStage
from undertone.train.vocoder.stage import VocoderStage


def undertone(*words: object) -> None:
    """Run a verb as `python -m undertone` does."""
    given = sys.argv
    sys.argv = ["undertone", *map(str, words)]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
    finally:
        sys.argv = given


def train(prepared: Path, lexicon_folder: Path, tokens: Path, text: Path, out: Path) -> None:
    """Train each stage for two steps and name it."""
    accelerator, lexicon = Accelerator(cpu=True), Lexicon(lexicon_folder)
    num_parts = num_parts_of(len(lexicon.inventory))
    parts = {"phone_parts": PhonePartsConfig(), "num_units": num_parts}
    tokenizer = TOKENIZER.model_copy(update={"model": TOKENIZER.model.model_copy(update=parts)})
    stages = {
        "tokenizer": TokenizerStage(TOKENIZER, prepared, lexicon, accelerator),
        "tokenizer of parts of phones": TokenizerStage(tokenizer, prepared, lexicon, accelerator),
        "vocoder": VocoderStage(VOCODER.model_copy(update={"adversarial_from": 0.5}), prepared, accelerator),
    }
    changes = {"pitch_weight": 0.1, "condition_dropout": 0.5, "scheduled_sampling": 0.5, "latent_dropout": 0.2}
    for part in ("all", "decoder", "language", "sound"):
        recipe = MODEL.model_copy(update={"part": part, **changes})
        stages[f"model, {part}"] = ModelStage(recipe, prepared, tokens, accelerator)
    sizes = MODEL.model.model_copy(update={"num_tokens": num_parts})
    phones = MODEL.model_copy(update={"part": "language", "window_frames": 16, "model": sizes})
    if accelerator.is_main_process:
        untrained_weights(phones, out)
    accelerator.wait_for_everyone()
    prose = read_prose(text, lexicon, out / f"prose-{accelerator.process_index}")
    stages["phones"] = PhoneStage(phones, prose, prose, len(lexicon.inventory), accelerator, out / "export.safetensors")
    for name, stage in stages.items():
        accelerator._custom_objects.clear()  # one accelerator for all of them, one checkpoint for each
        accelerator._models, accelerator._optimizers = accelerator._models[:0], accelerator._optimizers[:0]
        run_stage(stage, out / name, Budget(steps=2), accelerator)
        if accelerator.is_main_process:
            print(f"trained: {name}", flush=True)


if __name__ == "__main__":
    for verb in json.loads(sys.argv[1]):
        undertone(*verb)
    train(*map(Path, sys.argv[2:]))
