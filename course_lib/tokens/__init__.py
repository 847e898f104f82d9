"""Tokens: text to ids and back (notebook 01).

| file         | what it holds                                                              |
|--------------|----------------------------------------------------------------------------|
| `tokenizers` | `CharTokenizer`, and `BPETokenizer`, byte-level as in GPT-2                |
| `base`       | what both share: special tokens, decoding as a stream                      |
| `pieces`     | cutting a text by GPT-2's pattern, or another                              |
| `bpe`        | byte-pair encoding itself, fast                                            |
| `naive_bpe`  | the same as one would write it first                                       |
| `files`      | GPT-2's file format                                                        |

None of it knows torch, models or corpora.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["StreamDecoder"],
        "tokenizers": ["BPETokenizer", "CharTokenizer", "GPT2_PATTERN"],
    },
)
