"""The capstone: whose parts are taken, the file that is made of them, and that it is the course's own GPT."""

from __future__ import annotations

import importlib
import json
import linecache
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib import runtime
from course_lib.config import GPTConfig
from course_lib.generation.exercises import alone, capstone
from course_lib.generation.exercises.capstone import JOINTS, PIECES
from course_lib.model import GPT
from course_lib.tokens import BPETokenizer
from course_lib.training import optim

TEXTS = ["Lily lost her red kite in the park. ", "Tom found the kite. 莉莉笑了。"]
NAMES = [name for names in PIECES.values() for name in names]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_MY_GPT", str(tmp_path / "my_gpt"))
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path / "my_gpt"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return capstone.gather(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def my(course):
    return capstone.load(course)


def exercise(name: str):
    topic = next(topic for topic, names in PIECES.items() if name in names)
    return getattr(importlib.import_module(f"course_lib.{topic}.exercises"), name)


def file_of(folder, name: str):
    folder.mkdir(exist_ok=True)
    return folder / f"{exercise(name).piece or name}.py"


def keep(folder, **texts: str) -> None:
    for name, text in texts.items():
        file_of(folder, name).write_text(text)


# What is said of kept answers -----------------------------------------------------------------------------


def test_a_notebook_says_only_of_parts_that_they_go_into_the_program():
    said = set()
    for path in sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for text, code in pairwise("".join(cell["source"]) for cell in cells):
            if re.search(r"Your answer[^.]* goes into|It will go into your `my_gpt", text):
                said.add(re.search(r"(?:def|class) (\w+)", code)[1])
    assert "train" in said and said <= set(NAMES)


@pytest.mark.parametrize("name", ["model.logits_from_stream", "model.count_parameters", "generation.top_k"])
def test_an_answer_that_is_no_part_of_the_program_is_only_said_to_be_kept(folder, name, monkeypatch):
    topic, _, piece = name.partition(".")
    other = getattr(importlib.import_module(f"course_lib.{topic}.exercises"), piece)
    cell = {"__name__": "__main__"}
    text = other.solution_source()
    lines = (len(text), None, text.splitlines(keepends=True), "<cell>")
    monkeypatch.setitem(linecache.cache, "<cell>", lines)
    exec(compile(text, "<cell>", "exec"), cell)
    feedback = other.check(cell[piece], raise_errors=False)
    assert feedback.right and feedback.notes == (f"Kept as `my_gpt/{piece}.py`.",)
    assert (folder / f"{piece}.py").is_file() and piece not in NAMES


# Whose parts ----------------------------------------------------------------------------------------------


def test_every_part_is_a_build_exercise():
    assert {exercise(name).kind for name in NAMES} == {"build"}
    assert set(JOINTS) < set(NAMES)


def test_without_answers_everything_is_the_courses(course):
    assert course.mine == 0
    assert course.headline == "0 of 18 parts of this GPT are yours."
    assert "[ ] MultiHeadAttention" in str(course) and "[x]" not in str(course)
    assert course.whose().count("the course's, until you have your own") == 18


def test_the_references_kept_as_answers_make_the_same_file_but_for_its_remarks(folder, course):
    for name in NAMES:
        keep(folder, **{name: exercise(name).solution_source()})
    pieces = capstone.gather()
    assert pieces.headline == "18 of 18 parts of this GPT are yours.", str(pieces)
    bare = [
        re.sub(r"\b_MLP\b", "MLP", re.sub(r"(?m)^(# .*-{3,}|\"\"\"Your own GPT.*)$", "", told.text))
        for told in (pieces, course)
    ]
    assert bare[0] == bare[1]


def test_some_are_mine_and_table_and_file_say_which(folder):
    assert exercise("Block").check(exercise("Block").reference).right
    pieces = capstone.gather()
    assert pieces.headline == "1 of 18 parts of this GPT are yours."
    assert "[x] Block" in str(pieces) and "[ ] GPT" in str(pieces)
    assert pieces._repr_html_().count("background: #0072B2") == 1
    assert "Block: yours (notebook 04)" in pieces.whose().splitlines()
    assert pieces.text.startswith('"""Your own GPT: 1 of its 18 parts are yours')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def draw(logits, dice):\n    return dice", "draw.py is not right any more: "),
        ("def draw(:", "draw.py does not run: SyntaxError"),
        ("other = 1", "draw.py does not define draw."),
        ("raise KeyError('w')", "draw.py does not run: KeyError: 'w'."),
        ("draw = 3", "draw.py is not right any more: "),
        ("print('noise')\nwhile True: pass", "draw.py did not finish within 0.3 s."),
        ("\x00", "draw.py does not run: "),
        (b"\xff", "draw.py does not run: UnicodeDecodeError"),
        ("import sys\nsys.exit()", "draw.py does not run: SystemExit"),
        (
            "from course_lib.generation.exercises.dice import _draw\ndef draw(*a): return _draw(*a)",
            "of the course",
        ),
        ("from course_lib.generation.exercises.dice import _draw as draw", "by itself"),
    ],
)
def test_a_file_that_is_no_right_answer_is_not_taken_and_said(folder, text, words, monkeypatch, capsys):
    monkeypatch.setattr(capstone, "LOAD_SECONDS", 0.3)
    file_of(folder, "draw").write_bytes(text if isinstance(text, bytes) else text.encode())
    pieces = capstone.gather()
    assert pieces.mine == 0
    assert words in str(pieces)
    assert "The course's draw stands in for it." in pieces._repr_html_().replace("&#x27;", "'")
    assert capstone.load(pieces).draw(torch.zeros(1, 2), torch.tensor([0.9])).tolist() == [1]
    assert capsys.readouterr().out == ""


BY_THE_COURSE = """
import torch
from course_lib import training

def train(model, optimizer, batches, rate, measure, steps, every, max_norm):
    records = []
    model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        x, y = next(batches)
        loss = training.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        if (step + 1) % every == 0 or step + 1 == steps:
            model.eval()
            with torch.no_grad():
                records.append((step + 1, loss.item(), measure(model)))
            model.train()
    return records
"""


def test_that_a_name_of_the_course_means_a_part_of_the_file_is_said(folder):
    file_of(folder, "cross_entropy").write_text(
        "import torch\n\ndef cross_entropy(logits, targets):\n"
        "    top = logits.max(-1, keepdim=True).values\n"
        "    logp = logits - top - (logits - top).exp().sum(-1, keepdim=True).log()\n"
        "    return -logp[torch.arange(len(targets)), targets].mean()\n"
    )
    file_of(folder, "train").write_text(BY_THE_COURSE)
    told = str(capstone.gather())
    assert "1 of 18 parts" in told and "train.py can't stand in my_gpt.py: " in told
    assert "`cross_entropy` means the part of that name, not the course's function" in told


# Answers in another style ---------------------------------------------------------------------------------

ATTENTION = """
import torch.nn.functional as F
from torch import nn


def helper(x, n):
    return x.view(*x.shape[:2], n, -1).transpose(1, 2)


class MultiHeadAttention(nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.h = n_heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        q, k, v = (helper(part, self.h) for part in self.qkv(x).split(x.shape[-1], dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).flatten(2))
"""
BLOCK = """
import torch as t


def helper(x):  # not the one of the attention
    return t.nn.functional.gelu(x, approximate="tanh")


class MultiHeadAttention(t.nn.Module):  # somebody's, from the notebook
    def __init__(self, width, n_heads):
        super().__init__()
        raise AssertionError("the kept one is meant")


class MLP(t.nn.Sequential):
    def __init__(self, width):
        super().__init__()
        self.up, self.down = t.nn.Linear(width, 4 * width), t.nn.Linear(4 * width, width)

    def forward(self, x):
        return self.down(helper(self.up(x)))


class Block(t.nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.norm1, self.norm2 = t.nn.LayerNorm(width), t.nn.LayerNorm(width)
        self.attention, self.mlp = MultiHeadAttention(width, n_heads), MLP(width)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))
"""
TRAIN = """
import itertools
from torch.nn.utils import clip_grad_norm_ as clip
from torch.nn.functional import cross_entropy


def helper(model, measure):
    import torch
    with torch.no_grad():
        found = measure(model.eval())
    model.train()
    return found


def train(model, optimizer, batches, rate, measure, steps, every, max_norm):
    model.train()
    told = []
    for step, (x, y) in enumerate(itertools.islice(batches, steps), start=1):
        for group in optimizer.param_groups:
            group.update(lr=rate(step - 1))
        optimizer.zero_grad(set_to_none=True)
        loss = cross_entropy(model(x).transpose(1, 2), y)
        loss.backward()
        clip(model.parameters(), max_norm)
        optimizer.step()
        if step % every == 0 or step == steps:
            told.append((step, float(loss), helper(model, measure)))
    return told
"""


def test_answers_in_another_style_and_with_equal_names_go_into_one_file(folder, course):
    block = BLOCK.replace('raise AssertionError("the kept one is meant")', "self.inner = None")
    block = block.replace(
        "class MultiHeadAttention(t.nn.Module)", ATTENTION + "\n\nclass Unused(t.nn.Module)"
    )
    keep(folder, MultiHeadAttention=ATTENTION, train=TRAIN)
    keep(
        folder,
        Block=block.replace("def helper(x):  # not", "def bend(x):  # not").replace(
            "helper(self.up", "bend(self.up"
        ),
    )
    pieces = capstone.gather()
    assert pieces.mine == 3, str(pieces)
    mine, theirs = capstone.load(pieces), capstone.load(course)
    one, other = mine.GPT(11, 7, 6, 3, 2), theirs.GPT(11, 7, 6, 3, 2)
    other.load_state_dict(one.state_dict())
    ids = torch.randint(11, (2, 7), generator=runtime.seed(0))
    torch.testing.assert_close(one(ids), other(ids), rtol=0, atol=1e-6)
    assert pieces.text.count("class MultiHeadAttention") == 1
    assert "class Unused" not in pieces.text
    assert mine.helper is not mine.helper_2


def test_a_part_of_the_same_name_is_linked_only_if_that_is_right(folder):
    """A helper called as an earlier part, but with arguments of its own, stays what it is."""
    own = "def temperature(logits):\n    return logits.softmax(-1)\n\n\n"
    own += "def draw(logits, dice):\n    heights = temperature(logits).cumsum(-1)\n"
    own += "    return (heights <= dice[:, None] * heights[:, -1:]).sum(-1)\n"
    keep(folder, draw=f"from torch import Tensor\n\n\n{own}")
    pieces = capstone.gather()
    assert pieces.mine == 1, str(pieces)
    assert "def temperature_2(logits)" in pieces.text


# The file -------------------------------------------------------------------------------------------------


def run(path, *arguments, cwd):
    """As a program, with nothing of the course in reach."""
    code = "import sys, runpy; sys.modules['course_lib'] = None; sys.argv = sys.argv[1:]; "
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-I", "-c", code, str(path), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=240)


def test_the_file_imports_torch_and_pythons_own_modules_only(course):
    found = re.findall(r"(?m)^\s*(?:from|import) (\w+)", course.text)
    assert set(found) - {"torch"} <= sys.stdlib_module_names
    assert "course_lib" not in course.text and "noqa" not in course.text


def test_the_program_learns_speaks_and_goes_on_without_the_course(folder, tmp_path):
    keep(folder, MultiHeadAttention=ATTENTION, train=TRAIN)
    assert capstone.write_file() == "Kept as `my_gpt/my_gpt.py`."
    text = tmp_path / "stories.txt"
    text.write_text(
        "\n\n".join(f"Lily had {n} kites. She lost one. 莉莉笑了。" for n in range(90)), encoding="utf-8"
    )
    done = run(folder / "my_gpt.py", text, "--steps", 12, "--tokens", 5, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    losses = [float(loss) for loss in re.findall(r"step +\d+: ([\d.]+) nats", done.stdout)]
    assert len(losses) == 6 and losses[-1] < losses[0], done.stdout
    assert "One morning," in done.stdout
    again = [run(folder / "my_gpt.py", "--prompt", "Lily had", "--tokens", 5, cwd=tmp_path) for _ in range(2)]
    assert again[0].stdout == again[1].stdout and again[0].stdout.startswith("Lily had"), again[0].stderr
    assert sorted(path.name for path in folder.glob("my_gpt*")) == ["my_gpt.pt", "my_gpt.py"]


@pytest.fixture
def program(my, tmp_path, monkeypatch):
    """What the program prints, run here."""
    monkeypatch.setattr(my, "__file__", str(tmp_path / "my_gpt.py"))

    def called(*arguments):
        monkeypatch.setattr(sys, "argv", ["my_gpt.py", *map(str, arguments)])
        my.main()

    return called


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can't be read (No such file or directory); give the name of a text file."),
        (b"too short", "has 9 characters; at least 3000 are needed to learn from."),
        (b"a" * 4000 + b"\xff" + b"a" * 100, "is no UTF-8 text (byte 4000); save it as UTF-8 and try again."),
        (b"", "has 0 characters"),
        (b"a" * 5000, "says too little"),
    ],
)
def test_a_text_that_will_not_do_is_told_in_one_sentence(program, tmp_path, content, words):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit) as told:
        program(path, "--steps", 1)
    assert str(path) in str(told.value) and words in str(told.value)
    assert not (tmp_path / "my_gpt.pt").exists()


def test_numbers_that_make_no_sense_are_told(program):
    with pytest.raises(SystemExit, match="give 0 or more, and 1 or more"):
        program("text.txt", "--steps", -1)


def test_weights_that_are_absent_damaged_or_a_program_are_told(program, tmp_path, my):
    with pytest.raises(
        SystemExit, match=r"There is no my_gpt.pt yet; train first: python my_gpt.py stories.txt"
    ):
        program()
    (tmp_path / "my_gpt.pt").write_bytes(b"damaged")
    with pytest.raises(SystemExit, match="doesn't fit this program"):
        program()
    torch.save({"merges": print, "weights": {}}, tmp_path / "my_gpt.pt")
    with pytest.raises(SystemExit, match="doesn't fit this program"):
        program()


def test_texts_are_divided_by_their_ends_or_by_empty_lines_or_cut(my, tmp_path):
    path = tmp_path / "text.txt"
    texts = [f"Text {n} has a name, and goes on until it is long enough for all of this." for n in range(60)]
    for border in ("\n<|endoftext|>\n", "\n\n", "\r\n\r\n", "\n \n"):
        path.write_bytes(("﻿" + border.join(texts)).encode())
        learned, unseen = my.read_texts(str(path))
        assert unseen == texts[::10] and sorted([*learned, *unseen]) == sorted(texts)
    path.write_text("".join(texts), encoding="utf-8")
    learned, unseen = my.read_texts(str(path))
    assert {len(text) for text in learned[:-1]} == {500} and "".join(unseen)[:500] == "".join(texts)[:500]


def test_a_long_text_is_read_up_to_a_million_characters_wherever_that_cuts(my, tmp_path, monkeypatch):
    path = tmp_path / "text.txt"
    monkeypatch.setattr(my, "MOST", 4000)
    for shift in range(3):
        path.write_text("a" * shift + "新" * 9000, encoding="utf-8")
        learned, unseen = my.read_texts(str(path))
        assert sum(map(len, [*learned, *unseen])) == 4000


def test_what_a_person_changed_in_the_file_is_kept(folder, course):
    assert capstone.write_file(course) == "Kept as `my_gpt/my_gpt.py`."
    path = folder / "my_gpt.py"
    assert capstone.write_file(course) == "Kept as `my_gpt/my_gpt.py`."
    assert [path.name for path in folder.iterdir()] == ["my_gpt.py"]
    for number in (1, 2):
        mine = path.read_text().replace("CONTEXT, WIDTH", f"# my remark {number}\nCONTEXT, WIDTH")
        path.write_text(mine)
        assert f"kept as `my_gpt/my_gpt.yours-{number}.py`" in capstone.write_file(course)
        assert (folder / f"my_gpt.yours-{number}.py").read_text() == mine
    assert "my remark" not in path.read_text()


def test_a_newer_file_of_the_courses_own_takes_the_place_of_an_older_one(folder, course):
    capstone.write_file(course)
    keep(folder, draw=exercise("draw").solution_source())
    assert capstone.write_file() == "Kept as `my_gpt/my_gpt.py`."
    assert "draw: yours" in (folder / "my_gpt.py").read_text()
    assert not list(folder.glob("*.yours*"))


def test_what_a_link_leads_to_is_not_touched_and_a_folder_is_told(folder, tmp_path, course):
    folder.mkdir()
    (tmp_path / "precious.py").write_text("mine")
    (folder / "my_gpt.py").symlink_to(tmp_path / "precious.py")
    capstone.write_file(course)
    assert (tmp_path / "precious.py").read_text() == "mine" and not (folder / "my_gpt.py").is_symlink()
    (folder / "my_gpt.py").unlink()
    (folder / "my_gpt.py").mkdir()
    assert "could not be kept" in capstone.write_file(course)
    assert "could not be kept" in capstone.run("--help")


def test_run_gives_what_the_program_prints_and_stops_it_in_time(folder, monkeypatch):
    assert "stories.txt" not in capstone.run("--steps", "many")
    assert "There is no my_gpt.pt yet" in capstone.run()
    monkeypatch.setattr(capstone, "RUN_SECONDS", 0.01)
    assert capstone.run() == "It was stopped after 0.01 seconds."


# The joints -----------------------------------------------------------------------------------------------


def test_the_tokenizer_cuts_as_the_courses_and_gives_every_text_back(my):
    mine = my.Tokenizer(TEXTS, n_merges=12)
    theirs = BPETokenizer(mine.merges)
    for text in (*TEXTS, "a new text, 新的 \n\n", "", "it's 1234 __init__ x²  \t end ", "\x00\ufeff"):
        assert mine.decode(mine.encode(text)) == text
        assert [mine.decode([id]) for id in mine.encode(text)] == [
            theirs.decode([id]) for id in theirs.encode(text)
        ]
    assert mine.vocab_size == 256 + 12 + 1
    assert mine.decode([*mine.encode("kite"), mine.end_id]) == "kite"
    assert max(map(len, mine.CUT.findall("a" * 999 + " " * 999 + "1" * 999))) <= 41


def test_the_model_equals_the_courses_on_the_same_weights(my):
    torch.manual_seed(0)
    mine = my.GPT(11, 7, 6, 3, 2)
    twin = GPT(GPTConfig(vocab_size=11, context_length=7, n_layers=2, n_heads=3, width=6))
    twin.load_state_dict(mine.state_dict())
    ids = torch.randint(11, (2, 5), generator=runtime.seed(1))
    torch.testing.assert_close(mine(ids), twin(ids), rtol=0, atol=1e-6)


def test_the_optimizer_equals_the_courses(my):
    mine, theirs = ([torch.nn.Parameter(torch.ones(shape)) for shape in ((2, 3), (3,))] for _ in range(2))
    ours, adamw = my.AdamW(mine), optim.AdamW(theirs, lr=0.01, betas=(0.9, 0.95), weight_decay=0.1)
    plain = optim.AdamW(theirs[1:], lr=0.01, betas=(0.9, 0.95), weight_decay=0.0)
    adamw.param_groups[0]["params"] = theirs[:1]
    ours.param_groups[0]["lr"] = 0.01
    for step in range(4):
        for one, other in zip(mine, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=runtime.seed(step))
            other.grad = one.grad.clone()
        for optimizer in (ours, adamw, plain):
            optimizer.step()
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    ours.zero_grad()
    before = [weight.detach().clone() for weight in mine]
    ours.step()
    assert all(map(torch.equal, before, mine))


def test_parts_that_compute_with_numpy_or_in_double_work_too(monkeypatch):
    """What a check accepts, the program takes."""
    step, cut = alone.adamw_step, alone.windows
    monkeypatch.setattr(
        alone, "adamw_step", lambda *given: [np.asarray(value.detach()) for value in step(*given)]
    )
    monkeypatch.setattr(alone, "windows", lambda ids, T: [np.asarray(part) for part in cut(ids, T)])
    monkeypatch.setattr(alone, "temperature", lambda z, value: (z.double() / value).numpy())
    teller = alone.Storyteller(alone.PARTS, ["a1" * 20], 4, 4, 1, 1)
    teller.learn(["a1" * 20], ["1a" * 9], 3, 2, 0.01, 2, runtime.seed(0))
    assert teller.write("a", 3, runtime.seed(0)).startswith("a")


def test_a_storyteller_learns_and_writes(my, capsys):
    texts = ["the cat sat on the mat."] * 40
    torch.manual_seed(0)
    teller = my.Storyteller(my.PARTS, texts, 16, 32, 2, 1)
    records = teller.learn(texts, texts, 60, 8, 0.02, 20, runtime.seed(0))
    assert [done for done, *_ in records] == [20, 40, 60] and records[-1][2] < 0.5
    told = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert told == [f"step {n:4}" for n in (20, 40, 60)]
    assert teller.write("the", 40, runtime.seed(1)) == texts[0]
