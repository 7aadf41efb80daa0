"""The step of a model on a CPU, compiled. B batch, D transformer dim, Z latent dims, V' token ids.

Called as modules, a frame of the embedded voice is two hundred operations, most of which cost more to call than to
compute. A frame of a large model is the reading of its weights from memory: they are kept as float16 here, and read by
all threads. Results differ from the modules' by rounding, so that takes say what made them.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from undertone.engine.network.flow import CouplingLayer
from undertone.engine.network.layers.cache import KeyValueCache
from undertone.engine.network.layers.transformer import TransformerLayer
from undertone.engine.network.model import VAEGSLM

if TYPE_CHECKING:
    from undertone.engine.network.compiled.kernels import Array, Matrix, Weights

log = logging.getLogger(__name__)

# Up to it a frame is so little work that a second thread costs more than it brings, and no weight is rounded; above it
# a frame is the reading of the weights from memory.
SMALL_PARAMETERS = 30_000_000
MOST_THREADS = 4  # of a frame: that many read as fast as memory gives


def can_compile(model: VAEGSLM) -> bool:
    """Return whether a model has a compiled step: VAE-GSLM as published, in float32 and on a CPU."""
    if model.config.beside != "latents" or model.config.joint_head:
        return False
    return {(parameter.device.type, parameter.dtype) for parameter in model.parameters()} == {("cpu", torch.float32)}


class CompiledStep:
    """From a hidden state to a frame, and from a frame to the next hidden state; shared by requests.

    Args:
        model: see `can_compile`; its weights are copied.
        is_large: whether matrices are rounded to float16, and a frame is the work of all threads that torch has; None:
            the model has more than `SMALL_PARAMETERS`.

    Attributes:
        is_large: the same.
    """

    def __init__(self, model: VAEGSLM, is_large: bool | None = None) -> None:
        from undertone.engine.network.compiled import kernels, shared_frame  # Numba takes a second, and may be missing

        num_parameters = sum(parameter.numel() for parameter in model.parameters())
        self.config = model.config
        self.is_large = num_parameters > SMALL_PARAMETERS if is_large is None else is_large
        self._kernels, self._shared = kernels, shared_frame
        self._weights = kernel_weights(model, rounded=self.is_large)
        self._helpers = ThreadPoolExecutor(MOST_THREADS - 1, "frame")  # starts a thread when there is work for it

    @property
    def kind(self) -> Literal["compiled", "compiled-float16"]:
        """Return how the frames are computed, as takes say it: with all weights as they are, or rounded."""
        return "compiled-float16" if self.is_large and self._kernels.reads_halves() else "compiled"

    @property
    def threads(self) -> int:
        """Return how many threads make a frame; the numbers do not depend on it."""
        return min(torch.get_num_threads(), MOST_THREADS) if self.is_large else 1

    @property
    def weight_bytes(self) -> int:
        """Return the bytes of the weights that a frame reads; of the embedding, one row."""
        embedding = self._weights.token_embedding
        return sum(array.nbytes for array in self._weights) - embedding.nbytes + embedding[0].nbytes

    @classmethod
    def load(cls, model: VAEGSLM) -> "CompiledStep | None":
        """Return the step of a model, compiled; None where the model has none, or it cannot be compiled here.

        Compiling takes some seconds, once for all models and, where Numba can store what it made, all processes.
        """
        if not can_compile(model):
            return None
        try:
            step = cls(model)
            hidden = torch.zeros(1, model.config.transformer.dim)
            _, latents = step.draw(hidden, torch.zeros(1, model.config.latent_dim), 1.0)
            step.advance(torch.zeros(1, dtype=torch.int64), latents, model.new_cache(1, 1))
        except Exception as error:  # whatever keeps a compiler from working on some machine: the modules are there
            missing = isinstance(error, ModuleNotFoundError) and error.name in ("llvmlite", "numba")
            hint = ": pip install 'undertone[compiled]'" if missing else ""
            log.warning("the step cannot be compiled here, takes are drawn by the modules (%s)%s", error, hint)
            return None
        return step

    def draw(self, hidden: Tensor, normal: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """Return token logits [B, V'] and drawn latents [B, Z] of the frame after a hidden state.

        Args:
            hidden: [B, D].
            normal: N(0, 1) [B, Z].
            temperature: of the latents.
        """
        logits = torch.empty(len(hidden), self.config.num_token_ids)
        latents = torch.empty(len(hidden), self.config.latent_dim)
        given = _array(hidden), _array(normal), np.float32(temperature)
        self._kernels.draw_frame(self._weights, *given, logits.numpy(), latents.numpy())
        return logits, latents

    def advance(self, tokens: Tensor, latents: Tensor, cache: KeyValueCache) -> Tensor:
        """Return the hidden state [B, D] behind a frame, which is written into the cache.

        Args:
            tokens: int64 [B].
            latents: [B, Z].
            cache: float32, of B rows; its position advances.
        Raises:
            ValueError: more positions than the cache holds.
        """
        cache.check_room(1)
        hidden = torch.empty(len(tokens), self.config.transformer.dim)
        arrays = tokens.contiguous().numpy(), _array(latents), cache.keys.numpy(), cache.values.numpy()
        given = *arrays, cache.row_positions().numpy(), hidden.numpy()
        if self.is_large:
            self._advance_together(*given)
        else:
            self._kernels.advance_frame(self._weights, *given)
        cache.advance(1)
        return hidden

    def _advance_together(self, *given: Any) -> None:
        """Make a frame with helpers, as far as they are free: one who comes late finds less to do, or nothing."""
        frame = self._shared.shared_frame(self._weights, *given)
        for _ in range(self.threads - 1):
            self._helpers.submit(self._shared.share_frame, self._weights, frame, False)
        self._shared.share_frame(self._weights, frame, True)


def _array(x: Tensor) -> "Array":
    return x.contiguous().numpy()


def kernel_weights(model: VAEGSLM, rounded: bool = False) -> "Weights":
    """Return a copy of a model's weights as the kernels read them.

    Args:
        rounded: whether matrices may be rounded to float16.
    """
    from undertone.engine.network.compiled import kernels

    layers = [layer for layer in model.transformer.layers if isinstance(layer, TransformerLayer)]
    couplings = [layer for layer in model.flow.layers if isinstance(layer, CouplingLayer)][::-1]
    head, flow = model.prior_head, model.config.flow
    readers = [head.base.mean, head.base.logstd, *(layer.film for layer in couplings)]
    start, end = couplings[0].start, couplings[0].end
    constants = [model.config.transformer.norm_eps, flow.norm_eps, start, end - start]

    def copy(tensor: Tensor) -> "Array":
        return np.array(tensor.detach().numpy(), dtype=np.float32, order="C")

    def stack(*tensors: Tensor) -> "Array":
        return np.ascontiguousarray(np.stack([copy(tensor) for tensor in tensors]))

    def join(*tensors: Tensor) -> "Array":
        return np.ascontiguousarray(np.concatenate([copy(tensor) for tensor in tensors]))

    def matrix(weight: "Array") -> "Matrix":
        return kernels.matrix(weight, rounded)

    assert isinstance(model.latent_input, nn.Linear)  # see `can_compile`
    return kernels.Weights(
        token_embedding=copy(model.token_embedding.weight),
        latent_input=matrix(copy(model.latent_input.weight)),
        latent_bias=copy(model.latent_input.bias),
        input=matrix(copy(model.transformer.input.weight)),
        slopes=copy(model.transformer.alibi.slopes),
        attention_scale=stack(*(layer.attention_norm.scale for layer in layers)),
        attention_input=matrix(stack(*(layer.attention.input.weight for layer in layers))),
        attention_output=matrix(stack(*(layer.attention.output.weight for layer in layers))),
        feedforward_scale=stack(*(layer.feedforward_norm.scale for layer in layers)),
        expand=matrix(stack(*(layer.expand.weight for layer in layers))),
        expand_bias=stack(*(layer.expand.bias for layer in layers)),
        project=matrix(stack(*(layer.project.weight for layer in layers))),
        project_bias=stack(*(layer.project.bias for layer in layers)),
        final_scale=copy(model.transformer.norm.scale),
        hidden=matrix(join(head.latent_hidden.weight, head.token_hidden.weight)),
        hidden_bias=join(head.latent_hidden.bias, head.token_hidden.bias),
        logits=matrix(copy(head.token_logits.weight)),
        logits_bias=copy(head.token_logits.bias),
        readers=matrix(join(*(reader.weight for reader in readers))),
        readers_bias=join(*(reader.bias for reader in readers)),
        flow_input=matrix(stack(*(layer.input.weight for layer in couplings))),
        flow_input_bias=stack(*(layer.input.bias for layer in couplings)),
        flow_scale=stack(*(layer.norm.weight for layer in couplings)),
        flow_offset=stack(*(layer.norm.bias for layer in couplings)),
        flow_output=matrix(stack(*(layer.output.weight for layer in couplings))),
        flow_output_bias=stack(*(layer.output.bias for layer in couplings)),
        constants=np.array(constants, dtype=np.float32),
    )
