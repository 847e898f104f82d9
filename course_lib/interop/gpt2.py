"""GPT-2 with the weights that OpenAI published: found on this machine, downloaded by hash, or given."""

from __future__ import annotations

import os
from pathlib import Path

from course_lib.arguments import check_instance, flag
from course_lib.data.download import RemoteFile, fetch, sha256_of
from course_lib.files import as_path
from course_lib.interop.importing import import_from_transformers
from course_lib.model import GPT
from course_lib.runtime import cache_dir
from course_lib.tokens import BPETokenizer

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
    check_instance("load_gpt2", "name", name, str | Path, "a folder, or a name such as 'gpt2'")
    download = flag("load_gpt2", "download", download)
    if name not in GPT2_NAMES:
        name = as_path(name)
        if not name.is_dir():
            raise ValueError(
                f"Got {str(name)!r}; needed a folder with a model, or one of {', '.join(GPT2_NAMES)}."
            )
        return import_from_transformers(name)
    own = (cache_dir() if cache is None else as_path(cache)) / name
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
