"""The authors' checkpoints to our modules' weights, and to a bundle (spec section 9)."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from undertone.engine.bundle import BundleConfig, Provenance, save_bundle
from undertone.engine.config import HiFiGANConfig, HubertConfig, ModelConfig
from undertone.engine.errors import BundleError
from undertone.engine.files.checkpoints import fold_weight_norm, read_tensors
from undertone.engine.network import VAEGSLM
from undertone.engine.network.decoder.schedule import cosine_alphas_cumprod
from undertone.engine.published.checkpoints import check_tensors, find_checkpoint, tensors_under
from undertone.engine.published.configs import model_config, vocoder_config
from undertone.engine.published.names import DIFFUSION_TABLES, published_name, published_shape
from undertone.engine.published.settings import read_hp
from undertone.engine.tokenizers.hubert import HubertTokenizer
from undertone.engine.vocoders.hifigan import HiFiGAN

log = logging.getLogger(__name__)

LICENCE = "not stated with the weights; the authors' code is MIT"
HUBERT = "facebook/hubert-large-ll60k"


@dataclass(frozen=True)
class Published:
    """Configurations and weights that the authors publish, in our terms."""

    model_config: ModelConfig
    model_state: dict[str, Tensor]  # of VAEGSLM
    vocoder_config: HiFiGANConfig
    vocoder_state: dict[str, Tensor]  # of HiFiGAN, weight norm folded
    centroids: Tensor  # float32 [V, F]

    def model(self) -> VAEGSLM:
        """Return the network with its weights."""
        model = VAEGSLM(self.model_config)
        model.load_state_dict(self.model_state)
        return model.eval()

    def vocoder(self) -> HiFiGAN:
        """Return the vocoder with its weights."""
        vocoder = HiFiGAN(self.vocoder_config)
        vocoder.load_state_dict(self.vocoder_state)
        return vocoder.eval()


def import_published(model: str | Path, vocoder: str | Path, kmeans: str | Path) -> Published:
    """Read what the authors publish.

    Args:
        model: folder with a checkpoint and hp.yaml, or the checkpoint with hp.yaml beside it; compact, full Lightning
            or safetensors.
        vocoder: the same for the vocoder; weight norm under old or new names, or folded.
        kmeans: `kmeans_v200.npy`, float32 [V, F].
    Raises:
        BundleError: a wrong file, a setting this network does not have, a missing or unknown key, a wrong shape.
    """
    vocoder_file, model_file = find_checkpoint(Path(vocoder)), find_checkpoint(Path(model))
    vocoder_hp, model_hp = vocoder_file.parent / "hp.yaml", model_file.parent / "hp.yaml"
    generator = vocoder_config(read_hp(vocoder_hp), str(vocoder_hp))
    config = model_config(read_hp(model_hp), generator.mel, str(model_hp))
    generator = generator.model_copy(update={"mel": config.mel})  # with the mean and std that the model's file has
    return Published(
        config,
        read_model(model_file, config, model_hp),
        generator,
        read_generator(vocoder_file, generator, vocoder_hp),
        read_centroids(Path(kmeans), config.num_tokens),
    )


def read_model(path: Path, config: ModelConfig, hp_path: Path) -> dict[str, Tensor]:
    """Return the state dict of VAEGSLM from a checkpoint of the authors."""
    try:
        with torch.device("meta"):
            model = VAEGSLM(config)
    except ValueError as error:
        raise BundleError(f"{hp_path}: the sizes do not make a model: {error}") from error
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    names = {name: published_name(name) for name in shapes}
    expected = {names[name]: published_shape(names[name], shape) for name, shape in shapes.items()}
    tensors = tensors_under(read_tensors(path), "model.", path)
    tables = {f"decoder.{name}" for name in DIFFUSION_TABLES}
    found = check_tensors(tensors, expected, path, hp_path, optional=tables)
    _check_schedule(tensors, config, path, hp_path)
    return {name: found[names[name]].reshape(shape).contiguous() for name, shape in shapes.items()}


def read_generator(path: Path, config: HiFiGANConfig, hp_path: Path) -> dict[str, Tensor]:
    """Return the state dict of HiFiGAN from a checkpoint of the authors."""
    try:
        with torch.device("meta"):
            expected = {name: tuple(tensor.shape) for name, tensor in HiFiGAN(config).state_dict().items()}
    except ValueError as error:
        raise BundleError(f"{hp_path}: the sizes do not make a vocoder: {error}") from error
    tensors = tensors_under(read_tensors(path), "vocoder.model.", path)
    return check_tensors(fold_weight_norm(tensors), expected, path, hp_path)


def read_centroids(path: Path, num_units: int) -> Tensor:
    """Return the k-means centroids, float32 [V, F]."""
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BundleError(f"{path} cannot be read as a NumPy array ({error}); expected kmeans_v200.npy.") from error
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind != "f":
        shape = getattr(values, "shape", None)
        raise BundleError(f"{path} holds {shape}; expected floating point centroids of shape [{num_units}, features].")
    if values.shape[0] != num_units:
        raise BundleError(f"{path} has {values.shape[0]} centroids, the model has {num_units} tokens; they must agree.")
    return torch.from_numpy(values.astype(np.float32))


def import_bundle(
    model: str | Path,
    vocoder: str | Path,
    kmeans: str | Path,
    out: str | Path,
    hubert: str | Path | None = None,
    name: str = "vae-gslm",
    licence: str = LICENCE,
) -> Path:
    """Write a bundle that is numerically the published model.

    Args:
        model: see `import_published`.
        vocoder: see `import_published`.
        kmeans: see `import_published`.
        out: folder of the bundle.
        hubert: folder or file with HuBERT weights in the Hugging Face layout, or a Hub id. None asks the Hub for
            the published one; where that fails, the bundle is written without it, which is logged as a warning: it
            continues and synthesises tokens and latents, but cannot analyse a recording.
        name: of the bundle.
        licence: of the weights.
    """
    published = import_published(model, vocoder, kmeans)
    num_units, feature_dim = published.centroids.shape
    tokenizer = _tokenizer(HubertConfig(num_units=num_units, feature_dim=feature_dim), hubert)
    tokenizer.centroids.copy_(published.centroids)
    config = BundleConfig(
        name=name,
        licence=licence,
        model=published.model_config,
        vocoder=published.vocoder_config,
        tokenizer=tokenizer.config,
        provenance=Provenance(recipe="published VAE-GSLM checkpoint, arXiv 2506.14767"),
    )
    return save_bundle(out, config, published.model(), published.vocoder(), tokenizer)


def _tokenizer(config: HubertConfig, hubert: str | Path | None) -> HubertTokenizer:
    """Return the tokenizer with its encoder, or without it where nobody named one and the Hub cannot be reached."""
    try:
        tokenizer = HubertTokenizer(config)
        tokenizer.load_huggingface(HUBERT if hubert is None else hubert)
    except BundleError as error:
        if hubert is not None:
            raise
        log.warning("%s The bundle is written without HuBERT and cannot analyse recordings.", error)
        return HubertTokenizer(config.model_copy(update={"has_encoder": False}))
    return tokenizer


def _check_schedule(tensors: dict[str, Tensor], config: ModelConfig, path: Path, hp_path: Path) -> None:
    """Check that the stored noise schedule is the one that the settings give; we compute it instead of loading it."""
    key = "decoder.alphas_cumprod"
    if key not in tensors:
        return
    ours = torch.from_numpy(cosine_alphas_cumprod(config.decoder)[1])
    theirs = tensors[key].double()
    if theirs.shape != ours.shape:
        raise BundleError(f"{path}: {key} has shape {list(theirs.shape)}, {hp_path} asks for {list(ours.shape)}.")
    if float((theirs - ours).abs().max()) > 1e-5:
        raise BundleError(f"{path}: {key} is another noise schedule than the one that {hp_path} describes.")
