"""Model files: a GPT's weights, its configuration and the fingerprint of its tokenizer, to keep and to share.

What a file claims is compared with what it holds before anything of that size is built. It does not know how
models are trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from course_lib.arguments import check_instance, shown
from course_lib.config import GPTConfig
from course_lib.runtime import device as usable_device
from course_lib.training.evaluation import check_model
from course_lib.training.files import CheckpointError, in_words, misshapen, read_file, write_file
from course_lib.training.fingerprints import tokenizer_fingerprint

if TYPE_CHECKING:
    from course_lib.model import GPT

DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


def save_model(
    path: str | Path,
    model: GPT,
    dtype: torch.dtype | None = None,
    metadata: Mapping[str, Any] | None = None,
    tokenizer: Any = None,
) -> None:
    """Write a GPT's weights and configuration to one file.

    `dtype=torch.float16` halves the file; `metadata` (anything that fits into JSON: recipe, scores) travels
    along and is read back by `model_metadata`. With `tokenizer`, the file says which one the model was
    trained with; a model that was loaded passes on what its file said. LoRA layers are written as the
    ordinary layers that they equal.

    Raises: ValueError if the model is no GPT, has parts that its `GPTConfig` doesn't know, or a weight that
    is no finite number, or is too large for the wanted dtype; OSError, in one sentence, if there is no room.

    >>> import tempfile
    >>> from course_lib.model import GPT
    >>> model = GPT(GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=2, width=6))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(Path(folder, "model.safetensors"), model, dtype=torch.float16)
    ...     read_file(Path(folder, "model.safetensors"), "model")[0]["tokens.weight"].dtype
    torch.float16
    """
    from course_lib.model.weights import plain_weights

    if not isinstance(getattr(model, "config", None), GPTConfig):
        raise ValueError(
            f"save_model got a {type(model).__name__} without a GPTConfig as its .config; it saves GPTs."
        )
    _check_dtype("save_model", dtype)
    if metadata is not None:
        check_instance("save_model", "metadata", metadata, Mapping, "a dict, such as {'steps': 1000}")
    fingerprint = getattr(model, "tokenizer_fingerprint", None)
    if tokenizer is not None:
        fingerprint = tokenizer_fingerprint(tokenizer)
    plain, config = plain_weights(model)
    check_finite("save_model", plain)
    misfit = _misfit(config, plain)
    if misfit:
        raise ValueError(
            f"save_model got a model that is not what its configuration says: {misfit}; it saves GPTs as "
            "GPT(config) makes them."
        )
    weights: dict[str, torch.Tensor] = {}
    converted: dict[tuple[Any, ...], torch.Tensor] = {}  # tied weights stay one tensor
    for name, weight in plain.items():
        weights[name] = converted.setdefault(
            (weight.data_ptr(), weight.shape), _converted(name, weight, dtype)
        )
    about = {"kind": "model", "config": config.to_dict(), "metadata": dict(metadata or {})}
    write_file(path, weights, {**about, "tokenizer": fingerprint})


def check_finite(owner: str, weights: Mapping[str, torch.Tensor]) -> None:
    """Raises ValueError if a weight holds what is no finite number: no model is worth keeping with that.

    >>> check_finite("save_model", {"tokens.weight": torch.tensor([1.0, 2.0])})
    """
    for name, weight in weights.items():
        if not bool(weight.isfinite().all()):
            raise ValueError(
                f"{owner} got a model whose weight {name} holds nan or infinite numbers; take earlier "
                "weights, or train again with a lower learning rate."
            )


def _check_dtype(owner: str, dtype: Any) -> None:
    if dtype is not None and dtype not in DTYPES:
        names = ", ".join(map(str, DTYPES))
        raise ValueError(f"{owner} got dtype={shown(dtype)}; weights are floats: choose one of {names}.")


def _misfit(config: GPTConfig, weights: Mapping[str, torch.Tensor]) -> str:
    """What is wrong with weights for a configuration, in a few words; nothing if they fit."""
    from course_lib.model.weights import first_misfit

    found = first_misfit(config, {name: tuple(weight.shape) for name, weight in weights.items()})
    if found:
        return f"{found[0]} is {in_words(found[1])}, where the configuration wants {in_words(found[2])}"
    for name, weight in weights.items():
        if not weight.is_floating_point():
            return f"{name} holds {weight.dtype}, where floats are wanted"
    return ""


def _converted(name: str, weight: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    if dtype is None or not weight.is_floating_point():
        return weight
    converted = weight.to(dtype)
    if not converted.isfinite().all():
        raise ValueError(
            f"The weight {name} reaches {weight.abs().max():.3g}, too large for {dtype}; save it as float32."
        )
    return converted


def load_model(
    path: str | Path,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
    tokenizer: Any = None,
) -> GPT:
    """Read a GPT from a file that `save_model` wrote; weights are float32 unless `dtype` says otherwise.

    With `tokenizer`, a model that was trained with another one is refused. What the file says of its
    tokenizer stays with the model, so that `check_tokenizer` can ask later.

    Raises: CheckpointError (a ValueError) with one sentence for a missing, damaged or foreign file;
    ValueError for a device that is not here.

    >>> import tempfile
    >>> from course_lib.model import GPT
    >>> model = GPT(GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=2, width=6))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(Path(folder, "model.safetensors"), model)
    ...     same = load_model(Path(folder, "model.safetensors"))
    >>> same.config == model.config, torch.equal(same.tokens.weight, model.tokens.weight)
    (True, True)
    """
    from course_lib.model import GPT

    _check_dtype("load_model", dtype)
    where = None if device is None else usable_device(str(device))
    weights, about = read_file(path, "model")
    config = _configuration(path, about)
    misfit = _misfit_of_file(path, config, weights)
    if misfit:
        raise CheckpointError(f"{path} does not fit together: {misfit}; make it again or take another copy.")
    model = GPT(config)
    model.load_state_dict(weights)
    fingerprint = about.get("tokenizer")
    model.tokenizer_fingerprint = fingerprint if isinstance(fingerprint, str) else None
    if tokenizer is not None:
        check_tokenizer(model, tokenizer)
    return model.to(device=where, dtype=dtype)


def _configuration(path: str | Path, about: Mapping[str, Any]) -> GPTConfig:
    try:
        return GPTConfig.from_dict(about["config"])
    except (ValueError, TypeError, KeyError) as problem:
        raise CheckpointError(
            f"{path} holds a configuration that this version does not know: {problem}"
        ) from None


def _misfit_of_file(path: str | Path, config: GPTConfig, weights: Mapping[str, torch.Tensor]) -> str:
    """As `_misfit`, in a file's words, before anything of that size is built."""
    from course_lib.model.weights import first_misfit

    try:
        found = first_misfit(config, {name: tuple(weight.shape) for name, weight in weights.items()})
    except ValueError as problem:
        return f"its configuration can't be true, {problem}"
    if found:
        return f"{found[0]} is {in_words(found[1])} in the file and {in_words(found[2])} in its configuration"
    wrong = [name for name, weight in weights.items() if not weight.is_floating_point()]
    return f"{wrong[0]} holds {weights[wrong[0]].dtype}, where floats are needed" if wrong else ""


def check_tokenizer(model: nn.Module, tokenizer: Any) -> None:
    """Raises ValueError for another tokenizer than the one that a model was trained with.

    A model that doesn't say with which one it was trained takes any with as many tokens as it has.

    >>> from course_lib.model import GPT
    >>> from course_lib.tokens import CharTokenizer
    >>> model = GPT(GPTConfig(vocab_size=4, context_length=5, n_layers=1, n_heads=2, width=6))
    >>> check_tokenizer(model, CharTokenizer.train("abc"))
    """
    check_model("check_tokenizer", model)
    found, wanted = tokenizer_fingerprint(tokenizer), getattr(model, "tokenizer_fingerprint", None)
    size = getattr(getattr(model, "config", None), "vocab_size", tokenizer.vocab_size)
    if tokenizer.vocab_size > size:
        raise ValueError(
            f"The model knows {size:,} tokens and the tokenizer has {tokenizer.vocab_size:,}: they don't "
            "belong together; take the tokenizer that the model was trained with."
        )
    if wanted is not None and wanted != found:
        raise ValueError(
            f"The model was trained with another tokenizer (fingerprint {wanted[:8]}..., this one's is "
            f"{found[:8]}...): what it writes would be nonsense; take the tokenizer that lay beside it."
        )


def model_metadata(path: str | Path) -> dict[str, Any]:
    """The metadata that `save_model` stored: recipe, scores, whatever was given.

    Raises: CheckpointError as in `load_model`.

    >>> import tempfile
    >>> from course_lib.model import GPT
    >>> model = GPT(GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=2, width=6))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(Path(folder, "model.safetensors"), model, metadata={"steps": 40, "loss": 1.5})
    ...     model_metadata(Path(folder, "model.safetensors"))
    {'steps': 40, 'loss': 1.5}
    """
    metadata = read_file(path, "model")[1].get("metadata")
    if not isinstance(metadata, dict):
        raise misshapen(path, "it has no metadata")
    return metadata
