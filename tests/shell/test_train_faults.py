"""The shell command `train` when something goes wrong: what was there stays, and it is said in time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from course_lib import runtime
from course_lib.shell import commands
from course_lib.shell import train as train_command
from course_lib.tokens import BPETokenizer
from course_lib.training import check_tokenizer, load_model, loop
from course_lib.training.checkpoint import read_file

pytestmark = pytest.mark.usefixtures("one_thread", "usual_ctrl_c")

ENGLISH = "\n<|endoftext|>\n".join(["The cat sat on the mat.", "The dog sat on the log."] * 60)
OTHER = "\n<|endoftext|>\n".join(["Rain fell on the grey roofs.", "Wind blew from the north."] * 60)


class Quiet:
    """A progress bar that writes nothing, where what a command says is read."""

    def on_end(self, history):
        pass


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in a folder that holds two small texts; gives typer's result."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text(ENGLISH, encoding="utf-8")
    (tmp_path / "other.txt").write_text(OTHER, encoding="utf-8")
    app = typer.Typer()
    commands.register(app)

    def invoke(*arguments):
        small = [
            "--corpus",
            "notes.txt",
            "--vocab-size",
            280,
            "--context",
            16,
            "--batch-size",
            2,
            "--steps",
            4,
        ]
        options = [str(argument) for argument in ["train", *small, "--device", "cpu", *arguments]]
        return CliRunner().invoke(app, options)

    return invoke


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def one_sentence(result, said: str) -> None:
    assert result.exit_code == 1 and said in result.stderr, result.output
    assert result.stderr.count("\n") == 1 and "Traceback" not in result.output


def never(*parts, **options):
    pytest.fail("this is known before the first step")


# Checked before the work, and nothing written before it is done -----------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--corpus", "tiny.txt", "--context", 64], "to validate on, but a window of 64 needs 65 of each"),
        (["--corpus", "letter.txt"], "to learn from"),
        (["--out", "folder.safetensors"], "folder.safetensors is a folder"),
        (["--out", "notes.txt/model.safetensors"], "notes.txt is a file, not a folder"),
        (["--seed", 2**64], "seed=18446744073709551616"),
        (["--device", "cpu:x"], "'cpu:x' is not usable"),
        (["--device", "cuda:99"], "'cuda:99' is not usable"),
        (["--tokenizer", "notes.txt"], "no tokenizer folder notes.txt"),
    ],
)
def test_what_can_be_known_is_said_before_the_first_step_and_changes_nothing(
    run, tmp_path, monkeypatch, options, said
):
    (tmp_path / "tiny.txt").write_text("The cat sat on the mat. " * 40, encoding="utf-8")
    (tmp_path / "letter.txt").write_text("The cat.", encoding="utf-8")
    (tmp_path / "folder.safetensors").mkdir()
    monkeypatch.setattr(loop, "_step", never)
    before = content(tmp_path)
    one_sentence(run(*options), said)
    assert content(tmp_path) == before


def test_a_file_where_the_tokenizer_would_go_is_said_before(run, tmp_path, monkeypatch):
    (tmp_path / "my_model.tokenizer").write_text("mine")
    monkeypatch.setattr(loop, "_step", never)
    one_sentence(run(), "my_model.tokenizer is a file")


@pytest.fixture
def older(run, tmp_path):
    """A model with its tokenizer, from an earlier training on the other text."""
    assert run("--corpus", "other.txt").exit_code == 0
    return content(tmp_path)


def test_a_training_that_fails_leaves_the_older_model_with_its_tokenizer(run, older, tmp_path, monkeypatch):
    monkeypatch.setattr(train_command, "ProgressBar", Quiet)
    one_sentence(run("--lr", "1e30"), "learning rate")
    assert content(tmp_path) == older
    check_tokenizer(load_model("my_model.safetensors"), BPETokenizer.load("my_model.tokenizer"))


@pytest.mark.parametrize("at", ["my_model.safetensors", "vocab.json"])
def test_a_disk_that_is_full_at_the_end_leaves_the_older_model_and_the_training(
    run, older, tmp_path, monkeypatch, at
):
    monkeypatch.setattr(train_command, "ProgressBar", Quiet)
    whole = os.replace

    def full(source, target):
        if Path(target).name == at:
            raise OSError(28, "No space left on device")
        return whole(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        one_sentence(run(), "No space left")
    left = content(tmp_path)
    assert {name: left[name] for name in older} == older
    assert set(left) - set(older) == {"my_model.checkpoint"}
    assert run("--resume").exit_code == 0  # no step is lost
    check_tokenizer(load_model("my_model.safetensors"), BPETokenizer.load("my_model.tokenizer"))


def test_a_new_model_belongs_to_the_tokenizer_beside_it(run, older):
    assert run().exit_code == 0
    model, tokenizer = load_model("my_model.safetensors"), BPETokenizer.load("my_model.tokenizer")
    check_tokenizer(model, tokenizer)
    with pytest.raises(ValueError, match="trained with"):
        check_tokenizer(model, BPETokenizer.train(OTHER.split("\n<|endoftext|>\n"), 280))


def test_a_model_without_its_tokenizer_does_not_take_another_of_the_same_size(run, tmp_path):
    assert run().exit_code == 0
    size = load_model("my_model.safetensors").config.vocab_size
    shutil.rmtree(tmp_path / "my_model.tokenizer")
    BPETokenizer.train(OTHER, size).save(tmp_path / "tokenizer")
    app = typer.Typer()
    commands.register(app)
    result = CliRunner().invoke(app, ["generate", "--model", "my_model.safetensors"])
    one_sentence(result, "The model was trained with another tokenizer")


def test_half_precision_that_does_not_hold_the_weights_costs_nothing(run, monkeypatch):
    def huge(self, generator=None):
        torch.nn.init.constant_(self.head.weight, 1e6)
        torch.nn.init.constant_(self.tokens.weight, 0.0)

    monkeypatch.setattr("course_lib.model.GPT.initialize", huge)
    result = run("--half", "--steps", 0)
    assert result.exit_code == 0 and "saved in full precision" in result.stdout
    assert load_model("my_model.safetensors").head.weight.max() == 1e6


# Resumed as if it were the same -------------------------------------------------------------------


@pytest.fixture
def stopped(run, monkeypatch):
    """A training that Ctrl-C stopped after two of its four steps."""

    def press(bar, moment):
        if moment.step == 2:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(train_command.ProgressBar, "on_step", press)
        patch.setattr(train_command, "_deaf_to_ctrl_c", lambda: None)
        assert run().exit_code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--corpus", "other.txt"], "another tokenizer and another text"),
        (["--vocab-size", 270], "another tokenizer and another text"),
        (["--tokenizer", "mine"], "another tokenizer and another text"),
        (["--preset", "small"], "does not fit this model"),
        (["--batch-size", 3], "batch_size=2, but now batch_size=3"),
        (["--seed", 1], "seed=0, but now seed=1"),
        (["--lr", 0.5], "lr=0.02, but now lr=0.5"),
        (["--context", 12], "context_length=16, but now context_length=12"),
    ],
)
def test_another_training_is_not_resumed_and_nothing_is_replaced(
    run, stopped, tmp_path, monkeypatch, options, said
):
    BPETokenizer.train(OTHER, 280).save(tmp_path / "mine")
    monkeypatch.setattr(train_command, "ProgressBar", Quiet)
    before = content(tmp_path)
    one_sentence(run("--resume", *options), said)
    assert content(tmp_path) == before
    assert run("--resume").exit_code == 0


def test_a_text_whose_name_begins_with_world_is_not_the_world(run, tmp_path):
    (tmp_path / "world_history.txt").write_text(ENGLISH, encoding="utf-8")
    assert run("--corpus", "world_history.txt").exit_code == 0
    assert BPETokenizer.load(tmp_path / "my_model.tokenizer").vocab_size <= 280


def test_a_home_folder_may_be_written_short(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    assert run("--out", "~/deep/model.safetensors").exit_code == 0
    assert (tmp_path / "home" / "deep" / "model.safetensors").is_file()
    assert not (tmp_path / "~").exists()


# Files that are held, and two at once -------------------------------------------------------------


def test_a_file_that_is_held_for_a_moment_does_not_matter(run, tmp_path, monkeypatch):
    whole, held = os.replace, iter(range(10**6))

    def sometimes(source, target):
        if next(held) % 3 < 2:
            raise PermissionError(13, "Access is denied", str(target))
        return whole(source, target)

    monkeypatch.setattr(os, "replace", sometimes)
    assert run().exit_code == 0
    assert load_model("my_model.safetensors").config.vocab_size <= 280


def test_a_checkpoint_that_stays_held_costs_a_warning_and_not_the_model(run, tmp_path, monkeypatch):
    whole = os.replace

    def held(source, target):
        if Path(target).name == "my_model.checkpoint":
            raise PermissionError(13, "Access is denied", str(target))
        return whole(source, target)

    monkeypatch.setattr(os, "replace", held)
    monkeypatch.setattr(runtime, "PATIENCE", 0.05)
    result = run()
    assert result.exit_code == 0, result.output
    assert "Warning: " in result.stderr and "held by another program" in result.stderr
    assert load_model("my_model.safetensors").config.vocab_size <= 280
    kept = tmp_path / "my_model.kept.checkpoint"
    assert read_file(kept, "checkpoint")[1]["progress"]["step"] == 4


def test_two_trainings_do_not_write_to_one_place(run, tmp_path):
    with runtime.locked(tmp_path / "my_model.safetensors"):
        one_sentence(run(), "Another program is at work on my_model.safetensors; give this training another")
        assert run("--out", "other.safetensors").exit_code == 0
    assert run().exit_code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process there")
def test_however_many_ctrl_c_come_there_is_no_traceback(tmp_path):
    (tmp_path / "notes.txt").write_text(ENGLISH, encoding="utf-8")
    options = ["--corpus", "notes.txt", "--vocab-size", "280", "--context", "16", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "course_lib", "train", *options, "--minutes", "5"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.set_blocking(process.stderr.fileno(), False)
    seen, end = b"", time.monotonic() + 120
    while b"step 20" not in seen and process.poll() is None and time.monotonic() < end:
        time.sleep(0.2)
        seen += process.stderr.read() or b""
    for _ in range(8):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.03)
    os.set_blocking(process.stderr.fileno(), True)
    _, rest = process.communicate(timeout=120)
    assert process.returncode in (0, 130), (seen + rest).decode(errors="replace")[-2000:]
    assert b"Traceback" not in seen + rest
