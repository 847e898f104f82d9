"""The benchmark: its arithmetic on made-up clocks, its counts by hand and by torch, its sections made tiny.

No test depends on how long something really takes.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
import types
from pathlib import Path

import pytest
import torch
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from course_lib.config import GPTConfig
from course_lib.generation import GREEDY, PLAIN
from course_lib.model import GPT
from course_lib.shell.bench import (
    command,
    figures,
    generation,
    gpu,
    measure,
    peers,
    recipes,
    report,
    scale,
    startup,
    stories,
    tokens,
    training,
)
from course_lib.shell.bench.measure import LiveBytes, Times, interleave, kept_bytes, peak_bytes
from course_lib.shell.bench.options import Options, docstrings, read_text
from course_lib.shell.bench.peers import load_peer, transformers_gpt2
from course_lib.shell.bench.plain import PlainGPT
from course_lib.shell.bench.report import Results, Row, Section, Spread
from course_lib.tokens import BPETokenizer
from course_lib.tokens.bpe import learn_merges
from course_lib.tokens.naive_bpe import learn_merges_naively

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).resolve().parents[2]
TINY = GPTConfig(vocab_size=11, context_length=7, n_layers=3, n_heads=2, width=10)
QUICK = Options(quick=True)


@pytest.fixture
def write(tmp_path):
    """Write a peer's file and give the start of its spec, up to the colon."""

    def written(code: str, name: str = "other") -> str:
        path = tmp_path / f"{name}.py"
        path.write_text(code, encoding="utf-8")
        return f"{path}:"

    return written


def clock_of(durations: list[float]):
    """A clock on which the actions take these times, one after the other."""
    edges = itertools.accumulate(itertools.chain.from_iterable((0.0, seconds) for seconds in durations))
    return edges.__next__


# Times --------------------------------------------------------------------------------------------


def test_candidates_take_turns_and_each_round_begins_with_another():
    acted: list[str] = []
    actions = {name: (lambda name=name: acted.append(name)) for name in "abc"}
    interleave(actions, rounds=2, skip=1, clock=iter(range(99)).__next__)
    assert "".join(acted) == "abcbcacab"


def test_the_first_rounds_do_not_count():
    times = interleave({"a": int}, rounds=3, skip=2, clock=clock_of([9.0, 9.0, 1.0, 2.0, 3.0]))
    assert times.seconds("a") == Spread(2.0, 1.5, 2.5)


def test_what_is_very_slow_is_measured_once():
    # Turns: a1 b1, then b is over its patience, so a alone.
    times = interleave({"a": int, "b": int}, 3, skip=1, patience=5, clock=clock_of([1.0, 8.0, 2.0, 2.0, 2.0]))
    assert times.rounds == {"a": (1.0, 2.0, 2.0, 2.0), "b": (8.0,)}
    assert times.seconds("b").median == 8.0
    assert times.ratio("a", "b").median == 1 / 8  # of the one round that both took part in


def test_ratios_are_taken_within_a_round():
    times = Times({"ours": (1.0, 10.0, 100.0), "theirs": (2.0, 20.0, 200.0)})
    assert times.ratio("ours", "theirs") == Spread(0.5, 0.5, 0.5)


@given(
    st.lists(st.tuples(*[st.floats(0.1, 10)] * 3), min_size=1, max_size=7),
)
def test_a_slow_round_changes_no_ratio(rounds):
    quiet = Times({"a": [a for a, _, _ in rounds], "b": [b for _, b, _ in rounds]})
    busy = Times({"a": [a * slow for a, _, slow in rounds], "b": [b * slow for _, b, slow in rounds]})
    assert busy.ratio("a", "b").median == pytest.approx(quiet.ratio("a", "b").median)


@pytest.mark.parametrize("wrong", [{"candidates": {}, "rounds": 1}, {"candidates": {"a": int}, "rounds": 0}])
def test_nothing_to_measure_is_an_error(wrong):
    with pytest.raises(ValueError, match="give at least one candidate"):
        interleave(**wrong)


def test_threads_are_put_back():
    with pytest.raises(RuntimeError), measure.threads(2):
        assert torch.get_num_threads() == 2
        raise RuntimeError
    assert torch.get_num_threads() == 1


# Bytes --------------------------------------------------------------------------------------------


def test_bytes_of_a_small_network_by_hand():
    x, w = torch.ones(5, 3), torch.ones(3, 7, requires_grad=True)

    def step() -> None:
        y = (x @ w).relu()
        y.sum().backward()

    # In the end there are x and w, y, the loss and its gradient, the gradients of the product and of w.
    assert peak_bytes(step, [x, w]) == 4 * (15 + 21 + 35 + 1 + 1 + 35 + 21)
    w.grad = None
    # kept for the backward pass: x for the product (w is a weight), the result of relu; the sum needs nothing
    assert kept_bytes(lambda: (x @ w).relu().sum(), weights=[w]) == 4 * (15 + 35)
    assert kept_bytes(lambda: (x @ w).relu().sum(), weights=[w, x]) == 4 * 35


def test_views_count_once_and_what_is_gone_does_not_count():
    with LiveBytes() as live:
        x = torch.zeros(2, 3, 5)
        views = [x.view(6, 5), x.transpose(0, 2), x[1:]]
        assert live.now == 120
        y = x.clone()
        del x, views
        assert (live.now, live.peak) == (120, 240)
        del y
        assert (live.now, live.peak) == (0, 240)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=7))
def test_chains_need_two_neighbours_at_a_time(sizes):
    def chain() -> None:
        x = torch.zeros(sizes[0])
        for size in sizes[1:]:
            x = x.new_zeros(size)  # the old one goes when the new one is there

    most = max((a + b for a, b in itertools.pairwise(sizes)), default=sizes[0])
    assert peak_bytes(chain) == 4 * most


def test_the_bytes_of_a_step_are_always_the_same():
    counts = {training.trainees(TINY, 2, QUICK)["ours"].memory() for _ in range(2)}
    assert len(counts) == 1


@pytest.mark.parametrize("shape", [TINY, GPTConfig(vocab_size=13, context_length=24, n_heads=3, width=24)])
@pytest.mark.parametrize("kind", [GPT, PlainGPT])
def test_counted_bytes_are_the_measured_ones(shape, kind):
    model = kind(shape)
    x, y = training.random_batch(shape, 5, torch.Generator().manual_seed(0))
    trainee = training.Trainee(model, torch.optim.AdamW(model.parameters(), fused=True), x, y)
    peak, kept = trainee.memory()
    places = 8 * shape.context_length if kind is PlainGPT else 0  # it looks its positions up by their ids
    assert kept == pytest.approx(scale.kept_bytes(shape, 5) + places, rel=0.02)
    assert peak == pytest.approx(scale.training_bytes(shape, 5), rel=0.1)


# Operations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [2, 3])
@pytest.mark.parametrize("shape", [TINY, GPTConfig(vocab_size=5, context_length=13, n_layers=2, width=12)])
@pytest.mark.parametrize("kind", [GPT, PlainGPT])
def test_counted_operations_are_those_that_torch_counts(shape, batch, kind):
    x, y = training.random_batch(shape, batch, torch.Generator().manual_seed(0))
    assert scale.counted_flops(kind(shape), x, y) == scale.training_flops(shape, batch)


def test_a_sweep_changes_one_number():
    for sweep, value in (("window", 32), ("width", 64), ("layers", 2)):
        shape, batch = scale.grown(sweep, value, TINY, 3)
        changed = {k for k, v in shape.to_dict().items() if v != TINY.to_dict()[k]}
        assert (changed, batch) == ({scale.FIELDS[sweep]}, 3)


def test_the_scale_section_measures_every_sweep():
    section = scale.run(QUICK, {"window": (2, 3, 5), "batch": (1, 2)}, TINY)
    assert [row.extra["value"] for row in section.rows] == [2, 3, 5, 1, 2]
    assert all(row.value.median > 0 and row.extra["share of matrix speed"] > 0 for row in section.rows)
    assert "finds as many" in section.notes[1]


# Peers --------------------------------------------------------------------------------------------

MODEL = """
import torch
class Model(torch.nn.Module):
    def __init__(self, vocab_size, width=5, out=None):
        super().__init__()
        self.table = torch.nn.Embedding(vocab_size, width)
        self.head = torch.nn.Linear(width, out or vocab_size)
    def forward(self, ids):
        return {result}
def make(vocab_size, width):
    return Model(vocab_size, width)
"""


@pytest.mark.parametrize(
    "result",
    [
        "self.head(self.table(ids))",
        "(self.head(self.table(ids)), None)",
        "type('Output', (), {'logits': self.head(self.table(ids))})",
    ],
)
def test_models_of_three_kinds_give_bare_logits(write, result):
    peer = load_peer(write(MODEL.replace("{result}", result)) + "make")
    assert (peer.name, peer.kind) == ("other:make", "model")
    model = peer.build(TINY)
    assert model(torch.zeros(2, 3, dtype=torch.long)).shape == (2, 3, 11)
    assert type(peer.optimizer(model)) is torch.optim.AdamW


def test_a_factory_gets_what_it_takes(write):
    code = """
def train_bpe(text, vocab_size): return []
def all_of_it(**shape):
    assert sorted(shape) == ["context_length", "n_heads", "n_layers", "vocab_size", "width"]
    return train_bpe
def none_of_it(): return train_bpe
def its_own(n_layers, name="x"):
    assert n_layers == 2 and name == "x"
    return train_bpe
def marked():
    function = lambda model, ids, n_new: ids
    function.kind = "generate"
    return function
"""
    spec = write(code)
    for name in ("all_of_it", "none_of_it", "its_own", "train_bpe"):
        assert load_peer(spec + name).kind == "train_bpe"
    assert load_peer(spec + "marked").kind == "generate"


def test_a_peer_may_import_its_neighbours_and_bring_an_optimizer(write):
    write(MODEL.replace("{result}", "self.head(self.table(ids))"), "neighbour_of_peer")
    code = """
import torch
from neighbour_of_peer import make
def make_optimizer(model): return torch.optim.SGD(model.parameters(), lr=0.5)
def factory(vocab_size):
    import neighbour_of_peer
    return neighbour_of_peer.make(vocab_size, 3)
"""
    before = list(sys.path)
    peer = load_peer(write(code) + "factory")
    assert isinstance(peer.optimizer(peer.build(TINY)), torch.optim.SGD)
    assert sys.path == before


@pytest.mark.parametrize(
    ("code", "name", "message"),
    [
        ("", "make", "has no function 'make'; it has none at all"),
        ("def other(): pass", "make", "has no function 'make'; it has other"),
        ("make = 5", "make", "has no function 'make'"),
        ("import no_such_module", "make", "cannot be loaded (ModuleNotFoundError"),
        ("def make(): return 5", "make", "returned a int; return an nn.Module, or a function named generate"),
        ("def make(size): return 5", "make", "needs size, but a factory is only given vocab_size"),
        (MODEL.replace("{result}", "self.table(ids)"), "make", "(2, 3) into (2, 3, 32); it must give logits"),
        (MODEL.replace("{result}", "'text'"), "make", "into str; it must give logits (2, 3, 65)"),
    ],
)
def test_a_persons_mistakes_are_said_in_a_sentence(write, code, name, message):
    with pytest.raises(ValueError) as caught:
        load_peer(write(code) + name)
    assert message in str(caught.value)


@pytest.mark.parametrize("spec", ["file.py", ":make", "file.py:", "no_such_file.py:make", "README.md:make"])
def test_a_spec_names_a_file_and_something_in_it(spec):
    with pytest.raises(ValueError, match="--peer got"):
        load_peer(spec)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_transformers_has_our_weights(attention):
    ours = GPT(TINY, generator=torch.Generator().manual_seed(0)).eval()
    theirs = peers.Logits(transformers_gpt2(ours, attention))
    ids = torch.randint(11, (2, 5), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(theirs(ids), ours(ids), atol=1e-5, rtol=1e-5)
    assert training.matrix_parameters(theirs) == training.matrix_parameters(ours)


def test_transformers_gpt2_wants_gpt2s_parts():
    with pytest.raises(ValueError, match="give one with GPT-2's parts"):
        transformers_gpt2(GPT(GPTConfig.preset("llama-tiny")), "eager")


# The sections at tiny sizes -----------------------------------------------------------------------


def test_training_beside_a_peer(write):
    spec = write(MODEL.replace("{result}", "self.head(self.table(ids))")) + "make"
    section = training.run(Options(quick=True, peers=(load_peer(spec),)), ((TINY, 2),))
    names = ["ours", "transformers eager", "transformers sdpa", "plain torch", "other:make"]
    assert [row.name for row in section.rows] == names
    assert section.rows[0].ratio is None and all(row.ratio.median > 0 for row in section.rows[1:])
    assert all(row.extra["peak MiB"] > row.extra["kept MiB"] > 0 for row in section.rows)
    assert {row.extra["parameters"] for row in section.rows[:4]} == {GPT(TINY).parameter_count()}
    assert any("other:make has 220" in note for note in section.notes)  # 11 × 10 twice, against ours


def test_all_candidates_learn():
    for name, trainee in training.trainees(TINY, 2, QUICK).items():
        losses = [trainee.step() for _ in range(20)]
        assert losses[-1] < losses[0], name


def test_generation_at_every_batch_and_way():
    shape = GPTConfig(vocab_size=13, context_length=32, n_layers=2, n_heads=2, width=8)
    section = generation.run(QUICK, shape, (13, 99), n_new=5)
    assert len({row.setting for row in section.rows}) == 8
    greedy = [row.name for row in section.rows[:5]]
    assert greedy == ["ours", "ours, stream", "transformers", "ours, no cache", "floor"]
    assert sum(note.endswith("write the same tokens.") for note in section.notes) == 4
    assert all(row.value.median > 0 for row in section.rows)


@pytest.mark.parametrize("sampling", [GREEDY, PLAIN])
def test_every_writer_writes_as_much(sampling):
    model = GPT(GPTConfig(vocab_size=13, context_length=32, n_layers=1, n_heads=2, width=8)).eval()
    made = generation.writers(model, torch.ones(3, 4, dtype=torch.long), 7, sampling)
    assert ("ours, no cache" in made) == sampling.greedy
    for name, write_all in made.items():
        texts = write_all()
        assert texts is None or [len(text) for text in texts] == [11, 11, 11], name


def test_peers_that_generate(write):
    code = """
import torch
def generate(model, ids, n_new):
    for _ in range(n_new):
        ids = torch.cat([ids, model(ids)[:, -1:].argmax(-1)], 1)
    return ids
def too_short():
    function = lambda model, ids, n_new: ids
    function.kind = "generate"
    return function
"""
    spec = write(code)
    model = GPT(TINY, generator=torch.Generator().manual_seed(0)).eval()
    prompts = torch.tensor([[1, 2], [3, 4], [5, 6]])
    made = [generation.peer_writers(model, prompts, 3, Options(peers=(load_peer(spec + name),))) for name in
            ("generate", "too_short")]  # fmt: skip
    ours = generation.writers(model, prompts, 3, GREEDY)["ours"]()
    assert made[0]["other:generate"]().tolist() == ours
    with pytest.raises(ValueError, match="other:too_short returned 3 texts, the first of length 2; it must"):
        made[1]["other:too_short"]()


def test_the_floor_is_the_slower_of_reading_and_multiplying():
    model = GPT(TINY)
    read = 4 * (model.parameter_count() - 70)
    multiplied = 2 * (training.matrix_parameters(model) - 70)
    assert generation.floor_seconds(model, 3, 1.0, 1e9) == pytest.approx(read)
    assert generation.floor_seconds(model, 3, 1e9, 1.0) == pytest.approx(3 * multiplied)


TEXT = "the theme of the thesis is that the then was there; " * 40 + "他们说：你好。" * 20


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_tokens_beside_all_others(write, book):
    code = """
from course_lib.tokens.naive_bpe import learn_merges_naively
from course_lib.tokens import BPETokenizer
def train_bpe(text, vocab_size):
    pieces = [piece.encode() for piece in BPETokenizer([]).pre_tokens(text)]
    return learn_merges_naively(pieces, vocab_size - 256)
"""
    options = Options(quick=True, peers=(load_peer(write(code) + "train_bpe"),), text=book)
    section = tokens.run(options, (260, 270))
    settings = list(dict.fromkeys(row.setting for row in section.rows))
    assert settings == ["train to 260", "train to 270", "encode with 270"]
    assert section.notes[0].startswith("Text: book.txt")
    checks = "\n".join(section.notes)
    assert "other:train_bpe has the first 14 of 14 merges as ours" in checks
    assert "give the same ids" in checks and "NOT" not in checks and "DIFFERENT" not in checks


def test_the_naive_time_is_put_together_from_a_few_merges(monkeypatch):
    monkeypatch.setattr(tokens, "NAIVE_POINTS", (0, 2))
    merges = train(TEXT, 5)
    # One merge takes 4 s at the start, 2 s after 2 merges and 1 s after 5: 2 × 3 + 3 × 1.5.
    seconds, right = tokens.naive_training(TEXT, merges, clock=clock_of([4.0, 2.0, 1.0]))
    assert (seconds, right) == (10.5, True)
    assert tokens.naive_training(TEXT, [(b"x", b"y"), *merges])[1] is False


def train(text: str, how_many: int):
    return BPETokenizer.train(text, 256 + how_many, special_tokens=()).merges


def test_the_flat_text_is_the_naive_trainers():
    ids = tokens.flat_ids("hug hugs", train("hug hugs", 2))
    pieces = [[256 + 1], [ord(" "), 256 + 1, ord("s")]]
    learned = learn_merges_naively([b"hug", b" hugs"], 2)
    assert learned == learn_merges({b"hug": 1, b" hugs": 1}, 2)
    assert [i == -1 for i in ids] == [False, True, False, False, False, True]
    assert [ids[0], ids[3]] == [pieces[0][0], ids[0]]  # 257 stands in both


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([(b"u", b"g")], [(b"u", b"g")]),
        ([(117, 103), (104, 256)], [(b"u", b"g"), (b"h", b"ug")]),
        (types.SimpleNamespace(merges={(117, 103): 256}), [(b"u", b"g")]),
        ([("u", "g")], None),
        ([1, 2], None),
        (None, None),
    ],
)
def test_a_peers_merges_are_read_in_several_forms(given, wanted):
    assert tokens.as_bytes(given) == wanted


def test_merges_that_are_shorter_or_other_are_told_apart():
    ours = [(b"u", b"g"), (b"h", b"ug")]
    assert "first 1 of 2" in tokens.common_start(ours[:1], ours)
    assert "first 0 of 2" in tokens.common_start([(b"a", b"b")], ours)
    assert "no merges that could be compared" in tokens.common_start("a tokenizer", ours)


def test_the_text_is_cut_and_named(book):
    assert read_text(Options(text=book), 50) == (TEXT[:50], "book.txt")
    text, what = read_text(Options())
    assert len(text) == 1_100_000 and what == "documentation of Python"


def test_docstrings_are_found_and_broken_files_passed_over():
    code = '"Top."\nclass A:\n    "Inside."\n    def f(self):\n        "Deep."\n    def g(self): pass\n'
    assert sorted(docstrings(code)) == ["Deep.", "Inside.", "Top."]
    assert list(docstrings("def f(:")) == []


# Start --------------------------------------------------------------------------------------------


def test_imports_are_measured_without_the_interpreters_own_time(monkeypatch):
    heavy = {"course_lib.model": True, "course_lib.config": False}
    monkeypatch.setattr(
        startup, "_python", lambda *arguments: str(heavy.get(arguments[-1][12:28].strip(";")))
    )
    monkeypatch.setattr(startup, "loads_torch", heavy.get)
    durations = dict(zip(("", *heavy, *startup.OTHERS), (1.0, 5.0, 2.0, 4.0, 3.0, 9.0), strict=True))
    fake = lambda actions, *_, **__: Times({name: (durations[name],) for name in actions})  # noqa: E731
    monkeypatch.setattr(startup, "interleave", fake)
    rows, note = startup.import_rows(list(heavy), QUICK)
    assert {row.name: row.value.median for row in rows} == {
        "course_lib.model": 4.0,
        "course_lib.config": 1.0,
        "slowest module without torch: config": 1.0,
        "slowest module with torch: model": 4.0,
        "torch": 3.0,
        "transformers": 2.0,
        "GPT2LMHeadModel of transformers": 8.0,
    }
    assert [row.detail for row in rows[:3]] == [True, True, False]
    assert "1.000 s" in note


def test_a_first_cell_runs_in_a_kernel_of_its_own(tmp_path):
    notebook = {
        "cells": [{"cell_type": "markdown", "source": "x"}, {"cell_type": "code", "source": ["1\n", "2"]}]
    }
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert startup.first_cell(path) == "1\n2"
    marker = tmp_path / "ran"
    seconds = startup.kernel_seconds(
        f"import os; open({str(marker)!r}, 'w').write(os.environ['COURSE_PROGRESS'])"
    )
    assert seconds > 0 and not Path(marker.read_text()).parent.exists()  # its settings are gone
    with pytest.raises(RuntimeError, match="The first cell failed: too bad"):
        startup.kernel_seconds("raise ValueError('too bad')")


def test_a_server_is_started_asked_and_stopped():
    command = [sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser"]
    answered, ran = startup.lab_seconds(command, "1 + 1")
    assert 0 < answered < ran


def test_a_server_that_ends_is_an_error():
    with pytest.raises(RuntimeError, match="did not answer"):
        startup.lab_seconds([sys.executable, "-c", "pass"], "1 + 1")


# GPU ----------------------------------------------------------------------------------------------


def test_without_a_gpu_there_is_one_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    section = gpu.run(QUICK)
    assert section.rows == () and len(section.notes) == 1
    assert report.markdown(Results({}, "", (section,))) == "**GPU**: there is none here that torch can use."


def test_what_runs_on_a_gpu_runs_on_a_cpu_too():
    ways = {"": lambda model: model, ", other way": torch.nn.Sequential}
    section = gpu.measure(QUICK, TINY, 2, "cpu", torch.bfloat16, "some CPU", ways)
    names = [name + suffix for name in ("ours", "plain torch", "transformers sdpa") for suffix in ways]
    assert [row.name for row in section.rows] == names
    for row in section.rows:
        assert row.value.median == pytest.approx(14 / row.extra["ms per step"] * 1e3)
        assert row.extra["share of peak"] > 0
    assert "bfloat16, 2 × 7 tokens" in section.notes[0] and "as measured" in section.notes[0]


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA L4", 121e12),
        ("Tesla T4", 65e12),
        ("NVIDIA GeForce RTX 4090", 165e12),
        ("NVIDIA GeForce RTX 4090D", None),
        ("NVIDIA H100 NVL", None),
    ],
)
def test_peaks_are_known_by_whole_words(name, peak):
    assert gpu.known_peak(name) == peak


# Recipes ------------------------------------------------------------------------------------------


class Stub(types.ModuleType):
    """What the section needs of `course_lib.training.speedrun`; every recipe takes what it is given."""

    def __init__(self):
        super().__init__("course_lib.training.speedrun")
        self.given: list = []
        named = (("baseline", "as usual"), ("rotary", "other positions"), ("speedrun", "all together"))
        self.RECIPES = {name: types.SimpleNamespace(name=name, what=what) for name, what in named}

    def run_recipe(self, recipe, ids, val_ids, vocab_size, cpu_seconds):
        self.given.append((cpu_seconds, len(ids), len(val_ids), vocab_size))
        loss = 2.0 - 0.25 * len(self.given)
        curve = ((1.0, 3.0), (7.0, loss))
        return types.SimpleNamespace(
            name=recipe.name, loss_nats=loss, cpu_seconds=7.0, steps=5, tokens=35, parameters=11, curve=curve
        )


@pytest.fixture
def stub(monkeypatch):
    from course_lib import training

    made = Stub()
    monkeypatch.setattr(training, "speedrun", made, raising=False)
    return made


def test_all_recipes_get_the_time_that_the_baseline_took(stub, book):
    section = recipes.run(Options(text=book))
    ids, held_out, kinds = recipes.encoded(read_text(Options(text=book))[0])
    sizes = (len(ids), len(held_out), kinds)
    assert stub.given == [(None, *sizes), (7.0, *sizes), (7.0, *sizes)]
    assert [row.value.median for row in section.rows] == [1.75, 1.5, 1.25]
    assert [row.extra["lower by"] for row in section.rows] == ["", "0.250", "0.250"]
    table = report.markdown(Results({}, "", (section,)))
    assert "| rotary | 1.50 | other positions | 0.250 |" in table


def test_every_tenth_stretch_is_held_out():
    text = "".join(chr(ord("a") + i) for i in range(20)) * 2
    ids, held_out, kinds = recipes.encoded(text, most=2)
    assert (len(ids), kinds) == (36, 20)
    assert held_out.tolist() == [18, 19, 18, 19]
    ids, held_out, _ = recipes.encoded(text)  # a short text: its last tenth
    assert held_out.tolist() == [16, 17, 18, 19]


def test_quick_recipes_get_little_time(stub, book):
    recipes.run(Options(text=book, quick=True))
    assert [seconds for seconds, *_ in stub.given] == [recipes.QUICK_SECONDS] * 3


def test_the_agreed_interface_is_the_real_one():
    from course_lib.training import speedrun

    names = list(speedrun.RECIPES)
    assert (names[0], names[-1]) == ("baseline", "speedrun")
    ids, held_out, vocab_size = recipes.encoded(TEXT)
    recipe = speedrun.RECIPES["baseline"]
    result = speedrun.run_recipe(recipe, ids, held_out, vocab_size, 0.01)
    (row,) = recipes.recipe_rows([recipe], [result])
    assert row.name == "baseline" and row.extra["steps"] >= 1


def test_stories_compare_both_recipes_at_every_length(monkeypatch):
    from course_lib.training import speedrun

    given = []

    def run_recipe(recipe, ids, val_ids, vocab_size, cpu_seconds, *, end_id, measure):
        given.append((recipe.name, cpu_seconds))
        uniform = measure(lambda ids: torch.zeros(*ids.shape, vocab_size))
        assert uniform == pytest.approx(math.log(vocab_size), rel=1e-5) and ids[0] == end_id
        return types.SimpleNamespace(loss_nats=2.0, steps=3, tokens=5, parameters=7)

    monkeypatch.setattr(speedrun, "run_recipe", run_recipe)
    section = stories.run(Options())
    assert given == [(name, 60.0 * m) for m in (1, 2, 4) for name in ("before", "after")]
    assert {row.name for row in section.rows} == {"before", "after"} <= speedrun.STORY_RECIPES.keys()
    assert all(0 < float(row.extra["above the floor"].split()[0]) < 1000 for row in section.rows)


# Tables, file, figures ----------------------------------------------------------------------------

NUMBERS = st.floats(1e-6, 1e6).map(lambda value: float(f"{value:.6g}"))
SPREADS = st.builds(Spread, NUMBERS, NUMBERS, NUMBERS)
WORDS = st.text(min_size=1, max_size=9)
EXTRAS = st.dictionaries(WORDS, NUMBERS | st.integers() | WORDS | st.lists(NUMBERS), max_size=3)
ROWS = st.builds(Row, WORDS, WORDS, st.none() | SPREADS, st.none() | SPREADS, EXTRAS, st.booleans())
SECTIONS = st.builds(Section, WORDS, WORDS, WORDS, st.lists(ROWS, max_size=4).map(tuple), st.tuples(WORDS))
RESULTS = st.builds(Results, st.dictionaries(WORDS, WORDS), WORDS, st.lists(SECTIONS, max_size=3).map(tuple))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@given(results=RESULTS)
def test_what_is_written_is_read_back(results, folder):
    path = report.write(results, folder / "results.json")
    assert report.read(path) == results
    json.loads(path.read_text(encoding="utf-8"))


@given(results=RESULTS)
def test_every_result_has_a_table(results):
    report.text(results), report.markdown(results)


@pytest.mark.parametrize(
    "content", [None, "no json", "[]", '{"sections": [], "machine": {}}', '{"sections": 5}']
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "results.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="holds no results of the benchmark"):
        report.read(path)


def example() -> Results:
    def row(setting, name, value, ratio=None, **more):
        spread = Spread(value, value * 0.9, value * 1.1)
        return Row(setting, name, spread, ratio and Spread(ratio, ratio * 0.9, ratio * 1.1), **more)

    compared = (
        row("1 thread", "ours", 20.0, extra={"peak MiB": 5}),
        row("1 thread", "plain torch", 25.0, 0.8),
        row("2 threads", "ours", 12.0),
        row("2 threads", "plain torch", 10.0, 1.2),
        row("3 threads", "plain torch", 10.0, 1.2, detail=True),
    )
    shares = [
        {"value": n, "counted GFLOP": n, "share of matrix speed": 0.5, "peak MiB": n, "counted MiB": n}
        for n in (2, 3, 5)
    ]
    grown = tuple(row("window", f"window {e['value']}", 3.0 * e["value"], extra=e) for e in shares)
    curve = {"curve": [[1.0, 3.0], [2.0, 2.0]], "steps": 7}
    return Results(
        {"processor": "Some CPU", "cores": 2, "torch": "2.13.0"},
        "python -m course_lib bench",
        (
            Section("training", "Training", "ms", compared, ("A note.",), also=("peak MiB",)),
            Section("scale", "Growth", "ms", grown),
            Section("recipes", "Loss", "nats", (row("", "baseline", 1.5, extra=curve),)),
            Section("gpu", "GPU", "tokens per second", (), ("there is none.",)),
        ),
    )


def test_columns_of_the_text_are_aligned():
    lines = report.text(example()).splitlines()
    assert lines[0] == "Measured on Some CPU, 2 cores, torch 2.13.0"
    start = lines.index("Training (ms)")
    assert lines[start + 3] == "  1 thread   plain torch  25.0    22.5 to 27.5  0.80           0.72 to 0.88"
    assert lines[start + 7] == "  * A note."
    assert len({line.index(" to ") for line in lines[start + 2 : start + 7]}) == 1


def test_markdown_has_settings_down_and_candidates_across():
    table = report.markdown(example())
    assert "| setting | ours | plain torch |\n|---|---|---|\n| 1 thread | 20.0 | 25.0 (0.80) |" in table
    assert "| 2 threads | 12.0 | 10.0 (1.20) |" in table and "3 threads" not in table
    also = "**Training**, peak MiB\n\n| setting | ours | plain torch |\n|---|---|---|\n| 1 thread | 5 |  |"
    assert also in table
    assert "| baseline | 1.50 | 7 |" in table and "curve" not in table
    assert table.endswith("with `python -m course_lib bench`.")


def test_figures_of_each_kind(tmp_path):
    paths = figures.draw(example(), tmp_path / "new")
    assert [path.name for path in paths] == ["training.png", "scale.png", "recipes.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_bars_go_from_one_to_the_ratio():
    ax = figures.ratio_bars(example().sections[0]).axes[0]
    assert [(bar.get_x(), round(bar.get_width(), 6)) for bar in ax.patches] == [(1, -0.2), (1, 0.2)]
    assert [text.get_text().strip() for text in ax.texts] == ["0.80", "1.20"]


def test_growth_draws_time_and_memory_beside_their_counts():
    panels = figures.growth(example().sections[1]).axes
    ideal, time, counted, memory = (list(line.get_ydata()) for line in panels[0].lines)
    assert (ideal, time) == ([3.0, 4.5, 7.5], [6.0, 9.0, 15.0])
    assert counted == memory == [2, 3, 5]


README_MARKS = ("<!-- benchmark -->\n", "\n<!-- /benchmark -->")


def test_the_readme_shows_what_was_measured():
    measured = ROOT / "docs" / "benchmark" / "results.json"
    if measured.exists():
        page = (ROOT / "README.md").read_text(encoding="utf-8")
        start, end = README_MARKS
        shown = page.partition(start)[2].partition(end)[0]
        assert shown == report.markdown(report.read(measured)), "README.md and docs/benchmark differ"


# The command --------------------------------------------------------------------------------------


@pytest.fixture
def run(monkeypatch):
    """Run the command, with sections that only note the options they are given."""
    app = typer.Typer()
    app.command()(command.bench)
    seen: dict[str, Options] = {}

    def load(name: str):
        name = name.rpartition(".")[2]

        def measured(options: Options) -> Section:
            seen[name] = options
            return Section(name, name.title(), "ms", (Row("s", "ours", Spread(1.0, 1.0, 1.0)),))

        return types.SimpleNamespace(run=measured)

    monkeypatch.setattr(command, "import_module", load)

    def invoke(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments]), seen

    return invoke


def test_all_sections_run_by_default(run):
    result, seen = run()
    assert result.exit_code == 0, result.output
    assert tuple(seen) == command.SECTIONS
    assert "Training (ms)" in result.stdout and "Measured on" in result.stdout
    assert "9/9" in result.stderr  # the progress bar
    assert set(seen["training"].threads) <= {1, 2} and not seen["training"].quick


def test_options_reach_the_sections(run, write, book, tmp_path):
    peer = write("def generate(model, ids, n_new): return ids") + "generate"
    arguments = ("tokens", "gpu", "--threads", 2, "--threads", 1, "--quick", "--text", book, "--peer", peer)
    result, seen = run(*arguments, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    options = seen["tokens"]
    assert list(seen) == ["tokens", "gpu"]
    assert (options.threads, options.quick, options.text) == ((2, 1), True, book)
    assert [peer.kind for peer in options.peers] == ["generate"]
    results = report.read(tmp_path / "out" / "results.json")
    assert [section.name for section in results.sections] == ["tokens", "gpu"]
    assert str(tmp_path) not in (tmp_path / "out" / "results.json").read_text()
    assert results.command == (
        "python -m course_lib bench --peer other.py:generate --threads 2 --threads 1 --quick --text book.txt"
    )


def test_sections_can_be_measured_one_by_one(run, tmp_path):
    """Those in the folder are kept and stand in the usual order, unless they were measured in another way."""

    def names():
        return [section.name for section in report.read(tmp_path / "results.json").sections]

    for section in ("scale", "training", "scale"):
        assert run(section, "--out", tmp_path)[0].exit_code == 0
    assert names() == ["training", "scale"]
    run("gpu", "--quick", "--out", tmp_path)
    assert names() == ["gpu"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trainings",), "There is no section 'trainings'; the sections are training,"),
        (("--threads", "0"), "--threads got 0; give a whole number of at least 1."),
        (("--text", "none.txt"), "--text got none.txt, but there is no such file"),
        (("--peer", "none.py:make"), "--peer got the file none.py"),
    ],
)
def test_mistakes_are_one_sentence(run, arguments, message):
    result, seen = run(*arguments)
    assert result.exit_code == 1 and not seen
    assert result.stderr.startswith(f"Error: {message}") and result.stderr.count("\n") == 1


def test_every_section_has_a_module():
    from importlib import import_module

    for name in command.SECTIONS:
        assert callable(import_module(f"course_lib.shell.bench.{name}").run)


@given(st.integers(1, 9), st.integers(1, 9))
def test_read_speed_and_text_options(thorough, quick):
    assert Options(quick=True).pick(thorough, quick) == quick
    assert Options().pick(thorough, quick) == thorough


# A real model ---------------------------------------------------------------------------------------------


@pytest.fixture
def small_real_model():
    """What load_pretrained gives, in small: a Llama that was taught nothing."""
    from course_lib.pretrained import Pretrained
    from course_lib.tokens import BPETokenizer

    tokenizer = BPETokenizer([], ["<|im_start|>", "<|im_end|>"])
    config = GPTConfig.preset("llama-tiny", vocab_size=258, context_length=200, n_layers=1, width=32)
    model = GPT(config, torch.Generator().manual_seed(0)).eval()
    return Pretrained(model, tokenizer, stop_tokens=(257,))


def test_a_real_model_is_timed_in_every_form_and_its_answers_are_compared(small_real_model, one_thread):
    from course_lib.shell.bench import pretrained

    section = pretrained.run(Options(threads=(1,), quick=True), lambda: small_real_model, longest=5)
    names = [row.name for row in section.rows]
    assert names[:2] == ["ours", "ours, bfloat16"] and names[-1] == "transformers"
    assert all(row.setting == "1 thread" and row.value.median > 0 for row in section.rows)
    assert [bool(row.ratio) for row in section.rows] == [name != "ours" for name in names]
    assert (
        "ours: the same text as transformers after 4 of 4 questions (up to 5 tokens each)." in section.notes
    )
    assert len(section.notes) == len(names)


def test_the_twin_of_transformers_gives_the_same_logits(small_real_model):
    from course_lib.shell.bench import pretrained

    model, ids = small_real_model.model, torch.tensor([[5, 6, 7]])
    theirs = pretrained.transformers_twin(model)
    with torch.inference_mode():
        assert torch.allclose(theirs(ids).logits, model(ids), atol=1e-5)
    assert theirs.model.embed_tokens.weight.data_ptr() == model.tokens.weight.data_ptr()


def test_without_the_real_model_a_note_says_how_to_fetch_it(monkeypatch, tmp_path):
    from course_lib.shell.bench import pretrained

    monkeypatch.setenv("COURSE_PRETRAINED", str(tmp_path))
    section = pretrained.run(Options(), read=None)
    assert not section.rows and "python -m course_lib fetch smollm2" in section.notes[0]
