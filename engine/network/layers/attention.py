"""Causal attention with an additive bias, in the fastest form measured.

B batch, H heads, T queries, S keys, Dh head dim.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK_QUERIES = 200  # queries whose keys are cut to those they can see; 100 to 400 differ by less than 15 %


def causal_attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """Return softmax(query key^T / sqrt(Dh) + bias) value.

    Args:
        query: [B, H, T, Dh], the last T of the S positions.
        key: [B, H, S, Dh].
        value: [B, H, S, Dh].
        bias: float32 [1 or B, H, T, S], minus infinity where a query must not look.
    Returns:
        [B, H, T, Dh].
    """
    if query.device.type == "cpu" and query.dtype == torch.bfloat16 and query.shape[2] > 1:
        return _blocked(query, key, value, bias.to(query.dtype))
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))


def _blocked(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """Compute the same as `causal_attention` by matrix products over blocks of queries.

    Forward + backward for [8, 4, 400, 64] in bfloat16 on one CPU thread: fused kernel 67 ms, this 30 ms.
    """
    batch, heads, num_queries, head_dim = query.shape
    past = key.shape[2] - num_queries
    rows = batch * heads
    query = (query * head_dim**-0.5).reshape(rows, num_queries, head_dim)
    key, value = (x.reshape(rows, past + num_queries, head_dim) for x in (key, value))
    attended = []
    for start in range(0, num_queries, BLOCK_QUERIES):
        end = min(start + BLOCK_QUERIES, num_queries)
        seen = past + end
        penalty = bias[:, :, start:end, :seen].expand(batch, -1, -1, -1).reshape(rows, end - start, seen)
        scores = torch.baddbmm(penalty, query[:, start:end], key[:, :seen].transpose(1, 2))
        attended.append(torch.bmm(torch.softmax(scores, dim=-1), value[:, :seen]))
    return torch.cat(attended, dim=1).view(batch, heads, num_queries, head_dim)
