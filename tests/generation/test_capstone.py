"""The capstone: whose pieces are taken, and that what is made of them equals the course's own."""

from __future__ import annotations

import dataclasses
import importlib
import sys

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import generation, runtime
from course_lib.config import GPTConfig
from course_lib.generation.exercises import capstone
from course_lib.generation.exercises.capstone import PIECES, MyAdamW, MyGPT, MyTokenizer
from course_lib.tokens import BPETokenizer
from course_lib.training import optim, schedules

TEXTS = ["Lily lost her red kite in the park. ", "Tom found the kite. 莉莉笑了。"]
CONFIG = GPTConfig(vocab_size=11, context_length=7, n_layers=2, n_heads=3, width=6)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_MY_GPT", str(tmp_path / "my_gpt"))
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path / "my_gpt"


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    return capstone.gather(tmp_path_factory.mktemp("empty"))


def exercise(name: str):
    topic = next(topic for topic, names in PIECES.items() if name in names)
    return getattr(importlib.import_module(f"course_lib.{topic}.exercises"), name)


def model(pieces, seed: int = 0, **changes) -> MyGPT:
    made = MyGPT(pieces, GPTConfig(**{**CONFIG.to_dict(), **changes}), runtime.seed(seed))
    for weight in made.parameters():  # fresh biases are zero, and would hide a mistake
        weight.data.add_(0.1 * torch.randn(weight.shape, generator=runtime.seed(seed + 1)))
    return made


# Whose pieces ---------------------------------------------------------------------------------------------


def test_every_piece_is_a_build_exercise_that_keeps_a_file_of_its_name():
    for names in PIECES.values():
        for name in names:
            assert exercise(name).kind == "build"
            assert exercise(name).piece in (None, name)


def test_without_answers_everything_is_the_courses(folder):
    pieces = capstone.gather()
    assert pieces.mine == 0
    assert pieces.headline == "0 of 20 parts of this GPT are yours."
    assert all(piece.function is exercise(name).reference for name, piece in pieces.by_name.items())


def test_right_answers_become_pieces(folder):
    for names in PIECES.values():
        for name in names:
            exercise(name).check(exercise(name).reference)
    pieces = capstone.gather()
    assert pieces.headline == "20 of 20 parts of this GPT are yours.", str(pieces)
    ids = torch.tensor([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]])
    mine = model(pieces)
    torch.testing.assert_close(mine(ids), mine.weights(ids), rtol=0, atol=1e-5)


def test_some_are_mine_and_the_table_says_which(folder):
    exercise("mlp").check(exercise("mlp").reference)
    pieces = capstone.gather()
    assert pieces.headline == "1 of 20 parts of this GPT are yours."
    assert "[x] mlp" in str(pieces)
    assert "[ ] block" in str(pieces)
    assert pieces._repr_html_().count("background: #0072B2") == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def mlp(x, w_up, b_up, w_down, b_down):\n    return x", "mlp.py is not right any more: "),
        ("def mlp(:", "mlp.py does not run: SyntaxError"),
        ("other = 1", "mlp.py does not define mlp."),
        ("raise KeyError('w')", "mlp.py does not run: KeyError: 'w'."),
        ("mlp = 3", "mlp.py is not right any more: "),
        ("print('noise')\nwhile True: pass", "mlp.py did not finish within 0.3 s."),
        ("\x00", "mlp.py does not run: "),
        (b"\xff", "mlp.py does not run: UnicodeDecodeError"),
        ("import sys\nsys.exit()", "mlp.py does not run: SystemExit"),
    ],
)
def test_a_file_that_is_no_right_answer_is_not_taken_and_said(folder, text, words, monkeypatch, capsys):
    monkeypatch.setattr(capstone, "LOAD_SECONDS", 0.3)
    folder.mkdir()
    (folder / "mlp.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    pieces = capstone.gather()
    assert pieces.mine == 0
    assert words in str(pieces)
    assert "The course's mlp stands in for it." in pieces._repr_html_().replace("&#x27;", "'")
    assert pieces["mlp"] is exercise("mlp").reference
    assert capsys.readouterr().out == ""
    assert sys.exc_info() == (None, None, None)


def test_another_folder_can_be_named(folder, tmp_path):
    exercise("block").check(exercise("block").reference)
    assert capstone.gather(folder).mine == 1
    assert capstone.gather(tmp_path).mine == 0


# What is made of them -------------------------------------------------------------------------------------


def test_the_tokenizer_gives_the_ids_of_the_courses(pieces):
    mine = MyTokenizer(pieces, TEXTS, n_merges=12)
    theirs = BPETokenizer(mine.merges)
    for text in (*TEXTS, "a new text, 新的 \n\n", ""):
        assert mine.encode(text) == theirs.encode(text)
        assert mine.decode(mine.encode(text)) == text
    assert (mine.vocab_size, mine.end_id) == (theirs.vocab_size, theirs.end_id)
    assert mine.decode([*mine.encode("kite"), mine.end_id]) == "kite"


@pytest.mark.parametrize("T", [1, 3, 7])
def test_the_model_equals_the_courses_on_the_same_weights(pieces, T):
    ids = torch.randint(11, (2, T), generator=runtime.seed(T))
    mine = model(pieces)
    torch.testing.assert_close(mine(ids), mine.weights(ids), rtol=0, atol=1e-5)


def test_gradients_are_equal_too(pieces):
    ids = torch.tensor([[1, 2, 3, 4, 5]])
    mine = model(pieces)
    gradients = []
    for forward in (mine, mine.weights):
        mine.zero_grad()
        forward(ids).square().mean().backward()
        gradients.append([weight.grad.clone() for weight in mine.parameters()])
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_model_of_another_family_is_refused(pieces):
    with pytest.raises(ValueError, match="its pieces make a GPT-2"):
        MyGPT(pieces, GPTConfig(norm="rmsnorm"))


def test_the_optimizer_equals_clipping_schedule_and_torchs_adamw(pieces):
    mine, theirs = model(pieces), model(pieces)
    ours = MyAdamW(pieces, mine.parameters(), steps=10, peak=0.01, warmup=2)
    groups = [
        {"params": [w for w in theirs.parameters() if (w.ndim >= 2) == matrix], "weight_decay": decay}
        for matrix, decay in ((True, 0.1), (False, 0.0))
    ]
    adamw = torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=1e-8)
    for step in range(5):
        for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
            one.grad = torch.randn(one.shape, generator=runtime.seed(step))
            other.grad = one.grad.clone()
        optim.clip_gradients(theirs.parameters(), 1.0)
        for group in adamw.param_groups:
            group["lr"] = 0.01 * schedules.cosine_schedule(step, 10, 2, 0.0)
        assert ours.rate == pytest.approx(group["lr"])
        adamw.step()
        ours.step()
    for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_weights_without_gradient_stay(pieces):
    weights = [nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(3))]
    weights[0].grad = torch.ones(2, 2)
    MyAdamW(pieces, weights, steps=5, peak=0.1, warmup=0).step()
    assert weights[0].min() < 1
    assert torch.equal(weights[1], torch.ones(3))


class Told:
    """A callback that writes down what it hears."""

    def __init__(self):
        self.told = []

    def on_start(self, config, history):
        self.told.append(config.steps)

    def on_record(self, record, history):
        assert record is history.records[-1]
        self.told.append(record.step)

    def on_end(self, history):
        self.told.append(history)


def test_training_lowers_the_loss_and_tells_every_record(pieces):
    ids = torch.arange(11).repeat(12)
    mine, curve = model(pieces), Told()
    before = capstone.validate(mine, ids)
    chance = runtime.seed(0)
    history = capstone.train(
        mine, ids, ids[:40], steps=80, peak=0.05, batch_size=4, generator=chance, curve=curve
    )
    assert history.steps[-1] == 80
    assert curve.told == [80, *history.steps, history]
    assert history.val_loss < 0.5 < 1.5 < before
    assert history.records[-1].tokens == 80 * 4 * 7


def test_writing_is_the_courses_loop(pieces):
    """With next to no temperature, the likeliest token: the course's greedy text, and the end is obeyed."""
    tokenizer = MyTokenizer(pieces, TEXTS, n_merges=12)
    mine = model(pieces, vocab_size=tokenizer.vocab_size, context_length=9)
    mine.weights.tokens.weight.data[tokenizer.end_id] = 0
    prompt = "Lily lost"
    text = capstone.write(mine, tokenizer, prompt, 20, temperature=1e-4, generator=runtime.seed(3))
    ids = generation.generate(
        mine.weights, tokenizer.encode(prompt), 20, sampling=generation.SamplingConfig(temperature=0),
        stop_tokens=tokenizer.end_id, use_cache=False,
    )  # fmt: skip
    assert text == tokenizer.decode(ids)
    assert text.startswith(prompt)


def test_equal_seeds_write_equal_texts(pieces):
    tokenizer = MyTokenizer(pieces, TEXTS, n_merges=12)
    mine = model(pieces, vocab_size=tokenizer.vocab_size)
    texts = [
        capstone.write(mine, tokenizer, "Tom", 12, temperature=2.0, top_p=1.0, generator=runtime.seed(seed))
        for seed in (5, 5, 6)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_pieces_that_compute_with_numpy_or_in_double_work_too():
    """What a check accepts, the GPT made of it takes."""

    def in_numpy(step):
        return lambda *args: [np.asarray(value.detach()) for value in step(*args)]

    course = {name: piece.function for name, piece in capstone.gather().by_name.items()}
    mine = {
        "adamw_step": in_numpy(course["adamw_step"]),
        "clip_gradients": in_numpy(course["clip_gradients"]),
        "layer_norm": lambda *args: course["layer_norm"](*args).double(),
        "mlp": lambda *args: course["mlp"](*args).double(),
        "scaled_dot_product": lambda *args: course["scaled_dot_product"](*args).double(),
        "causal_mask": lambda T: course["causal_mask"](T).numpy(),
        "learning_rate": lambda *args: np.float64(course["learning_rate"](*args)),
    }
    pieces = capstone.Pieces(
        {
            name: dataclasses.replace(piece, function=mine.get(name, piece.function))
            for name, piece in capstone.gather().by_name.items()
        }
    )
    ids = torch.arange(40) % 11
    losses = [
        capstone.train(
            MyGPT(these, CONFIG, torch.Generator().manual_seed(0)), ids, ids[:16], steps=4, batch_size=2,
            generator=torch.Generator().manual_seed(1),
        ).val_loss
        for these in (capstone.gather(), pieces)
    ]  # fmt: skip
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
