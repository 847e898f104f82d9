"""Context: what a model may look at, and the first models that use it (notebook 02).

| file        | what it holds                                                               |
|-------------|-----------------------------------------------------------------------------|
| `batches`   | documents as one stream of ids, windows and batches cut from it             |
| `ngrams`    | a model that counts                                                         |
| `networks`  | a small network that reads a window, a recurrent one that reads everything  |
| `positions` | where a token stands: learned, sinusoidal, rotary                           |

All models map ids (B, T) to logits (B, T, V). None of it knows attention, training or tokenizers' insides.
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
