"""The GPT: token ids in, a score for every possible next token out (notebook 04).

| file          | what it holds                                                             |
|---------------|---------------------------------------------------------------------------|
| `gpt`         | `GPT` and its layers: GPT-2's by default, by options those of today       |
| `activations` | GELU, and a quicker one that gives the same                               |
| `weights`     | what of a GPT goes into a file, and the shapes that it must have          |
| `stepping`    | one token of one text at a time, in fewer calls                           |
| `anatomy`     | shapes and sizes of all parts, and GPTs with a part taken away            |

None of it knows training, generation or optimizers.
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
