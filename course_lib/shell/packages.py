"""Which packages the course needs, and whether a version is in a range.

For `course_lib.shell.doctor`. Uses nothing but Python's own library, since any package may be missing.
"""

from __future__ import annotations

import importlib.metadata
import operator
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

COMPARE = {
    **{"==": operator.eq, "!=": operator.ne},
    **{">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt},
}


def requirements(pyproject: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The packages that the course needs and those that only its tests need, each with its range.

    Where there is no pyproject.toml, what was recorded when the course was installed.
    """
    try:
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        needed, tools = project["dependencies"], project["optional-dependencies"]["test"]
    except FileNotFoundError:
        recorded = importlib.metadata.requires("course-lib") or []
        tools = [line.partition(";")[0] for line in recorded if "extra ==" in line]
        needed = [line for line in recorded if "extra ==" not in line]
    return _named(needed), _named(tools)


def _named(lines: Iterable[str]) -> dict[str, str]:
    parts = (re.match(r"\s*([\w.-]+)\s*(.*?)\s*$", line) for line in lines)
    return {part[1]: part[2] for part in parts if part}


def in_range(version: str, span: str) -> bool:
    """Whether a version is in a range such as ">=1.2,<2". What follows the numbers (+cpu, rc1) is not read.

    >>> in_range("2.13.1+cpu", ">=2.13,<2.14"), in_range("2.9", ">=2.13")
    (True, False)
    """
    for limit in filter(None, (part.strip() for part in span.split(","))):
        found = re.fullmatch(r"(==|!=|>=|<=|>|<)\s*(\d\S*)", limit)
        if not found:
            raise ValueError(f"in_range got the range {span!r}; it needs limits such as >=1.2,<2.")
        if not COMPARE[found[1]](_numbers(version), _numbers(found[2])):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    """(1, 2) for 1.2, 1.2.0 and 1.2+cpu."""
    found = re.match(r"\d+(\.\d+)*", version)
    if not found:
        raise ValueError(f"in_range got the version {version!r}; it needs numbers, such as 1.2.0.")
    numbers = [int(part) for part in found[0].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
