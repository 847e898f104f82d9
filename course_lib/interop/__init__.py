"""To and from Hugging Face's `transformers`: our GPT and tokenizer as a folder that its classes load, and
back.

Such a folder holds config.json (shape and options), generation_config.json, model.safetensors (weights),
tokenizer.json and tokenizer_config.json. `course_lib.interop.families` knows which architecture says the same
as ours. Reading needs only the files; `transformers` is imported when a folder is written. This module does
not know training.

Special tokens: by default `transformers` takes the name of a special token inside a text, such as
<|endoftext|>, for the token itself, as chat templates need it; ours takes it for plain text, so that nobody
can forge one. So `exported.encode(text)` equals `ours.encode(text, allowed_special="all")`, and
`exported.encode(text, split_special_tokens=True)` equals `ours.encode(text)`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "exporting": ["REST", "export_to_transformers", "to_tokenizers"],
        "gpt2": ["GPT2_FILES", "GPT2_NAMES", "load_gpt2"],
        "importing": ["agreement", "import_from_transformers"],
    },
)
