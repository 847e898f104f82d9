"""The GPT: token ids in, a score for every possible next token out.

`GPT(config)` is one class for the whole course: GPT-2's parts by default, and by options those of today's
models (RMSNorm, SwiGLU, rotary positions, grouped queries, norms on queries and keys). It does not know
training, generation or optimizers.

The names in a GPT: `tokens` and `positions` turn ids into vectors, `blocks` hold `norm1`, `attention` (`qkv`,
`out`), `norm2` and `mlp` (`up`, `down`, with SwiGLU also `gate`), then come `norm` and `head`, whose matrix
is that of `tokens` if tied.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "activations": ["gelu"],
        "gpt": [
            "Block",
            "GPT",
            "INIT_STD",
            "LayerNorm",
            "MLP",
            "RMSNorm",
            "SwiGLU",
            "layer_norm",
            "make_norm",
            "rms_norm",
        ],
    },
)
