"""Arguments, looked at before any work: numbers, choices and ids, of whatever kind they come.

A number may be Python's, NumPy's or torch's own, and 4.0 is as good as 4; a text, True and NaN are no
numbers. Every check gives the plain value, or raises ValueError with one sentence: what came, what is needed.
It knows no model, and loads torch only to make a tensor.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

SEEDS = (-(2**63), 2**64 - 1)  # what torch takes
_LONGEST = 60  # characters of a value in a message
_MOST_NUMBERS = 10**15  # in a model; four petabytes
_LARGEST = 2**63 - 1  # the largest whole number that torch and NumPy count with


def shown(value: Any) -> str:
    """A value as a message says it: short, on one line, and of an array its shape and type only.

    >>> shown("a" * 100), shown(4.5)
    ("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...", '4.5')
    """
    if getattr(value, "shape", ()) and hasattr(value, "dtype"):
        return f"a {type(value).__name__} of shape {tuple(value.shape)} and type {value.dtype}"
    if isinstance(value, type):
        return f"the class {_name(value)}"
    if callable(value) and not hasattr(value, "shape"):
        return (
            f"the {type(value).__name__} {_name(value)}"
            if hasattr(value, "__name__")
            else f"a {_name(value)}"
        )
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no number of thousands of digits
        text = f"a very long {_name(value)}"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 4] + "..."


def _name(value: Any) -> str:
    return getattr(value, "__name__", type(value).__name__)


def wrong(owner: str, name: str, value: Any, needed: str) -> ValueError:
    """The sentence for a value that can't be taken; without an owner, the form that `GPTConfig` has.

    >>> wrong("train", "steps", -1, "0 or more")
    ValueError('train got steps=-1; it must be 0 or more.')
    """
    if not owner:
        return ValueError(f"{name} is {shown(value)}, but it must be {needed}")
    return ValueError(f"{owner} got {name}={shown(value)}; it must be {needed}.")


def plain(value: Any) -> Any:
    """Python's own value for a number of NumPy's or torch's; anything else as it is.

    >>> import numpy
    >>> plain(numpy.float64(0.5)), plain("0.5")
    (0.5, '0.5')
    """
    single = getattr(value, "ndim", None) == 0 and hasattr(value, "item")
    return value.item() if single else value


def _is_number(value: Any) -> bool:
    if isinstance(value, int):  # one that no float can hold can't be reckoned with
        return not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return isinstance(value, float) and not math.isnan(value)


def whole_number(value: Any) -> int | None:
    """An int, if this is a single number without a fraction; True and False are none.

    >>> whole_number(3.0), whole_number(3.5)
    (3, None)
    """
    number = plain(value)
    if isinstance(number, float) and number.is_integer():
        return int(number)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def whole(owner: str, name: str, value: Any, least: int | None = 1, most: int | None = None) -> int:
    """A whole number between `least` and `most`.

    >>> import numpy
    >>> whole("train", "steps", numpy.int32(3)), whole("train", "steps", 4.0)
    (3, 4)
    """
    number = whole_number(value)
    if number is not None and most is None and number > _LARGEST:
        most = _LARGEST
    if number is not None and (least is None or number >= least) and (most is None or number <= most):
        return number
    needed = "a whole number"
    if least is not None:
        needed += f" of at least {least}" if most is None else f" from {least} to {most}"
    elif most is not None:
        needed += f" of at most {most}"
    raise wrong(owner, name, value, needed)


def number(
    owner: str,
    name: str,
    value: Any,
    needed: str = "a finite number",
    good: Callable[[Any], bool] | None = None,
) -> int | float:
    """A number for which `good` holds (by default, one that is finite); `needed` says that in words.

    >>> number("train", "lr", 1e-3, "above 0", lambda x: x > 0)
    0.001
    """
    found = plain(value)
    if _is_number(found) and (math.isfinite(found) if good is None else good(found)):
        return found
    raise wrong(owner, name, value, needed)


def flag(owner: str, name: str, value: Any) -> bool:
    """True or False, and nothing that only counts as one of them.

    >>> flag("GPTConfig", "bias", 1)
    True
    """
    found = plain(value)
    if isinstance(found, bool | int) and found in (0, 1):
        return bool(found)
    raise wrong(owner, name, value, "True or False")


def choice(owner: str, name: str, value: Any, options: Iterable[Any]) -> Any:
    """One of some names.

    >>> choice("train", "precision", "float32", ["float32", "bfloat16"])
    'float32'
    """
    options = list(options)
    if isinstance(value, str) and value in options:
        return value
    raise wrong(owner, name, value, f"one of {', '.join(map(str, options))}")


def many(owner: str, name: str, value: Any, what: str) -> list[Any]:
    """Several things as a list; a text is one thing, though Python would take it letter by letter.

    >>> many("add_lora", "targets", ("qkv", "out"), "names")
    ['qkv', 'out']
    """
    if isinstance(value, str | bytes) or not is_several(value):
        raise wrong(owner, name, value, f"a list of {what}")
    return list(value)


def is_several(value: Any) -> bool:
    """Whether Python can go through a value item by item; a tensor with no axis only looks like it.

    >>> import numpy
    >>> is_several([1, 2]), is_several(numpy.array(1)), is_several(5)
    (True, False, False)
    """
    return isinstance(value, Iterable) and getattr(value, "ndim", 1) != 0


def id_line(owner: str, ids: Any, name: str = "ids") -> torch.Tensor:
    """One line of token ids as a tensor (N,), from a tensor, an array or a list.

    Raises: ValueError for a text, for numbers with a part behind the point, and for another shape.

    >>> id_line("train", [3, 1, 2])
    tensor([3, 1, 2])
    """
    if isinstance(ids, str | bytes):
        raise ValueError(
            f"{owner} got {name}={shown(ids)}, a text; it needs token ids: tokenizer.encode(text)."
        )
    line = as_tensor(ids)
    if line is not None and line.shape == (0,):
        line = line.long()
    if line is None or line.ndim != 1 or not is_whole(line):
        found = shown(ids) if line is None else f"{name} of shape {tuple(line.shape)} and type {line.dtype}"
        raise ValueError(
            f"{owner} got {found}; it needs one line of whole numbers, (N,): make it with encode_documents."
        )
    return line


def as_tensor(values: Any) -> torch.Tensor | None:
    """A tensor of an array or of (nested) lists of numbers, or None where that is not possible.

    >>> as_tensor([[1, 2], [3, 4]]).shape, as_tensor([[1], [2, 3]])
    (torch.Size([2, 2]), None)
    """
    import numpy
    import torch

    if isinstance(values, torch.Tensor):
        return values
    if isinstance(values, Sequence) and not values:
        return torch.zeros(0, dtype=torch.int64)
    try:
        if isinstance(values, Sequence) and isinstance(values[0], torch.Tensor):
            return torch.stack(list(values))
        array = numpy.asarray(values)
        if array.dtype.kind in "iu":  # unsigned ones have few operations in torch
            array = array.astype(numpy.int64)
        return torch.tensor(array)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None


def is_whole(tensor: torch.Tensor) -> bool:
    """Whether a tensor holds whole numbers by its type.

    >>> import torch
    >>> is_whole(torch.tensor([1, 2])), is_whole(torch.tensor([1.0])), is_whole(torch.tensor([True]))
    (True, False, False)
    """
    import torch

    return not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)


def check_ids(owner: str, ids: torch.Tensor, vocab_size: int | None, ignore: int | None = None) -> None:
    """Raises ValueError for an id outside the vocabulary; those that equal `ignore` don't matter.

    >>> import torch
    >>> check_ids("train", torch.tensor([0, 7]), vocab_size=5)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: train got the id 7, but this model's ids go from 0 to 4; encode the text with the model's ...
    """
    if vocab_size is None or not ids.numel():
        return
    if ignore is not None:
        ids = ids.where(ids != ignore, 0)
    low, high = (int(end) for end in ids.aminmax())
    if low < 0 or high >= vocab_size:
        raise ValueError(
            f"{owner} got the id {low if low < 0 else high}, but this model's ids go from 0 to "
            f"{vocab_size - 1}; encode the text with the model's own tokenizer."
        )


def check_batch(owner: str, ids: Any) -> torch.Tensor:
    """Raises ValueError unless these are token ids for a model, (B, T); gives them back.

    >>> check_batch("GPT", [[1, 2]])
    Traceback (most recent call last):
    ValueError: GPT got ids=[[1, 2]]; it needs a tensor of whole numbers (B, T), such as torch.tensor([ids]).
    """
    import torch

    if not (isinstance(ids, torch.Tensor) and ids.ndim == 2 and ids.dtype in (torch.int64, torch.int32)):
        line = isinstance(ids, torch.Tensor) and ids.ndim == 1
        raise ValueError(
            f"{owner} got ids={shown(ids)}; it needs a tensor of whole numbers (B, T), such as "
            f"{'ids[None]' if line else 'torch.tensor([ids])'}."
        )
    if not ids.numel():
        raise wrong(owner, "ids", ids, "a tensor (B, T) with B and T at least 1")
    return ids


def check_floats(owner: str, name: str, value: Any, last: int | str | None = None) -> None:
    """Raises ValueError unless a value is a tensor of floats whose last axis is as long as `last` says.

    A letter stands for any length above 0, None for any shape at all.

    >>> import torch
    >>> check_floats("top_k", "logits", [1, 2], "V")
    Traceback (most recent call last):
    ValueError: top_k got logits=[1, 2]; it must be a tensor of floats of shape (..., V).
    >>> check_floats("MLP", "x", torch.ones(2, 3), last=3)
    """
    import torch

    if isinstance(value, torch.Tensor) and value.is_floating_point():
        shape = value.shape
        if last is None or (shape and (shape[-1] == last or (isinstance(last, str) and shape[-1] > 0))):
            return
    shape = "" if last is None else f" of shape (..., {last})"
    raise wrong(owner, name, value, f"a tensor of floats{shape}")


def check_size(owner: str, numbers: int) -> None:
    """Raises ValueError for a model of so many numbers that no memory holds them; nothing is built to see it.

    >>> check_size("GPT", 10**16)
    Traceback (most recent call last):
    ValueError: GPT would have 10000000000000000 numbers, more than a memory holds; choose smaller sizes.
    """
    if numbers > _MOST_NUMBERS:
        raise ValueError(
            f"{owner} would have {shown(numbers)} numbers, more than a memory holds; choose smaller sizes."
        )


def check_instance(owner: str, name: str, value: Any, kind: type | tuple[type, ...], needed: str) -> None:
    """Raises ValueError unless a value is of some kind, which `needed` says in words, with an example.

    >>> check_instance("GPT", "config", 3, str, "a name")
    Traceback (most recent call last):
    ValueError: GPT got config=3; it must be a name.
    """
    if not isinstance(value, kind):
        raise wrong(owner, name, value, needed)


def check_function(owner: str, name: str, value: Any, takes: int, needed: str) -> None:
    """Raises ValueError unless a value can be called with so many arguments, as far as that can be known.

    >>> check_function("train", "clock", len, 0, "a function that gives seconds")
    Traceback (most recent call last):
    ValueError: train got clock=the builtin_function_or_method len; it must be a function that gives seconds.
    """
    if not callable(value):
        raise wrong(owner, name, value, needed)
    try:
        signature = inspect.signature(getattr(value, "forward", value))  # of a module, what it is called with
    except (ValueError, TypeError):  # some of Python's own don't say what they take
        return
    try:
        signature.bind(*[None] * takes)
    except TypeError:
        raise wrong(owner, name, value, needed) from None


def is_number(value: Any) -> bool:
    """Whether a value is a number: Python's, NumPy's, or a tensor with no axis; True, NaN and "1" are none.

    >>> is_number(0.5), is_number(True), is_number("1"), is_number(None)
    (True, False, False, False)
    """
    return _is_number(plain(value))


def id_list(owner: str, ids: Any) -> list[int]:
    """Token ids as a list of Python's whole numbers, from a list, an array or a tensor; 3.0 is as good as 3.

    Raises: ValueError for a text, for numbers that aren't whole or below 0, and for anything that is no list.

    >>> import numpy
    >>> id_list("encode", numpy.array([3, 1])), id_list("encode", (2.0, 5))
    ([3, 1], [2, 5])
    """
    items = _items(owner, ids)
    if all(type(item) is int and item >= 0 for item in items):
        return items
    return [_id(owner, item) for item in items]


def _items(owner: str, ids: Any) -> list[Any]:
    if isinstance(ids, str | bytes):
        raise ValueError(
            f"{owner} got {shown(ids)}, a text; it needs token ids: tokenizer.encode(text) gives them."
        )
    values = ids.tolist() if hasattr(ids, "tolist") else ids
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise ValueError(f"{owner} got {shown(ids)}; it needs a list of token ids, e.g. [3, 1].")
    return list(values)


def _id(owner: str, value: Any) -> int:
    number = whole_number(value)
    if number is None or number < 0:
        raise ValueError(f"{owner} got the token id {shown(value)}; ids are whole numbers of 0 or more.")
    return number


def id_rows(owner: str, prompts: Any) -> tuple[list[list[int]], bool]:
    """One list of token ids or several, as rows, and whether there was only one.

    Raises: ValueError as `id_list` does, and for a mixture of ids and lists.

    >>> id_rows("generate", [4, 2]), id_rows("generate", [[4, 2], [5]])
    (([[4, 2]], True), ([[4, 2], [5]], False))
    """
    items = _items(owner, prompts)
    rows = [item for item in items if _is_row(item)]
    if not rows:
        return [id_list(owner, items)], True
    if len(rows) < len(items):
        raise ValueError(f"{owner} got {shown(prompts)}; it needs one list of token ids, or a list of lists.")
    return [id_list(owner, row) for row in rows], False


def _is_row(item: Any) -> bool:
    return isinstance(item, str | bytes) or (isinstance(item, Iterable) and getattr(item, "ndim", 1) > 0)


def text_list(owner: str, texts: Any) -> list[str]:
    """Several texts as a list. One text by itself is refused: it would be taken letter by letter.

    Raises: ValueError unless it is a collection of texts.

    >>> text_list("bleu", ("a kite", "a hat"))
    ['a kite', 'a hat']
    """
    if isinstance(texts, str | bytes):
        raise ValueError(
            f"{owner} got one text, {shown(texts)}; it needs a list of texts: put it in brackets."
        )
    values = texts.tolist() if hasattr(texts, "tolist") else texts
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise ValueError(f"{owner} got {shown(texts)}; it needs a list of texts.")
    found = list(values)
    for place, text in enumerate(found):
        if not isinstance(text, str):
            raise ValueError(f"{owner} got {shown(text)} as text {place}; it needs texts, each a str.")
    return found


def check_tokenizer(owner: str, tokenizer: Any) -> None:
    """Raises ValueError for what makes no ids of a text.

    >>> check_tokenizer("translate", "bpe")
    Traceback (most recent call last):
    ValueError: translate got tokenizer='bpe'; it must be a tokenizer, such as CharTokenizer.train(text).
    """
    able = all(callable(getattr(tokenizer, name, None)) for name in ("encode", "decode"))
    if isinstance(tokenizer, type) or not able:
        raise wrong(owner, "tokenizer", tokenizer, "a tokenizer, such as CharTokenizer.train(text)")
