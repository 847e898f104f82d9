"""Tokens: text to ids and back (notebook 01).

| file         | what it holds                                                              |
|--------------|----------------------------------------------------------------------------|
| `characters` | `CharTokenizer`: every character is a token                                |
| `tokenizers` | `BPETokenizer`, byte-level as in GPT-2                                     |
| `base`       | what both share: encoding and decoding, also as a stream                   |
| `special`    | special tokens: their names, and where they stand in a text                |
| `texts`      | what counts as text                                                        |
| `pieces`     | cutting a text by GPT-2's pattern, or another                              |
| `bpe`        | byte-pair encoding itself, fast                                            |
| `naive_bpe`  | the same as one would write it first                                       |
| `vocabulary` | whether merges and tokens fit each other                                   |
| `rules`      | what published vocabularies do that GPT-2's does not                       |
| `files`      | GPT-2's file format                                                        |
| `published`  | a tokenizer from the metadata of a GGUF file                               |

None of it knows torch, models or corpora.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["StreamDecoder"],
        "characters": ["CharTokenizer"],
        "pieces": ["GPT2_PATTERN", "SINGLE_DIGITS_PATTERN"],
        "published": ["bpe_from_gguf"],
        "rules": ["Rules"],
        "tokenizers": ["BPETokenizer"],
    },
)
