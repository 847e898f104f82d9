"""A real language model in the course's own GPT: fetched once, read from its file, run by one's own classes.

| file           | what it holds                                                              |
|----------------|----------------------------------------------------------------------------|
| `importing`    | `load_pretrained`, `if_here`, `import_gguf`: a file becomes a model        |
| `container`    | what stands in a GGUF file, and where                                      |
| `quantization` | how four or eight bits become numbers again                                |
| `names`        | what the parts of a GPT are called in such a file, and its configuration   |
| `known`        | the models that can be fetched                                             |
| `halves`       | its matrices in half precision, which writes faster                        |
| `fetching`     | getting them from the package index that pip is set up for                 |

None of it knows how models are trained, or how they write.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "container": ["Container"],
        "fetching": ["fetch_pretrained"],
        "halves": ["HalfLinear", "can_halve", "halved"],
        "importing": ["Pretrained", "if_here", "import_gguf", "load_pretrained", "quicker_dtype"],
        "known": ["SMOLLM2", "card_of", "is_here", "place_of"],
        "quantization": ["dequantize"],
    },
)
