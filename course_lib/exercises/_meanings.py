"""Crashes of the common kinds in words: what a message means, with the learner's line.

It does not know about exercises.
"""

from __future__ import annotations

import re

from course_lib.exercises import _run

# Kind of the exception (a part of its name), pattern of its message, what it means.
_MEANINGS: tuple[tuple[str, str, str], ...] = (
    (
        "RuntimeError|ValueError",
        r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)|could not be broadcast",
        "The two sides have sizes that don't go together. Has one of them lost an axis? `sum`, `mean`, `max` "
        "and others drop the axis they run over; `keepdim=True` keeps it, with size 1, and it then fits.",
    ),
    (
        "IndexError",
        r"Dimension out of range|too many indices|axis \d+ is out of bounds",
        "That axis does not exist: the tensor has fewer axes than this line takes for granted. Count axes "
        "from the end (`dim=-1`) and it is right for any number of them; `print(x.shape)` tells.",
    ),
    (
        "RuntimeError|ValueError",
        r"mat1 and mat2 shapes|cannot be multiplied|size mismatch, got|Expected size for first two dim"
        r"|inconsistent tensor size|mismatch in its core dimension",
        "In a matrix product the last axis on the left must be as long as the last but one on the right: "
        "(..., n, k) @ (..., k, m). Is one of the two turned the wrong way (`.transpose(-2, -1)`)?",
    ),
    (
        "RuntimeError|IndexError|TypeError",
        r"tensors used as indices must be|expected .*index.* (?:int64|long)|"
        r"Expected dtype int64|only integer tensors of a single element|"
        r"(?:list|tuple|string) indices must be integers",
        "An index must be a whole number: a tensor of ids is of dtype `torch.long`, one that picks by True "
        "and False is `torch.bool`.",
    ),
    (
        "RuntimeError|TypeError",
        r"only supports boolean masks|expects a bool|masked_fill.*bool|"
        r"bitwise_not|expected predicate to be bool|ufunc 'invert'",
        "A mask must hold True and False (dtype `torch.bool`), not 0.0 and 1.0.",
    ),
    (
        "RuntimeError",
        r"expected scalar type|same dtype|but found|expected m1 and m2 to have the same dtype|"
        r"not implemented for '(?:Long|Bool|Int)'|result type \w+ can't be cast|"
        r"Input dtype must be either a floating point|could not infer output dtype",
        "Two kinds of numbers meet here (whole ones and floats, or floats of two sizes), or the operation "
        "doesn't know this kind. `.float()` and `.long()` convert.",
    ),
    (
        "IndexError|RuntimeError",
        r"index out of range in self|index \d+ is out of bounds for dimension|"
        r"Target \d+ is out of bounds|out of bounds: -?\d+|Class values must be|"
        r"index -?\d+ is out of bounds for axis",
        "An id points past the end of the table: with V rows the ids go from 0 to V - 1. Do the ids belong "
        "to this table, and is it the right axis?",
    ),
    (
        "RuntimeError",
        r"view size is not compatible",
        "`view` only works on numbers that lie in order in memory. After a `transpose` or `permute`, and in "
        "a part of a larger tensor, they don't. `reshape` and `flatten` work on all of them.",
    ),
    (
        "RuntimeError",
        r"shape '.*' is invalid for input of size",
        "`view` and `reshape` keep all numbers: the product of the new sizes must be that of the old ones.",
    ),
    (
        "RuntimeError",
        r"leaf Variable that requires grad|modified by an inplace operation|view of a leaf",
        "A tensor that gradients are asked for is changed in place (`+=`, `x[...] =`, a method with `_` at "
        "its end). Make a new tensor: `x = x + ...`.",
    ),
    (
        "RuntimeError|TypeError",
        r"Can't call numpy\(\)|can't convert .* to numpy|__array__\(\).*requires grad",
        "NumPy can't follow gradients, so it refuses tensors that carry them. torch has the same functions: "
        "use `torch.exp`, `torch.sqrt` and so on instead of `np....` and `math....`.",
    ),
    (
        "RuntimeError",
        r"does not require grad and does not have a grad_fn",
        "There is nothing to go back through: the result was cut off on the way (`.detach()`, `.item()`, "
        "`no_grad`), or it never came from a tensor that asks for gradients.",
    ),
    (
        "RuntimeError",
        r"backward through the graph a second time",
        "`backward` frees what it went through, and here it is asked for twice.",
    ),
    (
        "RuntimeError",
        r"Boolean value of Tensor with more than one value",
        "`if`, `and`, `or` and `max` need one True or False, and this is a whole tensor of them. Use "
        "`torch.where`, `&`, `|`, or `.any()` and `.all()`.",
    ),
    (
        "RuntimeError|ValueError|TypeError",
        r"only one element tensors|cannot be converted to (?:a )?Scalar|only .*length-1 arrays|"
        r"only 0-dimensional arrays",
        "Only a tensor with a single number in it can become a plain number.",
    ),
    (
        "ValueError|RuntimeError|IndexError",
        r"(?:max|min)\(\) (?:arg is an empty sequence|iterable argument is empty)|"
        r"Expected reduction dim.*(?:non-zero size|numel\(\) == 0)|not have an identity|zero-size array|"
        r"Cannot choose from an empty|expected a non-empty (?:list|TensorList)",
        "There is nothing in it: the largest of nothing, or a choice from nothing, is an error. What should "
        "the answer be for an empty input? `max(..., default=...)` is one way.",
    ),
    (
        "AttributeError",
        r"before Module\.__init__\(\) call",
        "A module can keep layers only after it was begun: write `super().__init__()` as the first line of "
        "`__init__`.",
    ),
    (
        "ZeroDivisionError",
        r"",
        "The divisor is 0 in this call. What should the answer be then?",
    ),
    (
        "KeyError",
        r"",
        "The dictionary has no such key. `counts.get(key, 0)` gives 0 in that case, and `key in counts` asks "
        "first.",
    ),
    (
        "IndexError",
        r"(?:list|string|tuple|deque|bytearray|pop|range object|assignment) index out of range|"
        r"pop from (?:an )?empty|index out of range",
        "It looks past an end: a list of n items has the places 0 to n - 1, and an empty one has none.",
    ),
    (
        "AttributeError|TypeError",
        r"'NoneType' object",
        "Something is None here that should have a value. Does a function of yours lack its `return`? "
        "Methods such as `append`, `sort` and `update` give None too.",
    ),
    (
        "TypeError",
        r"missing \d+ required|takes \d+ positional|takes from \d+|unexpected keyword|takes no arguments",
        "A function is called with arguments other than those in its `def`.",
    ),
    (
        "UnboundLocalError",
        r"",
        "The name gets its value later, or only in a branch that was not taken. Give it a value before.",
    ),
    ("NameError", r"", "There is no such name: a slip of the pen, or a cell above that was not run?"),
    (
        "TypeError",
        r"not callable",
        "There are brackets behind something that is no function. Has a name been used twice, for a function "
        "and for a value?",
    ),
    (
        "TypeError",
        r"unsupported operand|can only concatenate|not supported between|must be str, not",
        "The two sides are of kinds that don't go together: is one of them still a text, a list or None?",
    ),
    ("UnicodeDecodeError", r"", 'Not every row of bytes is text. `.decode(errors="replace")` never fails.'),
    ("RecursionError", r"", "The function calls itself without an end. When should it stop?"),
    ("MemoryError", r"", "It asks for more memory than there is."),
)


def meaning(crash: _run.Crash) -> str:
    """A sentence on a crash of a common kind, or nothing.

    >>> meaning(_run.Crash("KeyError", "'a'")).split(".")[0]
    'The dictionary has no such key'
    """
    for kinds, pattern, sentence in _MEANINGS:
        if crash.kind in kinds.split("|") and re.search(pattern, crash.message, re.IGNORECASE):
            return sentence
    return ""


def told(crash: _run.Crash) -> str:
    """A crash in words: its message, what that means, and the line of the learner's where it happened."""
    sentence = meaning(crash)
    line = _last_line(crash)
    if not crash.lines:
        sentence = f"It happened when what your answer gave was used. {sentence}".strip()
    elif sentence and line:
        sentence = f"In `{line}`: {sentence[0].lower() if _lowers(sentence) else sentence[0]}{sentence[1:]}"
    return f"`{crash}`" + (f"\n\n{sentence}" if sentence else "")


def _last_line(crash: _run.Crash) -> str:
    text = crash.lines[-1].partition(":  ")[2].strip() if crash.lines else ""
    return text if text and "`" not in text and len(text) < 100 else ""


def _lowers(sentence: str) -> bool:
    """Whether a sentence may begin with a small letter: not if it begins with a name."""
    return sentence[0].isupper() and not sentence.startswith(("NumPy", "I "))
