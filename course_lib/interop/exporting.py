"""Out: our GPT and tokenizer as a folder that the classes of `transformers` load.

Such a folder holds config.json (shape and options), generation_config.json, model.safetensors (weights),
tokenizer.json and tokenizer_config.json. `course_lib.interop.families` knows which architecture says the same
as ours. `transformers` is imported when a folder is written. It does not know how models are trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from course_lib.arguments import check_instance, many
from course_lib.config import GPTConfig
from course_lib.data import END_OF_TEXT
from course_lib.files import as_path
from course_lib.interop.families import Family, Weights, family_for
from course_lib.interop.tokenizer_json import check_bpe, to_tokenizers
from course_lib.model import GPT
from course_lib.model.weights import first_misfit, plain_weights
from course_lib.runtime import atomic_folder, atomic_write
from course_lib.tokens import BPETokenizer
from course_lib.training import check_tokenizer
from course_lib.training.files import checksum
from course_lib.training.model_files import check_finite


def export_to_transformers(
    model: GPT,
    tokenizer: BPETokenizer,
    folder: str | Path,
    *,
    stop_tokens: Iterable[str] = (END_OF_TEXT,),
    chat_template: str | None = None,
) -> Path:
    """Write a folder that `AutoModelForCausalLM.from_pretrained` and `AutoTokenizer.from_pretrained` load.

    The exported model gives the same logits, the exported tokenizer the same ids. `stop_tokens` are the
    special tokens at which its `generate` stops; `chat_template` (Jinja) goes into the tokenizer, and an
    answer in a chat then is what is written up to a stop token. Returns the folder.

    Raises: ValueError if no architecture of transformers has the model's parts, or the tokenizer doesn't fit
    the model.
    """
    check_instance("export_to_transformers", "model", model, GPT, "a GPT")
    stop_tokens = many("export_to_transformers", "stop_tokens", stop_tokens, "names of special tokens")
    for name in stop_tokens:
        check_instance("export_to_transformers", "stop_tokens", name, str, "names of special tokens")
    place = as_path(folder)
    if place.exists() and not place.is_dir():  # before the work
        raise ValueError(f"{place} is a file, but a folder is needed here; give another name.")
    if chat_template is not None:
        check_instance("export_to_transformers", "chat_template", chat_template, str, "a Jinja template")
        _check_template(chat_template)
    check_bpe("export_to_transformers", tokenizer)
    if tokenizer.vocab_size > model.config.vocab_size:
        raise ValueError(
            f"The tokenizer has {tokenizer.vocab_size} tokens, but the model only {model.config.vocab_size}; "
            "export a model with the tokenizer it was trained with."
        )
    check_tokenizer(model, tokenizer)
    config = _true_config(model)
    family = family_for(config)
    stops = [_special_id(tokenizer, name) for name in stop_tokens]
    with atomic_folder(folder) as part:
        _write_tokenizer(tokenizer, config, part, chat_template, stop_tokens)
        _write_config(family, model, config, tokenizer.special_tokens.get(END_OF_TEXT), stops, part)
    return as_path(folder)


def _check_template(template: str) -> None:
    import jinja2

    try:
        jinja2.Environment(extensions=["jinja2.ext.loopcontrols"]).parse(template)
    except jinja2.TemplateSyntaxError as problem:
        # `generation` is a block that only transformers knows.
        if "generation" not in str(problem):
            raise ValueError(
                f"export_to_transformers got a chat_template that is not Jinja: {problem}; mend its line "
                f"{problem.lineno}."
            ) from problem


def _true_config(model: GPT) -> GPTConfig:
    """The configuration that is true of the weights as ordinary layers."""
    weights, config = plain_weights(model)
    check_finite("export_to_transformers", weights)
    misfit = first_misfit(config, {name: tuple(weight.shape) for name, weight in weights.items()})
    if misfit:
        raise ValueError(
            f"export_to_transformers got a model that is not what its configuration says: {misfit[0]}; it "
            "exports GPTs as GPT(config) makes them."
        )
    return config


def _special_id(tokenizer: BPETokenizer, name: str) -> int:
    if name not in tokenizer.special_tokens:
        known = ", ".join(tokenizer.special_tokens) or "none"
        raise ValueError(
            f"stop_tokens names {name!r}, which is no special token of this tokenizer; there are: {known}."
        )
    return tokenizer.special_tokens[name]


def _write_config(
    family: Family, model: GPT, config: GPTConfig, end: int | None, stops: list[int], folder: Path
) -> None:
    from safetensors.torch import save
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    dtype = model.tokens.weight.dtype
    ends = {"bos_token_id": end, "eos_token_id": stops[0] if len(stops) == 1 else stops or None}
    theirs = AutoConfig.for_model(
        family.model_type, **family.config_out(config), **ends, architectures=[family.architecture]
    )
    theirs.dtype = dtype
    with torch.device("meta"):  # names and shapes only
        wanted = AutoModelForCausalLM.from_config(theirs, dtype=dtype).state_dict()
    weights = _completed(family.weights_out(model), wanted)
    with atomic_write(folder / "model.safetensors", "wb") as file:
        file.write(save(weights, metadata={"format": "pt", "checksum": checksum(weights)}))
    theirs.save_pretrained(folder)
    # Padding is named here and not in config.json: some of their models give the token named there no
    # gradient.
    GenerationConfig(**ends, pad_token_id=end).save_pretrained(folder)


def _completed(weights: Weights, wanted: Mapping[str, torch.Tensor]) -> Weights:
    """Where their layers always have a bias and ours have none, zeros do the same."""
    some = next(iter(weights.values()))
    absent = [name for name in wanted if name.endswith(".bias") and name not in weights]
    zeros = {name: some.new_zeros(wanted[name].shape) for name in absent}
    return {name: weight.detach().cpu().contiguous() for name, weight in {**weights, **zeros}.items()}


def _write_tokenizer(
    tokenizer: BPETokenizer, config: GPTConfig, folder: Path, chat_template: str | None, stops: list[str]
) -> None:
    from transformers import PreTrainedTokenizerFast

    end = END_OF_TEXT if END_OF_TEXT in tokenizer.special_tokens else None
    exported = PreTrainedTokenizerFast(
        tokenizer_object=to_tokenizers(tokenizer),
        bos_token=tokenizer.rules.begin or end,
        eos_token=end,
        pad_token=end,
        model_max_length=config.context_length,
        clean_up_tokenization_spaces=False,
    )
    if chat_template is not None:
        exported.chat_template = chat_template
        exported.response_template = _response_template(stops)
    exported.save_pretrained(folder)


def _response_template(stops: list[str]) -> dict[str, Any]:
    """How a server finds the answer in what was written: all that follows the prompt, up to a stop token.

    Without it, `transformers serve` looks for the marks that chats with a Qwen3 by its makers have.
    """
    content = {"content": "text", **({"close": stops} if stops else {})}
    end_of_prompt = r"\Z"
    return {
        "defaults": {"role": "assistant"},
        "start_anchor_pattern": end_of_prompt,
        "fields": {"content": content},
    }
