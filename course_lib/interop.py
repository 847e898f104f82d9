"""To and from Hugging Face's `transformers`: our GPT and tokenizer as a folder that its classes load, and
back.

Such a folder holds config.json (shape and options), generation_config.json, model.safetensors (weights),
tokenizer.json and tokenizer_config.json. `course_lib.families` knows which architecture says the same as
ours. Reading needs only the files; `transformers` is imported when a folder is written. This module does not
know training.

Special tokens: by default `transformers` takes the name of a special token inside a text, such as
<|endoftext|>, for the token itself, as chat templates need it; ours takes it for plain text, so that nobody
can forge one. So `exported.encode(text)` equals `ours.encode(text, allowed_special="all")`, and
`exported.encode(text, split_special_tokens=True)` equals `ours.encode(text)`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from course_lib.config import GPTConfig
from course_lib.data import END_OF_TEXT
from course_lib.data.download import RemoteFile, fetch, sha256_of
from course_lib.families import Family, Weights, family_for, family_of
from course_lib.model import GPT
from course_lib.runtime import atomic_write, cache_dir
from course_lib.tokens import GPT2_PATTERN, BPETokenizer
from course_lib.tokens.files import unwritten, written

REST = r"|[\s\S]"  # what a pattern doesn't match is cut into single characters, as BPETokenizer does

# Out ----------------------------------------------------------------------------------------------


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
    if not isinstance(tokenizer, BPETokenizer):
        raise ValueError(
            f"export_to_transformers got a {type(tokenizer).__name__}; only a BPETokenizer can be exported."
        )
    if tokenizer.vocab_size > model.config.vocab_size:
        raise ValueError(
            f"The tokenizer has {tokenizer.vocab_size} tokens, but the model only {model.config.vocab_size}; "
            "export a model with the tokenizer it was trained with."
        )
    family, stop_tokens = family_for(model.config), list(stop_tokens)
    stops = [_special_id(tokenizer, name) for name in stop_tokens]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(tokenizer, model.config, folder, chat_template, stop_tokens)
    _write_config(family, model, tokenizer.special_tokens.get(END_OF_TEXT), stops, folder)
    return folder


def _special_id(tokenizer: BPETokenizer, name: str) -> int:
    if name not in tokenizer.special_tokens:
        known = ", ".join(tokenizer.special_tokens) or "none"
        raise ValueError(
            f"stop_tokens names {name!r}, which is no special token of this tokenizer; there are: {known}."
        )
    return tokenizer.special_tokens[name]


def _write_config(family: Family, model: GPT, end: int | None, stops: list[int], folder: Path) -> None:
    from safetensors.torch import save
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    dtype = model.tokens.weight.dtype
    ends = {"bos_token_id": end, "eos_token_id": stops[0] if len(stops) == 1 else stops or None}
    config = AutoConfig.for_model(
        family.model_type, **family.config_out(model.config), **ends, architectures=[family.architecture]
    )
    config.dtype = dtype
    with torch.device("meta"):  # names and shapes only
        wanted = AutoModelForCausalLM.from_config(config, dtype=dtype).state_dict()
    weights = _completed(family.weights_out(model), wanted)
    with atomic_write(folder / "model.safetensors", "wb") as file:
        file.write(save(weights, metadata={"format": "pt"}))
    config.save_pretrained(folder)
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
        bos_token=end,
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


def to_tokenizers(tokenizer: BPETokenizer) -> Any:
    """Our tokenizer as a `tokenizers.Tokenizer` (the Rust library that `transformers` uses), with the same
    ids.

    >>> ours = BPETokenizer.train("the theme of the thesis", vocab_size=260)
    >>> to_tokenizers(ours).encode("the 主题").ids == ours.encode("the 主题")
    True
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    names = {id: name for name, id in tokenizer.special_tokens.items()}
    vocabulary = {
        names.get(id) or written(tokenizer.token_bytes(id)): id for id in range(tokenizer.vocab_size)
    }
    merges = [(written(left), written(right)) for left, right in tokenizer.merges]
    exported = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    cut = pre_tokenizers.Split(Regex(tokenizer.pattern + REST), "isolated")
    exported.pre_tokenizer = pre_tokenizers.Sequence([cut, bytes_only])
    if tokenizer.pattern == GPT2_PATTERN:
        exported.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    exported.decoder = decoders.ByteLevel()
    exported.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in names.values()])
    return exported


# In -----------------------------------------------------------------------------------------------


def import_from_transformers(folder: str | Path) -> tuple[GPT, BPETokenizer | None]:
    """Read a model that `transformers` (or `export_to_transformers`) has saved: GPT-2, Llama, Qwen3 or
    GPT-NeoX.

    The model is in evaluation mode, on the CPU, in float32. The tokenizer is None if the folder holds none.

    Raises: ValueError, in one sentence, for a folder without a model, and for one with parts that our GPT
    doesn't have.
    """
    folder = Path(folder)
    values = _read_json(folder / "config.json")
    try:
        family = family_of(values)
        model = GPT(family.config_in(values))
        model.load_state_dict(family.weights_in(_read_weights(folder), model))
        tokenizer = _read_tokenizer(folder)
    except KeyError as error:
        raise ValueError(f"{folder / 'config.json'} lacks {error.args[0]!r}; save the model again.") from None
    except ValueError as error:
        raise ValueError(f"{folder} cannot be imported: {error}") from None
    return model.eval(), tokenizer


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise ValueError(f"There is no {path}; give a folder that was written by save_pretrained.") from None
    except ValueError:
        raise ValueError(f"{path} is damaged (no JSON); save the model or get the file again.") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path} is damaged (no JSON object); save the model or get the file again.")
    return values


def _read_weights(folder: Path) -> Weights:
    """All tensors, from one safetensors file or from the several that an index lists."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    index = folder / "model.safetensors.index.json"
    names = sorted(set(_read_json(index)["weight_map"].values())) if index.exists() else ["model.safetensors"]
    weights: Weights = {}
    for name in names:
        path = folder / Path(name).name
        if not path.exists():
            raise ValueError(
                f"{name} is missing; weights must be in safetensors files (a pytorch_model.bin can run any "
                "code when it is read: let transformers convert it with save_pretrained)."
            )
        try:
            weights.update(load_file(path))
        except SafetensorError as error:
            raise ValueError(f"{name} is damaged ({error}); save the model or get the file again.") from None
    return weights


def _read_tokenizer(folder: Path) -> BPETokenizer | None:
    if (folder / "tokenizer.json").exists():
        return _from_tokenizers(_read_json(folder / "tokenizer.json"))
    if (folder / "vocab.json").exists() and (folder / "merges.txt").exists():
        return BPETokenizer.load(folder)
    return None


def _from_tokenizers(content: Mapping[str, Any]) -> BPETokenizer:
    """The tokenizer that a tokenizer.json describes, if it is a byte-level BPE such as ours."""
    model, added = content["model"], content.get("added_tokens") or []
    pattern = _pattern_of(content.get("pre_tokenizer") or {})
    plain = (
        model.get("type", "BPE") == "BPE" and not model.get("ignore_merges") and not content.get("normalizer")
    )
    if pattern is None or not plain or not _adds_nothing(content.get("post_processor") or {}):
        raise ValueError(
            "its tokenizer is no plain byte-level BPE (it normalizes text, adds tokens by itself, or cuts "
            "text in another way); our BPETokenizer can only be one."
        )
    names = [token["content"] for token in sorted(added, key=lambda token: token["id"])]
    ids = {**model["vocab"], **{token["content"]: token["id"] for token in added}}
    if sorted(ids.values()) != list(range(len(ids))):
        raise ValueError(
            f"its tokenizer's ids are not 0 to {len(ids) - 1}, each once; save the tokenizer again."
        )
    path = Path("tokenizer.json")  # for messages
    layout = [
        token if token in names else unwritten(token, path) for token in sorted(ids, key=ids.__getitem__)
    ]
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    merges = [(unwritten(left, path), unwritten(right, path)) for left, right in pairs]
    return BPETokenizer(merges, names, pattern, layout=layout)


def _adds_nothing(post_processor: Mapping[str, Any]) -> bool:
    """Whether the ids are left as they are after encoding, as by a template in which only the text itself
    stands.
    """
    template = post_processor.get("type") == "TemplateProcessing" and not post_processor.get("special_tokens")
    return not post_processor or template or post_processor.get("type") == "ByteLevel"


def _pattern_of(pre_tokenizer: Mapping[str, Any]) -> str | None:
    """The pattern by which a tokenizer.json cuts text, or None if it does something else than that."""
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    last = steps[-1] if steps else {}
    if last.get("type") != "ByteLevel" or last.get("add_prefix_space"):
        return None
    if len(steps) == 1:
        return GPT2_PATTERN if last.get("use_regex", True) else None
    cut = steps[0]
    regular = isinstance(cut.get("pattern"), dict) and "Regex" in cut["pattern"]
    if len(steps) > 2 or last.get("use_regex", True) or not regular or cut.get("behavior") != "Isolated":
        return None
    return None if cut.get("invert") else cut["pattern"]["Regex"].removesuffix(REST)


def agreement(ours: torch.Tensor, theirs: torch.Tensor) -> tuple[float, float]:
    """How well two models agree: the largest difference of their logits, and the share of places at which
    both find the same token best.

    Shapes: (B, T, V) both.

    >>> agreement(torch.tensor([[[0.0, 1.0], [3.0, 2.0]]]), torch.tensor([[[0.5, 1.0], [3.0, 5.0]]]))
    (3.0, 0.5)
    """
    largest = (ours - theirs).abs().max().item()
    same = ours.argmax(dim=-1) == theirs.argmax(dim=-1)
    return largest, same.float().mean().item()


# GPT-2 as published -------------------------------------------------------------------------------

_REVISION = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
GPT2_FILES = tuple(
    RemoteFile(
        name,
        tuple(
            f"https://{host}/openai-community/gpt2/resolve/{_REVISION}/{name}"
            for host in ("huggingface.co", "hf-mirror.com")
        ),
        sha256,
        size,
    )
    for name, size, sha256 in (
        ("config.json", 665, "0daed7749b4f02b8f76240d5444551d7b08712dab4d0adb8239c56ba823bb7b4"),
        ("vocab.json", 1_042_301, "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783"),
        ("merges.txt", 456_318, "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"),
        (
            "model.safetensors",
            548_105_171,
            "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707",
        ),
    )
)
GPT2_NAMES = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl")


def load_gpt2(
    name: str | Path = "gpt2", cache: str | Path | None = None, *, download: bool = True
) -> tuple[GPT, BPETokenizer | None]:
    """GPT-2 with the weights that OpenAI published in 2019, and its tokenizer.

    `name` is "gpt2" (124 million parameters), "gpt2-medium", "gpt2-large" or "gpt2-xl", or a folder that
    holds such a model. It is looked for in `cache` (by default the course's cache folder) and in Hugging
    Face's; "gpt2" is downloaded if it is in neither (548 MB), unless `download` is False, and its files are
    checked by their SHA-256.

    Raises: ValueError for an unknown name, or a size that is not here and has to be fetched first;
    ConnectionError, with the alternatives, if the download fails; FileNotFoundError if there was to be none.
    """
    if name not in GPT2_NAMES:
        if not Path(name).is_dir():
            raise ValueError(
                f"Got {str(name)!r}; needed a folder with a model, or one of {', '.join(GPT2_NAMES)}."
            )
        return import_from_transformers(name)
    own = Path(cache or cache_dir()) / name
    for folder in (own, *_hub_folders(str(name))):
        if _is_complete(folder, str(name)):
            return import_from_transformers(folder)
    if name != "gpt2":
        raise ValueError(
            f"{name} is not on this computer; only gpt2 is downloaded from here, so fetch it once with "
            f"`hf download openai-community/{name} config.json vocab.json merges.txt model.safetensors`, "
            "or give its folder."
        )
    if not download:
        raise FileNotFoundError(
            "GPT-2's weights are not on this computer; load_gpt2() downloads them (548 MB), "
            "load_gpt2(folder) reads a copy."
        )
    try:
        for file in GPT2_FILES:
            fetch(file, own)
    except ConnectionError as error:
        raise ConnectionError(
            f"GPT-2's weights are not on this computer and could not be downloaded ({error}); give "
            "the folder of a copy, load_gpt2(folder), try again with a network, or use the course's model."
        ) from None
    return import_from_transformers(own)


def _is_complete(folder: Path, name: str) -> bool:
    """Whether all files are there and, for the size whose hashes are known, are the published ones."""
    if not all((folder / file.name).exists() for file in GPT2_FILES):
        return False
    return name != "gpt2" or all(sha256_of(folder / file.name) == file.sha256 for file in GPT2_FILES)


def _hub_folders(name: str) -> list[Path]:
    """Where Hugging Face's own tools keep downloaded versions of a model."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    home = Path(os.environ.get("HF_HOME") or home)
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    found = [
        hub / f"models--{repository}" / "snapshots" for repository in (f"openai-community--{name}", name)
    ]
    return [version for folder in found if folder.is_dir() for version in sorted(folder.iterdir())]
