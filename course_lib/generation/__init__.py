"""Generation: writing token by token, with any module that maps token ids to logits.

One loop serves everything: ask the model for the next token's logits, reshape them
(`course_lib.generation.sampling`), draw, append (`course_lib.generation.decoding`). Beam search, which looks
for a whole text, is in `course_lib.generation.beam`. All of them can be used from here. This module does not
know about training or about how text becomes tokens.
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
