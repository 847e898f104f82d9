"""The shell commands `train` and `generate`, run in the test's own process on a tiny corpus."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from course_lib.shell import commands
from course_lib.shell import train as train_command
from course_lib.tokens import BPETokenizer
from course_lib.training import TrainConfig
from course_lib.training.checkpoint import load_model, model_metadata, save_model

pytestmark = pytest.mark.usefixtures("one_thread", "usual_ctrl_c")

TEXT = "\n<|endoftext|>\n".join(
    ["The cat sat on the mat.", "小猫坐在垫子上。", "The dog sat on the log."] * 60
)


class Quiet:
    """A progress bar that writes nothing, where what a command says is read."""

    def on_end(self, history):
        pass


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty folder; gives typer's result."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    commands.register(app)

    def invoke(*arguments: str | Path):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return invoke


@pytest.fixture
def corpus(tmp_path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def small(corpus):
    """Options that make a training as small as can be."""
    return ["--corpus", corpus, "--vocab-size", 280, "--context", 16, "--batch-size", 2, "--device", "cpu"]


def one_sentence(result) -> str:
    """What a person sees after a mistake: one line on stderr, no traceback, a failing exit code."""
    assert result.exit_code in (1, 2) and "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def test_train_then_generate(run, small, tmp_path):
    result = run("train", *small, "--steps", 6, "--lr", 0.01)
    assert result.exit_code == 0, result.output
    assert re.search(r"training loss \d\.\d+, validation loss \d\.\d+", result.stdout)
    assert "100%" in result.stderr  # the progress bar
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "my_model.safetensors",
        "my_model.tokenizer",
        "notes.txt",
    ]
    about = model_metadata(tmp_path / "my_model.safetensors")
    assert about["steps"] == 6 and about["preset"] == "tiny" and about["val_loss"] > 0

    texts = [
        run("generate", "--model", "my_model.safetensors", "--prompt", "The 猫", "--tokens", 20, "--seed", s)
        for s in (1, 1, 2)
    ]
    assert all(text.exit_code == 0 and text.stdout.startswith("The 猫") for text in texts), texts[0].output
    assert texts[0].stdout == texts[1].stdout != texts[2].stdout
    three = run(
        "generate", "--model", "my_model.safetensors", "--n", 3, "--temperature", 0, "--tokens", 5
    ).stdout
    parts = re.split(r"--- \d\n", three)[1:]
    assert len(parts) == 3 and len(set(parts)) == 1
    assert "<|endoftext|>" not in three


@pytest.mark.parametrize("name", ["world_history.txt", "world-en.txt", "LLM: a course/world"])
def test_a_text_that_begins_like_the_little_world_gets_a_tokenizer_of_its_own(run, tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(TEXT, encoding="utf-8")
    options = ["--vocab-size", 280, "--context", 16, "--batch-size", 2, "--device", "cpu", "--steps", 1]
    result = run("train", "--corpus", name, *options, "--out", "LLM: a course/model.safetensors")
    assert result.exit_code == 0, result.output
    assert "Training a tokenizer of 280 entries" in result.stdout
    assert BPETokenizer.load(tmp_path / "LLM: a course" / "model.tokenizer").vocab_size == 280
    result = run("generate", "--model", "LLM: a course/model.safetensors", "--tokens", 3)
    assert result.exit_code == 0, result.output


def test_training_twice_with_one_seed_gives_one_model(run, small, tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert (
            run("train", *small, "--steps", 3, "--seed", seed, "--out", f"{name}.safetensors").exit_code == 0
        )
    a, b, c = (load_model(tmp_path / f"{name}.safetensors").state_dict() for name in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)


def test_ctrl_c_and_resume_give_the_model_of_an_unbroken_training(run, small, tmp_path, monkeypatch):
    options = [*small, "--steps", 6]
    assert run("train", *options, "--out", "whole.safetensors").exit_code == 0

    def press(bar, moment):
        if moment.step == 4:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(train_command.ProgressBar, "on_step", press)
        result = run("train", *options, "--out", "broken.safetensors")
    assert result.exit_code == 0 and "--resume goes on" in result.stdout
    assert (tmp_path / "broken.safetensors").exists() and (tmp_path / "broken.checkpoint").exists()
    result = run("train", *options, "--out", "broken.safetensors", "--resume")
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "broken.checkpoint").exists()
    whole, broken = (
        load_model(tmp_path / f"{name}.safetensors").state_dict() for name in ("whole", "broken")
    )
    assert all(torch.equal(whole[name], broken[name]) for name in whole)


def test_training_for_a_time(run, small):
    result = run("train", *small, "--minutes", 0.01)
    assert result.exit_code == 0 and "validation loss" in result.stdout


def test_half_precision_and_a_tokenizer_of_ones_own(run, small, corpus, tmp_path):
    BPETokenizer.train(TEXT, 270).save(tmp_path / "mine")
    result = run("train", *small, "--steps", 1, "--tokenizer", "mine", "--half")
    assert result.exit_code == 0, result.output
    model = load_model(tmp_path / "my_model.safetensors")
    assert model.config.vocab_size == BPETokenizer.load(tmp_path / "mine").vocab_size == 270
    full = tmp_path / "full.safetensors"
    save_model(full, model)
    assert (tmp_path / "my_model.safetensors").stat().st_size < 0.6 * full.stat().st_size


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--steps", "-3"], "steps=-3"),
        (["--minutes", "0"], "max_seconds=0"),
        (["--preset", "enormous"], "enormous"),
        (["--corpus", "no_such_file.txt"], "no_such_file.txt"),
        (["--out", "model.bin"], "must end in .safetensors"),
        (["--resume"], "nothing to resume"),
        (["--tokenizer", "nowhere"], "no tokenizer folder nowhere"),
        (["--device", "abacus"], "abacus"),
        (["--batch-size", "0"], "batch_size=0"),
        (["--lr", "1e30", "--steps", "5"], "learning rate"),
    ],
)
def test_mistakes_in_train_are_said_in_one_sentence(run, small, options, expected, monkeypatch):
    monkeypatch.setattr(train_command, "ProgressBar", Quiet)  # it writes to stderr too
    assert expected in one_sentence(
        run("train", *small, *(["--steps", 2] if "--minutes" not in options else []), *options)
    )


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--model", "nothing.safetensors"], "There is no file nothing.safetensors"),
        (["--model", "notes.txt"], "not a whole safetensors file"),
        (["--temperature", "-1"], "temperature=-1"),
        (["--top-p", "1.5"], "top_p got 1.5"),
        (["--top-k", "0"], "top_k got k=0"),
        (["--n", "0"], "--n got 0"),
        (["--tokens", "-1"], "--tokens got -1; it must be from 0"),
        (["--tokenizer", "nowhere"], "no tokenizer folder nowhere"),
        (["--prompt", "The cat sat. " * 400], "the model's context holds"),
        (["--device", "abacus"], "abacus"),
        (["--tokenizer", "other"], "don't belong together"),
    ],
)
def test_mistakes_in_generate_are_said_in_one_sentence(run, corpus, tmp_path, options, expected):
    from course_lib.config import GPTConfig
    from course_lib.model import GPT

    tokenizer = BPETokenizer.train(TEXT, 280)
    tokenizer.save(tmp_path / "m.tokenizer")
    BPETokenizer.train(TEXT, 270).save(tmp_path / "other")
    save_model(tmp_path / "m.safetensors", GPT(GPTConfig.preset("tiny", vocab_size=280)))
    assert expected in one_sentence(run("generate", "--model", "m.safetensors", *options))


def test_a_model_without_a_tokenizer_is_said(run, tmp_path):
    from course_lib.config import GPTConfig
    from course_lib.model import GPT

    (tmp_path / "deep").mkdir()
    save_model(tmp_path / "deep" / "m.safetensors", GPT(GPTConfig.preset("tiny", vocab_size=280)))
    assert "give one with --tokenizer" in one_sentence(
        run("generate", "--model", Path("deep") / "m.safetensors")
    )


@pytest.mark.parametrize("command", ["train", "generate"])
def test_help_shows_examples(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert result.stdout.count(f"python -m course_lib {command}") >= 4 and "Examples" in result.stdout


@pytest.mark.parametrize("arguments", [["train", "--steps", "many"], ["generate", "--no-such-option"]])
def test_wrong_options_exit_with_two(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 2 and "Traceback" not in result.output


def test_windows_begin_where_documents_do_if_those_are_short():
    config = TrainConfig(steps=1, batch_size=50, context_length=4)
    short, long = torch.tensor([9, 1, 2, 9, 3, 9] * 5), torch.tensor([9, *[1, 2, 3] * 20, 9])
    x, _ = train_command._windows(short, 9, config)(torch.Generator().manual_seed(0))
    assert x.shape == (50, 4) and bool((x[:, 0] == 9).all())
    assert train_command._windows(long, 9, config) is long
    few = short[:4]
    assert train_command._windows(few, 9, config) is few  # too short for a window, as train will say
