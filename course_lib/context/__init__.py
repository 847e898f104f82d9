"""Context: what a language model may look at, and the first models that use it.

Documents become one stream of token ids; windows and batches are cut from it, with the targets shifted by
one. Three models look at more and more of the past: n-grams that count, a small network that reads a fixed
window, a recurrent network that reads everything. All of them map ids (B, T) to logits (B, T, V). The ways to
tell a model *where* a token stands (learned, sinusoidal, rotary positions) are here too. This module does not
know attention, training or tokenizers' insides.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "batches": ["document_batches", "document_starts", "encode_documents", "get_batch", "windows"],
        "networks": ["RecurrentLM", "WindowMLP", "gru_step"],
        "ngrams": ["NGramModel"],
        "positions": [
            "LearnedPositions",
            "Places",
            "RotaryPositions",
            "SinusoidalPositions",
            "apply_rotary",
            "rotary_angles",
        ],
    },
)
