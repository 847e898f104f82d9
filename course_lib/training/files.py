"""Files of tensors with a description: safetensors, never pickle, whole or not at all, and checked when read.

Every file carries a version and a checksum, so that damage, another program's file and one of a newer version
are said in one sentence, before anything is done with it. It does not know what is kept in them.

Source: the format is described at https://huggingface.co/docs/safetensors.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from course_lib.arguments import check_instance, plain
from course_lib.files import as_path
from course_lib.runtime import atomic_write

VERSION = 2  # of what is written; 1 said neither its version nor what belongs together


class CheckpointError(ValueError):
    """A file that cannot be used, with a sentence that says why and what to do.

    >>> try:
    ...     read_file("no_such_file.safetensors", kind="model")
    ... except CheckpointError as problem:
    ...     print(problem)
    There is no file no_such_file.safetensors; check the path, or train a model and save it there.
    """


def write_file(path: str | Path, tensors: Mapping[str, torch.Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and a description that fits into JSON, atomically.

    Tensors that share their memory (a tied embedding and output matrix) are stored once. Numbers of NumPy and
    torch in the description become Python's.

    Raises: ValueError for a description that no JSON can hold; OSError, in one sentence, if there is no room.

    >>> import tempfile
    >>> matrix = torch.ones(10, 100)  # 4000 bytes
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "tied.safetensors")
    ...     write_file(path, {"tokens": matrix, "head": matrix}, about={"kind": "demo"})
    ...     4000 < path.stat().st_size < 5000
    True
    """
    from safetensors.torch import save

    check_instance("write_file", "tensors", tensors, Mapping, "a dict of tensors by name")
    check_instance("write_file", "about", about, Mapping, "a dict, such as {'kind': 'model'}")
    for name, tensor in tensors.items():
        check_instance("write_file", str(name), tensor, torch.Tensor, "a tensor")
    stored, same_as = _without_twins(tensors)
    text = as_json({"version": VERSION, **about, "same_as": same_as})
    header = {"format": "pt", "about": text, "checksum": checksum(stored, text)}
    with atomic_write(path, "wb") as file:
        file.write(save(stored, metadata=header))


def as_json(about: Mapping[str, Any]) -> str:
    """A description as JSON.

    Raises: ValueError for what JSON can't hold.

    >>> as_json({"steps": torch.tensor(40), "name": "好"})
    '{"steps": 40, "name": "好"}'
    """
    try:
        text = json.dumps(about, ensure_ascii=False, default=_plainly)
        text.encode()
        return text
    except UnicodeEncodeError:
        return json.dumps(about, default=_plainly)  # half a letter, which only an escape can write
    except (TypeError, ValueError, RecursionError) as problem:
        raise ValueError(
            f"A file's description takes numbers, texts, lists and dicts with texts as keys ({problem}); "
            "turn other values into these."
        ) from None


def _plainly(value: Any) -> Any:
    found = plain(value)
    if found is not value:
        return found
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"a {type(value).__name__} is none of them")


def read_file(path: str | Path, kind: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what `write_file` wrote, on the CPU.

    Raises: CheckpointError for a file that is missing, damaged, of another program, of a newer version, or of
    another kind.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "small.safetensors")
    ...     write_file(path, {"bias": torch.tensor([1, 2, 3])}, about={"kind": "demo", "steps": 40})
    ...     read_file(path, kind="demo")
    ({'bias': tensor([1, 2, 3])}, {'kind': 'demo', 'steps': 40})
    """
    check_instance("read_file", "kind", kind, str, "the name of a kind, such as 'model'")
    path = as_path(path)
    tensors, header = _open(path)
    if "about" not in header:
        raise CheckpointError(
            f"{path} was made by another program (it has no description of ours); see course_lib.interop."
        )
    text = header["about"]
    if header != {"format": "pt", "about": text, "checksum": checksum(tensors, text)}:
        raise CheckpointError(
            f"{path} is damaged (its checksum does not match); make it again or take another copy."
        )
    about = _described(path, text)
    if about.get("kind") != kind:
        raise CheckpointError(
            f"{path} is a {about.get('kind', 'file of an unknown kind')}, but a {kind} is needed here."
        )
    same_as = about.pop("same_as")
    if not tensors.keys() >= set(same_as.values()):
        raise misshapen(path)
    for twin, original in same_as.items():
        tensors[twin] = tensors[original]
    return tensors, about


def _described(path: Path, text: str) -> dict[str, Any]:
    """The description in a file, of a version and a form that is known."""
    try:
        about = json.loads(text)
        version, same_as = about.pop("version", 1), about["same_as"]
        good = isinstance(version, int) and all(isinstance(name, str) for name in same_as.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        good = False
    if not good:
        raise misshapen(path)
    if version > VERSION:
        raise CheckpointError(
            f"{path} was written by a newer version of the course (form {version}; this one reads up to "
            f"{VERSION}); update the course to read it."
        )
    return about


def misshapen(
    path: str | Path, what: str = "its description is not of a form that is known"
) -> CheckpointError:
    """The sentence for a file that is whole, but holds something else than it should.

    >>> print(misshapen("run.checkpoint", "it is empty"))
    run.checkpoint can't be used: it is empty; another version or another program wrote it: make it again.
    """
    return CheckpointError(
        f"{path} can't be used: {what}; another version or another program wrote it: make it again."
    )


def in_words(shape: tuple[int, ...] | None) -> str:
    """The shape of a weight for a message.

    >>> in_words((7, 5)), in_words(()), in_words(None)
    ('7x5', 'a number', 'missing')
    """
    return "missing" if shape is None else "x".join(map(str, shape)) or "a number"


def _open(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device would be read for ever
            raise CheckpointError(f"{path} cannot be read: it is no file, but a folder or a device.")
        raw = path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(
            f"There is no file {path}; check the path, or train a model and save it there."
        ) from None
    except OSError as problem:
        raise CheckpointError(f"{path} cannot be read: {problem.strerror}.") from None
    try:
        tensors = load(raw)
        size = int.from_bytes(raw[:8], "little")
        return tensors, json.loads(raw[8 : 8 + size]).get("__metadata__") or {}
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError, RuntimeError):
        raise CheckpointError(
            f"{path} is not a whole safetensors file ({len(raw):,} bytes: damaged, cut short or another "
            "format); make it again or take another copy."
        ) from None


def _without_twins(tensors: Mapping[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Split into the tensors to store and, for those that are the same memory, the name of the stored one."""
    stored: dict[str, torch.Tensor] = {}
    same_as: dict[str, str] = {}
    first: dict[tuple[Any, ...], str] = {}
    for name, tensor in tensors.items():
        where = (tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        if tensor.numel() and where in first:
            same_as[name] = first[where]
        else:
            first[where] = name
            stored[name] = tensor.detach().cpu().contiguous()
            if stored[name].untyped_storage().nbytes() != stored[name].nbytes:  # a part of a larger tensor
                stored[name] = stored[name].clone()
    return stored, same_as


def checksum(tensors: Mapping[str, torch.Tensor], text: str = "") -> str:
    """The SHA-256 of tensors, with their names, kinds and shapes, and of a text that goes with them.

    >>> checksum({"a": torch.ones(2)}) == checksum({"a": torch.ones(1, 2)})
    False
    """
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
