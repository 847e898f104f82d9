"""Tokenizers: text to token ids and back, by character or by byte-level byte-pair encoding (BPE) as in GPT-2.

A tokenizer turns any text into a list of small whole numbers and gives the same text back. This module trains
tokenizers, saves them in GPT-2's file format and reads GPT-2's own. It does not know torch, models or
corpora; the byte-pair algorithm itself is in `course_lib.tokens.bpe`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["StreamDecoder"],
        "tokenizers": ["BPETokenizer", "CharTokenizer", "GPT2_PATTERN"],
    },
)
