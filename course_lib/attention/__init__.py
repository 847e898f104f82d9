"""Attention: how a token chooses what to look at (notebook 03).

| file         | what it holds                                                              |
|--------------|----------------------------------------------------------------------------|
| `formula`    | the causal mask, and the formula as it is derived                          |
| `multi_head` | the layer, with torch's fused kernel                                       |
| `cache`      | keys and values of what was read, kept                                     |
| `maps`       | the attention of a running model, caught                                   |

None of it knows the model around it.
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
