"""To and from Hugging Face's `transformers` (notebook 07).

| file             | what it holds                                                          |
|------------------|------------------------------------------------------------------------|
| `exporting`      | our GPT and tokenizer as a folder that its classes load                |
| `importing`      | such a folder as our GPT and tokenizer                                 |
| `families`       | which architecture says the same as ours, and under which names        |
| `tokenizer_json` | a tokenizer in the form of the Rust library, both ways                 |
| `gpt2`           | GPT-2 with the weights that OpenAI published                           |
| `serving`        | a server on this machine, for any program to call                      |

None of it knows how models are trained.

Special tokens: by default `transformers` takes the name of a special token inside a text, such as
<|endoftext|>, for the token itself, as chat templates need it; ours takes it for plain text, so that nobody
can forge one. So `exported.encode(text)` equals `ours.encode(text, allowed_special="all")`, and
`exported.encode(text, split_special_tokens=True)` equals `ours.encode(text)`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "exporting": ["export_to_transformers"],
        "gpt2": ["GPT2_FILES", "GPT2_NAMES", "load_gpt2"],
        "importing": ["agreement", "import_from_transformers"],
        "tokenizer_json": ["REST", "to_tokenizers"],
    },
)
