"""Names of the published state dict for every parameter of ours (spec section 9.2)."""

import re

from torch import Tensor

# ours -> published, applied in order; the first group is the stack or layer that both sides share
_RENAMES = [
    (r"^posterior_encoder\.stack\.", "encoder.0."),
    (r"^posterior_encoder\.head\.", "encoder.1."),
    (r"^latent_input\.", "token_fuser.linear."),
    (r"^prior_head\.token_hidden\.", "token_spliter.linear."),
    (r"^prior_head\.token_logits\.", "token_predictor.linear."),
    (r"^prior_head\.latent_hidden\.", "q_spliter.linear."),
    (r"^prior_head\.base\.", "transformer.1."),
    (r"^decoder\.unet\.condition\.", "decoder.model.cond_net."),
    (r"^decoder\.unet\.time\.input\.", "decoder.model.time_embedding.lin1."),
    (r"^decoder\.unet\.time\.output\.", "decoder.model.time_embedding.lin2."),
    (r"^decoder\.unet\.stack\.", "decoder.model.unet."),
    (r"^(encoder\.0|decoder\.model\.unet)\.blocks\.(\d+)\.depthwise\.", r"\1.layers.\2.conv1."),
    (r"^(encoder\.0|decoder\.model\.unet)\.blocks\.(\d+)\.expand\.", r"\1.layers.\2.conv2."),
    (r"^(encoder\.0|decoder\.model\.unet)\.blocks\.(\d+)\.project\.", r"\1.layers.\2.conv3."),
    (r"^(encoder\.0|decoder\.model\.unet)\.blocks\.(\d+)\.time\.", r"\1.layers.\2.time_emb."),
    (r"^(encoder\.0|decoder\.model\.unet)\.blocks\.(\d+)\.norm\.", r"\1.layers.\2.norm."),
    (r"^(decoder\.model\.unet)\.fusions\.", r"\1.skip_conv."),
    (r"^flow\.layers\.(\d+)\.film\.", r"transformer_flow.layers.\1.film.linear."),
    (r"^flow\.layers\.(\d+)\.input\.", r"transformer_flow.layers.\1.linear1."),
    (r"^flow\.layers\.(\d+)\.output\.", r"transformer_flow.layers.\1.linear2."),
    (r"^flow\.layers\.(\d+)\.norm\.", r"transformer_flow.layers.\1.norm."),
    (r"^transformer\.layers\.(\d+)\.attention\.input\.", r"transformer.0.layers.\1.self_attn.in_proj."),
    (r"^transformer\.layers\.(\d+)\.attention\.output\.", r"transformer.0.layers.\1.self_attn.out_proj."),
    (r"^transformer\.layers\.(\d+)\.attention_norm\.", r"transformer.0.layers.\1.norm1."),
    (r"^transformer\.layers\.(\d+)\.feedforward_norm\.", r"transformer.0.layers.\1.norm3."),
    (r"^transformer\.layers\.(\d+)\.expand\.", r"transformer.0.layers.\1.linear1."),
    (r"^transformer\.layers\.(\d+)\.project\.", r"transformer.0.layers.\1.linear2."),
    (r"^transformer\.input\.", "transformer.0.linear."),
    (r"^transformer\.norm\.", "transformer.0.final_norm."),
    (r"^utterance_encoder\.", "utterance_encoder.0."),
    (r"^(encoder\.0|decoder\.model\.unet|utterance_encoder\.0)\.input\.", r"\1.linear."),
    (r"^(encoder\.0|decoder\.model\.unet|utterance_encoder\.0)\.output\.", r"\1.out_linear."),
    (r"^(encoder\.0|decoder\.model\.unet)\.norm\.", r"\1.final_norm."),
]
_POINTWISE = re.compile(r"\.(conv2|conv3|skip_conv\.\d+)\.weight$")

DIFFUSION_TABLES = (
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "p2_loss_weight",
)  # buffers below `decoder.`, all of which follow from the schedule's settings


def published_name(name: str) -> str:
    """Return the published key of one of our parameters."""
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def published_shape(key: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a parameter's shape under its published key: a linear map here is a convolution of width 1 there."""
    return (*shape, 1) if _POINTWISE.search(key) else shape


def to_published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return our state dict under published keys and shapes, without the diffusion tables."""
    renamed = {published_name(name): tensor for name, tensor in state.items()}
    return {key: tensor.reshape(published_shape(key, tuple(tensor.shape))) for key, tensor in renamed.items()}
