"""Attention: how a token chooses what to look at, and the cache that keeps what it saw.

The plain formula, `scaled_dot_product`, is what the course derives; `MultiHeadAttention` uses torch's fused
kernel, which gives the same numbers faster, and the plain formula where attention maps are captured. This
module does not know the model around it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cache": ["KVCache"],
        "formula": ["Hook", "blockwise_attention", "causal_mask", "scaled_dot_product"],
        "maps": ["capture_attention"],
        "multi_head": ["MultiHeadAttention", "Remember"],
    },
)
