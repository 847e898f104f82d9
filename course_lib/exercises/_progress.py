"""What is kept on disk: how far a learner is, and the learner's own pieces of the GPT.

Progress is one small JSON file, `.progress.json` at the top of the course's folder (or where COURSE_PROGRESS
says); pieces are files in `my_gpt/` beside it (or where COURSE_MY_GPT says). With an answer, a hint or a
solution goes the day on which it is worth asking again. Every write is whole or not at all, and two notebooks
may write at once: each reads, merges and replaces the file under a lock. It does not know any exercise.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course_lib.exercises import _boxes
from course_lib.runtime import atomic_write, replace

# From least to most done; a merge never goes back.
_ORDER = ("not attempted", "timed out", "crashed", "wrong", "otherwise", "right")
_LOCK_SECONDS = 10.0
_LARGEST = 10_000_000  # bytes; a file that is larger is no progress file


def in_grading() -> bool:
    """Whether nbgrader is running the notebook: then `check` raises, and nothing is written."""
    return bool(os.environ.get("NBGRADER_EXECUTION"))


def course_folder() -> Path:
    """The top folder of the course: the nearest one above the current folder, or else where the package
    lies."""
    package_parent = Path(__file__).resolve().parents[2]
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        return package_parent
    for folder in (here, *here.parents, package_parent):
        if (folder / "course_lib").is_dir() and (folder / "pyproject.toml").is_file():
            return folder
    return here


def progress_path() -> Path:
    """Where progress is kept."""
    named = os.environ.get("COURSE_PROGRESS")
    return Path(named).expanduser() if named else course_folder() / ".progress.json"


def pieces_folder() -> Path:
    """Where the learner's right answers are kept."""
    named = os.environ.get("COURSE_MY_GPT")
    return Path(named).expanduser() if named else course_folder() / "my_gpt"


# Progress ---------------------------------------------------------------------------------------------------


def empty() -> dict[str, Any]:
    """Progress at the start of the course."""
    return {"version": 1, "exercises": {}, "quiz": {}}


def load(path: Path | None = None) -> tuple[dict[str, Any], str]:
    """The progress so far, and a sentence if the file was damaged and had to be set aside.

    Raises: OSError if the file is there but cannot be read.
    """
    path = path or progress_path()
    try:
        text = _bytes(path)
    except FileNotFoundError:
        return empty(), ""
    try:
        return _checked(json.loads(text)), ""
    except (ValueError, RecursionError):
        kept = _set_aside(path)
        return (
            empty(),
            f"The progress file was damaged; it was set aside as `{kept.name}`, and counting starts anew.",
        )


def load_or_empty() -> tuple[dict[str, Any], str]:
    """The progress so far and a sentence as from `load`; nothing so far, whatever is wrong with the file."""
    try:
        return load()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the file or its name
        return empty(), f"The progress file could not be read ({type(error).__name__})."


def _bytes(path: Path) -> bytes:
    """The content of a file; a pipe or a device would be read for ever."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{path.name} is not a file")
    return path.read_bytes() if status.st_size <= _LARGEST else b""


def _checked(data: Any) -> dict[str, Any]:
    """`data` if it has the form of a progress file; more keys than we know are kept as they are."""
    if not isinstance(data, dict) or not isinstance(data.get("version"), int):
        raise ValueError("not a progress file")
    for part in ("exercises", "quiz"):
        entries = data.setdefault(part, {})
        if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
            raise ValueError(f"no {part} in this progress file")
    return data


def _set_aside(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    replace(path, kept)
    return kept


def update(change: Callable[[dict[str, Any]], None], path: Path | None = None) -> str:
    """Read, change and replace the file under a lock. Gives a sentence for the learner if something was
    amiss.

    A disk that is full, or a folder that may not be written, costs the record, never the learner's work.
    """
    try:
        from filelock import FileLock

        path = path or progress_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=_LOCK_SECONDS):
            data, sentence = load(path)
            change(data)
            with atomic_write(path) as file:
                file.write(_as_bytes(data))
        return sentence
    except Exception as error:  # noqa: BLE001 - a name with half a letter, a home that is not there
        return f"Your progress could not be saved ({type(error).__name__}); the check itself is not affected."


def _as_bytes(data: dict[str, Any]) -> bytes:
    try:
        return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a letter, which JSON can name but no file hold
        return json.dumps(data, indent=1, sort_keys=True).encode()


def record_exercise(key: str, state: str) -> str:
    """Count a try at the exercise `key` ("attention.causal_mask"), and keep the best state reached."""

    def change(data: dict[str, Any]) -> None:
        entry = data["exercises"].setdefault(key, {})
        entry["tries"] = _whole(entry.get("tries")) + 1
        entry["state"] = max(state, entry.get("state"), key=_rank)
        _move(data, key, known=state == "right")

    return update(change)


def record_help(key: str, hint: int | None = None) -> str:
    """Keep the highest hint that was read, or with `hint=None` that the solution was."""

    def change(data: dict[str, Any]) -> None:
        entry = data["exercises"].setdefault(key, {})
        if hint is None:
            entry["solution"] = True
        else:
            entry["hints"] = max(_whole(entry.get("hints")), hint)
        _move(data, key, known=False)

    return update(change)


def record_quiz(topic: str, number: int, right: bool) -> str:
    """Keep whether question `number` of a topic's quiz was answered rightly, now or before."""

    def change(data: dict[str, Any]) -> None:
        entry = data["quiz"].setdefault(topic, {})
        entry[str(number)] = "right" if right or entry.get(str(number)) == "right" else "wrong"
        _move(data, question_key(topic, number), known=right)

    return update(change)


def question_key(topic: str, number: int) -> str:
    """The name under which a question of a quiz waits to be asked again."""
    return f"{topic}.quiz.{number}"


def card(data: dict[str, Any], key: str) -> _boxes.Card:
    """In which box something lies, and when it is due; what an older file says nothing of is due today."""
    cards = data.get("review")
    return _boxes.read_card(cards.get(key) if isinstance(cards, dict) else None, _boxes.today())


def _move(data: dict[str, Any], key: str, known: bool) -> None:
    after = _boxes.moved(card(data, key), known, _boxes.today())
    if not isinstance(data.get("review"), dict):
        data["review"] = {}
    data["review"][key] = after.as_json()


def _rank(state: Any) -> int:
    return _ORDER.index(state) if isinstance(state, str) and state in _ORDER else -1


def _whole(value: Any) -> int:
    return max(0, value) if type(value) is int else 0


# Pieces -----------------------------------------------------------------------------------------------------


def has_piece(piece: str) -> bool:
    """Whether something is kept under this name already."""
    try:
        return (pieces_folder() / f"{piece}.py").is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def write_piece(piece: str, text: str) -> str:
    """Write a text that was judged right to `my_gpt/<piece>.py`, whole or not at all, and say so."""
    return _told(lambda: _put(pieces_folder() / f"{piece}.py", text), f"my_gpt/{piece}.py")


def write_file(name: str, text: str, is_changed: Callable[[str], bool]) -> str:
    """Write a file that the course makes into `my_gpt/`, whole or not at all, and say so.

    If there is one that `is_changed`, by a person, it is kept under another name.
    """

    def write() -> str:
        from filelock import FileLock

        path, said = pieces_folder() / name, ""
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{progress_path()}.lock", timeout=_LOCK_SECONDS):
            if path.is_file() and not path.is_symlink():
                there = _bytes(path).decode(errors="replace")
                if there == text:
                    return ""
                if is_changed(there):
                    kept = _free_name(f"{path.stem}.yours", path)
                    replace(path, kept)
                    said = f" What you had changed in it is kept as `my_gpt/{kept.name}`."
            _put(path, text)
        return said

    return _told(write, f"my_gpt/{name}")


def _put(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():  # what it leads to is not the course's
        path.unlink()
    with atomic_write(path) as file:
        file.write(text.encode())
    return ""


def _told(write: Callable[[], str], where: str) -> str:
    try:
        return f"Kept as `{where}`.{write()}"
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        return f"It could not be kept ({type(error).__name__}: {why})."


def _free_name(stem: str, path: Path) -> Path:
    number = 1
    while (free := path.with_name(f"{stem}-{number}{path.suffix}")).exists():
        number += 1
    return free
