"""What stands in a GGUF file: facts about a model by name, and where each of its tensors lies.

The form is read by the package `gguf`. What is changed here: only so much is read as a head may have, and
nothing beyond the end of a file, whatever it claims, and a long list is taken at once. It does not know what
the names mean.

Source: the format is described at https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import errno
import math
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFReader, GGUFValueType

from course_lib.arguments import check_instance, shown
from course_lib.files import as_path, explained
from course_lib.pretrained.quantization import KINDS, dequantize

MOST_NAMES = 10_000  # facts, or tensors: no model has nearly so many
MOST_ENTRIES = 4_000_000  # of a list: the largest vocabularies have 300,000
MOST_DIMENSIONS = 4
LONGEST_NAME = 200  # characters
HEAD = 1 << 26  # bytes before the numbers begin: the largest vocabularies take a quarter of it
PORTION = 1 << 18  # numbers that are read at a time, so that hardly any memory is taken beside the weights


@dataclass(frozen=True)
class Stored:
    """A tensor in a file: its kind, its shape as torch writes it, and which bytes are its own.

    >>> Stored("blk.0.attn_q.weight", "Q4_1", shape=(2, 64), start=96, nbytes=80).shape
    (2, 64)
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    start: int
    nbytes: int


class Container:
    """A GGUF file: `facts` by name, `tensors` by name, and the numbers of each.

    Raises: ValueError, in one sentence, for a file that is missing, damaged, cut short or of another format.

    >>> import tempfile
    >>> from gguf import GGUFWriter
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writer = GGUFWriter(f"{folder}/small.gguf", arch="llama")
    ...     writer.add_tensor("norm.weight", np.array([1.5, 2.5], dtype=np.float16))
    ...     for write in (writer.write_header_to_file, writer.write_kv_data_to_file):
    ...         write()
    ...     writer.write_tensors_to_file()
    ...     writer.close()
    ...     small = Container(f"{folder}/small.gguf")
    ...     small.facts["general.architecture"], small.tensors["norm.weight"].kind, small.read("norm.weight")
    ('llama', 'F16', tensor([1.5000, 2.5000]))
    """

    def __init__(self, path: str | Path):
        self.path = as_path(path)
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):  # a pipe or a device would be read for ever
                raise ValueError(f"{self.path} is no file, but a folder or a device; give a GGUF file.")
            size = self.path.stat().st_size
            with self.path.open("rb") as file:
                if file.read(4) != b"GGUF":
                    raise ValueError(f"{self.path} is no GGUF file (it begins otherwise); give another.")
        except FileNotFoundError:
            raise ValueError(f"There is no file {self.path}; give the path of a GGUF file.") from None
        except OSError as problem:
            if problem.errno == errno.ENAMETOOLONG:
                raise explained(problem, self.path) from None
            raise ValueError(f"{self.path} cannot be read ({problem.strerror}); allow it.") from None
        try:
            reader = _Reader(self.path)
            if reader.byte_order != "I":
                raise ValueError("it is written for processors of another byte order")
            self.facts: dict[str, Any] = {name: _value(field) for name, field in reader.fields.items()}
            self.tensors = {tensor.name: tensor for tensor in reader.tensors}
            _check_places(reader, size)
        except (ValueError, KeyError, IndexError, TypeError, OverflowError, OSError) as problem:
            raise ValueError(
                f"{self.path} is damaged, cut short, or of a form that is not known ({_brief(problem)}); get "
                "the file again."
            ) from None

    def read(self, name: str) -> torch.Tensor:
        """A tensor's numbers, in its shape and in float32.

        Raises: ValueError for a name that is not in the file, or a kind of quantization that is not known.
        """
        shape = self._named(name).shape
        rows = torch.cat(list(self.portions(name)))
        return rows.view(shape)

    def portions(self, name: str) -> Iterator[torch.Tensor]:
        """The same, some rows at a time.

        Shapes: each (rows, columns); a tensor of one dimension is one row.
        """
        tensor = self._named(name)
        check_kind(tensor)
        *_, columns = tensor.shape
        rows = tensor.nbytes // row_bytes(tensor)
        step = max(1, PORTION // columns)
        with self.path.open("rb") as file:
            file.seek(tensor.start)
            for first in range(0, rows, step):
                count = min(step, rows - first)
                data = bytearray(count * row_bytes(tensor))
                if file.readinto(data) != len(data):
                    raise ValueError(f"{self.path} was cut short while it was read; get the file again.")
                numbers = torch.frombuffer(data, dtype=torch.uint8)
                yield dequantize(numbers, tensor.kind).view(count, columns)

    def _named(self, name: str) -> Stored:
        if not isinstance(name, str) or name not in self.tensors:
            raise ValueError(f"{self.path} has no tensor {shown(name)}; its `tensors` are what it has.")
        return self.tensors[name]


def row_bytes(tensor: Stored) -> int:
    """The bytes that one row of a tensor takes.

    >>> row_bytes(Stored("q", "Q4_1", (2, 64), start=0, nbytes=80))
    40
    """
    check_kind(tensor)
    kind = KINDS[tensor.kind]
    return tensor.shape[-1] // kind.numbers * kind.nbytes


def check_kind(tensor: Stored) -> None:
    """Raises ValueError unless a tensor is stored in a way that can be read here.

    >>> check_kind(Stored("q", "Q6_K", (1, 256), start=0, nbytes=210))
    Traceback (most recent call last):
    ValueError: the tensor q is stored as Q6_K; only F32, F16, Q8_0, Q4_0, Q4_1 can be read here.
    """
    check_instance("check_kind", "tensor", tensor, Stored, "one of a Container's `tensors`")
    if tensor.kind not in KINDS:
        known = ", ".join(KINDS)
        raise ValueError(
            f"the tensor {tensor.name} is stored as {tensor.kind}; only {known} can be read here."
        )


def _check_places(reader: _Reader, size: int) -> None:
    """Raises ValueError unless every tensor has bytes of its own, as many as its shape needs, and a name."""
    if len({tensor.name for tensor in reader.tensors}) < len(reader.tensors):
        raise ValueError("two tensors have the same name")
    end = reader.data_offset
    for tensor in sorted(reader.tensors, key=lambda tensor: tensor.start):
        if tensor.kind in KINDS:
            rest, whole = tensor.shape[-1] % KINDS[tensor.kind].numbers, row_bytes(tensor)
            if rest or whole * math.prod(tensor.shape[:-1]) != tensor.nbytes:
                raise ValueError(f"the tensor {tensor.name} is not of the size that its shape says")
        if tensor.start < end or tensor.start + tensor.nbytes > size:
            raise ValueError(f"the tensor {tensor.name} lies on another, or behind the end of the file")
        end = tensor.start + tensor.nbytes


def _brief(problem: Exception) -> str:
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text if len(text) <= 120 else text[:117] + "..."


# gguf's own reader, on its guard ------------------------------------------------------------------


class _Reader(GGUFReader):
    """The reader of `gguf`, which trusts a file's numbers, made to stop at its end and at absurd counts."""

    @property
    def data(self) -> np.ndarray:
        """The head of the file, in memory."""
        return self._head

    @data.setter
    def data(self, mapped: np.memmap) -> None:
        """Theirs lies on the disk: if another program cuts the file meanwhile, the system ends this one."""
        with open(mapped.filename, "rb") as file:
            self._head = np.frombuffer(file.read(min(HEAD, len(mapped))), dtype=np.uint8)

    def _get(self, offset: int, dtype: Any, count: int = 1, override_order: Any = None) -> Any:
        if int(offset) + np.dtype(dtype).itemsize * int(count) > len(self.data):
            raise ValueError("it ends too early" if len(self.data) < HEAD else "its head is too long")
        return super()._get(offset, dtype, count, override_order)

    def _build_fields(self, offs: int, count: int) -> int:
        if count > MOST_NAMES:
            raise ValueError(f"it claims {count} facts")
        return super()._build_fields(offs, count)

    def _build_tensor_info(self, offs: int, count: int) -> Any:
        if count > MOST_NAMES:
            raise ValueError(f"it claims {count} tensors")
        return super()._build_tensor_info(offs, count)

    def _build_tensors(self, start_offs: int, fields: list[Any]) -> None:
        """Notes where the numbers lie. Theirs looks at them too."""
        self.tensors = [_stored(int(start_offs), *field.parts) for field in fields]

    def _get_field_parts(self, orig_offs: int, raw_type: int) -> Any:
        """A list becomes one part, however long it is: theirs takes seconds for a vocabulary."""
        if raw_type != GGUFValueType.ARRAY:
            return super()._get_field_parts(orig_offs, raw_type)
        head = self._get(orig_offs, np.uint8, 12)
        kind = GGUFValueType(int(head[:4].view(np.uint32)[0]))
        count = int(head[4:].view(np.uint64)[0])
        if count > MOST_ENTRIES or kind == GGUFValueType.ARRAY:
            raise ValueError(f"it has a list of {count} entries of the type {kind.name}")
        if kind == GGUFValueType.STRING:
            size = self._strings_end(orig_offs + 12, count) - orig_offs
        else:
            size = 12 + count * np.dtype(self.gguf_scalar_to_np[kind]).itemsize
        return size, [self._get(orig_offs, np.uint8, size)], [0], [GGUFValueType.ARRAY, kind]

    def _strings_end(self, start: int, count: int) -> int:
        data, place = memoryview(self.data), start
        for _ in range(count):
            place += 8 + int.from_bytes(data[place : place + 8], "little")
            if place > len(data):
                raise ValueError("it ends too early")
        return place


def _stored(start: int, _: Any, name: Any, __: Any, sizes: Any, kind: Any, offset: Any) -> Stored:
    """A tensor from what stands in the head about it; the numbers of all tensors begin at `start`."""
    text = bytes(name).decode("utf-8")
    if not text.isprintable() or not 0 < len(text) <= LONGEST_NAME:
        raise ValueError("the name of a tensor is empty, too long, or no text")
    if not 1 <= len(sizes) <= MOST_DIMENSIONS or not all(sizes):
        raise ValueError(f"the tensor {text} is empty, or has more than {MOST_DIMENSIONS} dimensions")
    shape = tuple(reversed(sizes.tolist()))  # theirs begins with the columns
    kind = GGMLQuantizationType(int(kind[0]))
    numbers, nbytes = GGML_QUANT_SIZES[kind]
    return Stored(text, kind.name, shape, start + int(offset[0]), math.prod(shape) // numbers * nbytes)


def _value(field: Any) -> Any:
    """A fact as Python's own number, text or list."""
    if field.types[0] != GGUFValueType.ARRAY:
        return field.contents()
    raw, kind = bytes(field.parts[-1]), field.types[1]
    if kind != GGUFValueType.STRING:
        return np.frombuffer(raw[12:], dtype=GGUFReader.gguf_scalar_to_np[kind]).tolist()
    texts, place = [], 12
    while place < len(raw):
        length = int.from_bytes(raw[place : place + 8], "little")
        texts.append(raw[place + 8 : place + 8 + length].decode("utf-8"))
        place += 8 + length
    return texts
