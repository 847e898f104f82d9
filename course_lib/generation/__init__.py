"""Generation: writing token by token, with any module that maps token ids to logits (notebook 06).

| file       | what it holds                                                                |
|------------|------------------------------------------------------------------------------|
| `writing`  | `generate` and `stream`: the one loop                                        |
| `sampling` | how logits are reshaped and a token is drawn: top-k, top-p, ...              |
| `beam`     | the search for a whole likely text                                           |
| `decoding` | many texts at once, with or without a cache                                  |
| `lean`     | a model without bookkeeping, for one-token steps                             |
| `quality`  | how good and how varied texts are                                            |

The capstone, a GPT made of a learner's own answers, is among the exercises. None of it knows how a model is
trained, or how text becomes tokens.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "beam": ["Beam", "beam_search"],
        "decoding": ["Decoder"],
        "quality": ["distinct_share", "is_right"],
        "sampling": [
            "GREEDY",
            "PLAIN",
            "SamplingConfig",
            "draw",
            "min_p",
            "repetition_penalty",
            "temperature",
            "top_k",
            "top_p",
        ],
        "writing": ["generate", "stream"],
    },
)
