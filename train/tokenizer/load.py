"""A tokenizer from the folder of its finished stage."""

from pathlib import Path

from pydantic import TypeAdapter
from safetensors.torch import load_file

from undertone.engine.config import TokenizerConfig
from undertone.engine.tokenizers import build_tokenizer
from undertone.engine.tokenizers.hubert import HubertTokenizer
from undertone.engine.tokenizers.phone_reader import PhoneReader
from undertone.train.loop.stage_export import CONFIG, WEIGHTS, trained_numbers
from undertone.train.tokenizer.clip_features import Tokenizer


def load_tokenizer(out: Path) -> Tokenizer:
    """Return the tokenizer that the stage in this folder exported, in evaluation mode.

    Raises:
        CorpusError: the stage has not finished.
    """
    trained_numbers(out)
    tokenizer = build_tokenizer(TypeAdapter[TokenizerConfig](TokenizerConfig).validate_json((out / CONFIG).read_text()))
    tokenizer.load_state_dict(load_file(str(out / WEIGHTS)))
    tokenizer.eval()
    assert isinstance(tokenizer, PhoneReader | HubertTokenizer)
    return tokenizer
