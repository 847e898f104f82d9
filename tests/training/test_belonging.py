"""What belongs together stays together: trainings resumed as another, other versions, hostile claims."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import finetuning, runtime
from course_lib.config import GPTConfig
from course_lib.context import document_batches
from course_lib.model import GPT
from course_lib.tokens import BPETokenizer, CharTokenizer
from course_lib.training import (
    AdamW,
    TrainConfig,
    check_tokenizer,
    load_checkpoint,
    load_model,
    make_muon,
    model_metadata,
    save_checkpoint,
    save_model,
    tokenizer_fingerprint,
    train,
)
from course_lib.training.files import CheckpointError, read_file, write_file
from course_lib.training.fingerprints import data_fingerprint, model_description
from course_lib.training.optim import Muon, muon_groups, parameter_groups

pytestmark = pytest.mark.usefixtures("one_thread", "usual_ctrl_c")

SHAPE = GPTConfig(vocab_size=7, context_length=6, n_layers=2, n_heads=2, width=8, positions="none")
IDS = torch.tensor([0, 1, 2, 3, 1, 5] * 20)
OTHER = torch.tensor([0, 1, 2, 4, 1, 5] * 20)
RECIPE = TrainConfig(steps=4, batch_size=2, lr=0.01, checkpoint_every=2)


def gpt(seed=0, **changes) -> GPT:
    return GPT(replace(SHAPE, **changes), torch.Generator().manual_seed(seed))


def everything(model: nn.Module) -> list:
    """What a refusal must leave as it was."""
    return [*(weight.clone() for weight in model.state_dict().values()), torch.get_rng_state()]


def refused(call, model: nn.Module, said: str) -> None:
    before = everything(model)
    with pytest.raises(CheckpointError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert all(torch.equal(a, b) for a, b in zip(before, everything(model), strict=True))


@pytest.fixture
def path(tmp_path):
    """A training of four steps, saved at its end."""
    train(gpt(), IDS, RECIPE, checkpoint_path=tmp_path / "run.checkpoint")
    return tmp_path / "run.checkpoint"


# Resumed as another -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"n_heads": 4},
        {"activation": "relu2"},
        {"norm_eps": 1e-3},
        {"dropout": 0.5},
        {"positions": "rotary"},
        {"positions": "sinusoidal"},
    ],
)
def test_another_model_of_the_same_shapes_is_refused(path, change):
    model, name = gpt(seed=9, **change), next(iter(change))
    refused(
        lambda: train(model, IDS, RECIPE, checkpoint_path=path, resume=True),
        model,
        f"trained with a model of {name}=.*, but now {name}=",
    )


def test_another_base_of_rotary_positions_is_refused(tmp_path):
    path = tmp_path / "run.checkpoint"
    train(gpt(positions="rotary"), IDS, RECIPE, checkpoint_path=path)
    model = gpt(positions="rotary", rope_base=500.0)
    refused(lambda: train(model, IDS, RECIPE, checkpoint_path=path, resume=True), model, "rope_base=10000.0")


class Plain(nn.Module):
    """A model without a configuration."""

    def __init__(self, dropout: float, bend: type[nn.Module] = nn.ReLU):
        super().__init__()
        self.parts = nn.Sequential(nn.Embedding(7, 4), bend(), nn.Dropout(dropout), nn.Linear(4, 7))

    def forward(self, ids):
        return self.parts(ids)


@pytest.mark.parametrize("other", [Plain(0.2), Plain(0.1, nn.GELU)], ids=["dropout", "bend"])
def test_parts_with_other_settings_are_another_model(tmp_path, other):
    path, recipe = tmp_path / "run.checkpoint", replace(RECIPE, context_length=5)
    train(Plain(0.1), IDS, recipe, checkpoint_path=path)
    train(Plain(0.1), IDS, recipe, checkpoint_path=path, resume=True)
    refused(lambda: train(other, IDS, recipe, checkpoint_path=path, resume=True), other, "another model")


def test_another_strength_of_lora_is_another_model(tmp_path):
    path = tmp_path / "run.checkpoint"
    train(finetuning.add_lora(gpt(), 2, alpha=4), IDS, RECIPE, checkpoint_path=path)
    model = finetuning.add_lora(gpt(), 2, alpha=8)
    refused(lambda: train(model, IDS, RECIPE, checkpoint_path=path, resume=True), model, "another model")


def sgd(momentum):
    return lambda model, config: torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)


def own_adamw(model, config):
    return AdamW(parameter_groups(model, config.weight_decay), lr=config.lr, betas=config.betas)


def other_groups(model, config):
    return torch.optim.AdamW([{"params": [p]} for p in model.parameters()], lr=config.lr)


def reversed_groups(model, config):
    return torch.optim.AdamW(parameter_groups(model, config.weight_decay)[::-1], lr=config.lr)


def other_momentum(model, config):
    matrices, rest = muon_groups(model, config.lr)
    return Muon([{**matrices, "momentum": 0.5}, rest], betas=config.betas)


OPTIMIZERS = {
    "AdamW": lambda model, config: torch.optim.AdamW(model.parameters(), lr=0.1),
    "AdamW with amsgrad": lambda model, config: torch.optim.AdamW(model.parameters(), lr=0.1, amsgrad=True),
    "AdamW with another eps": lambda model, config: torch.optim.AdamW(model.parameters(), lr=0.1, eps=1e-3),
    "AdamW at another rate": lambda model, config: torch.optim.AdamW(model.parameters(), lr=0.2),
    "Adam": lambda model, config: torch.optim.Adam(model.parameters(), lr=0.1),
    "our AdamW": own_adamw,
    "groups of one": other_groups,
    "groups the other way round": reversed_groups,
    "Muon": make_muon,
    "Muon of another momentum": other_momentum,
    "SGD": sgd(0.0),
    "SGD with momentum": sgd(0.9),
    "SGD with less momentum": sgd(0.5),
    "RMSprop": lambda model, config: torch.optim.RMSprop(model.parameters(), lr=0.1),
    "Adafactor": lambda model, config: torch.optim.Adafactor(model.parameters(), lr=0.1),
    "NAdam": lambda model, config: torch.optim.NAdam(model.parameters(), lr=0.1),
}


@pytest.mark.parametrize("first", OPTIMIZERS)
def test_every_other_optimizer_is_refused_and_the_same_one_goes_on_exactly(tmp_path, first):
    path, whole = tmp_path / "run.checkpoint", gpt()
    train(whole, IDS, replace(RECIPE, steps=8), optimizer=OPTIMIZERS[first])

    class Stop:
        def on_step(self, moment):
            return moment.step == 4

    train(
        gpt(),
        IDS,
        replace(RECIPE, steps=8),
        optimizer=OPTIMIZERS[first],
        callbacks=[Stop()],
        checkpoint_path=path,
    )
    for second, optimizer in OPTIMIZERS.items():
        model = gpt(seed=9)
        if second != first:
            refused(
                lambda model=model, optimizer=optimizer: train(
                    model,
                    IDS,
                    replace(RECIPE, steps=8),
                    optimizer=optimizer,
                    checkpoint_path=path,
                    resume=True,
                ),
                model,
                "another optimizer",
            )
    resumed = gpt(seed=9)
    train(
        resumed, IDS, replace(RECIPE, steps=8), optimizer=OPTIMIZERS[first], checkpoint_path=path, resume=True
    )
    assert all(torch.equal(a, b) for a, b in zip(resumed.parameters(), whole.parameters(), strict=True))


def numbered(ids):
    """A function that draws from a text of its own."""

    def draw(generator):
        start = int(torch.randint(50, (1,), generator=generator))
        return ids[start : start + 5][None], ids[start + 1 : start + 6][None]

    return draw


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (IDS, OTHER),
        (IDS, IDS[:-1]),
        (document_batches(IDS, 0, 2, 5), document_batches(OTHER, 0, 2, 5)),
        (document_batches(IDS, 0, 2, 5), document_batches(IDS, 1, 2, 5)),
        (document_batches(IDS, 0, 2, 5), document_batches(IDS, 0, 3, 5)),
        (numbered(IDS), numbered(OTHER)),
    ],
    ids=["ids", "a shorter text", "documents", "their beginnings", "their number", "a function"],
)
def test_another_text_is_refused(tmp_path, text, other):
    path = tmp_path / "run.checkpoint"
    train(gpt(), text, RECIPE, checkpoint_path=path)
    model = gpt(seed=9)
    refused(
        lambda: train(model, other, RECIPE, checkpoint_path=path, resume=True), model, "another text; resume"
    )
    assert train(model, text, RECIPE, checkpoint_path=path, resume=True).steps == (4,)


def test_the_same_text_in_another_form_is_the_same():
    assert len({data_fingerprint(ids) for ids in (IDS, IDS.int(), IDS.clone())}) == 1
    quizzes = [finetuning.QuizBatches(CharTokenizer.train("ab"), batch_size=n) for n in (2, 2, 3)]
    prints = [data_fingerprint(batches) for batches in quizzes]
    assert prints[0] == prints[1] != prints[2]


def test_another_validation_text_is_refused_and_one_may_be_added(path, tmp_path):
    longer = replace(RECIPE, steps=6)
    history = train(gpt(), IDS, longer, val_ids=IDS, checkpoint_path=path, resume=True)
    assert history.val_loss is not None
    model = gpt(seed=9)
    refused(
        lambda: train(model, IDS, longer, val_ids=OTHER, checkpoint_path=path, resume=True),
        model,
        "another validation text",
    )


def test_a_source_with_a_state_is_put_back_when_a_resumption_is_refused(tmp_path):
    class Counting:
        position = 0

        def __call__(self, generator):
            self.position += 1
            return IDS[:5][None], IDS[1:6][None]

        def state_dict(self):
            return {"position": self.position}

        def load_state_dict(self, state):
            self.position = state["position"]

    path, source = tmp_path / "run.checkpoint", Counting()
    train(gpt(), Counting(), RECIPE, checkpoint_path=path)
    model = gpt(dropout=0.5)
    refused(lambda: train(model, source, RECIPE, checkpoint_path=path, resume=True), model, "dropout")
    assert source.position == 0
    tensors, about = read_file(path, "checkpoint")
    about["progress"]["batches"] = None
    write_file(path, tensors, about)
    model = gpt()
    refused(lambda: train(model, source, RECIPE, checkpoint_path=path, resume=True), model, "own state")
    assert source.position == 0


def test_numbers_of_numpy_in_a_recipe_are_saved_and_resumed(tmp_path):
    path = tmp_path / "run.checkpoint"
    recipe = TrainConfig(steps=np.int64(4), batch_size=2, lr=np.float32(1e-3), betas=np.array([0.9, 0.95]))
    history = train(gpt(), IDS, recipe, checkpoint_path=path)
    assert train(gpt(seed=9), IDS, recipe, checkpoint_path=path, resume=True) == history


# Files that are held, and two at once -------------------------------------------------------------


def hold(monkeypatch, path, times: int) -> None:
    """Another program holds the file at the first tries to replace it."""
    whole, seen = os.replace, []

    def busy(source, target):
        seen.append(target)
        if target == path and len(seen) <= times:
            raise PermissionError(13, "Access is denied", str(target))
        return whole(source, target)

    monkeypatch.setattr(os, "replace", busy)


def test_a_checkpoint_that_is_held_for_a_moment_costs_nothing(tmp_path, monkeypatch):
    path = tmp_path / "run.checkpoint"
    hold(monkeypatch, path, times=3)
    history = train(gpt(), IDS, RECIPE, checkpoint_path=path)
    assert train(gpt(seed=9), IDS, RECIPE, checkpoint_path=path, resume=True) == history


def test_a_checkpoint_that_stays_held_is_said_and_neither_steps_nor_curve_are_lost(tmp_path, monkeypatch):
    path, recipe = tmp_path / "run.checkpoint", replace(RECIPE, checkpoint_every=3)
    model, same = gpt(), gpt()
    monkeypatch.setattr(runtime, "PATIENCE", 0.02)
    hold(monkeypatch, path, times=10**6)
    with (
        pytest.warns(RuntimeWarning, match=r"Step 3: .*held by another program.* The training goes on\."),
        pytest.raises(PermissionError, match="held by another program") as caught,
    ):
        train(model, IDS, recipe, checkpoint_path=path)
    assert caught.value.history.train_losses == train(same, IDS, recipe).train_losses
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), same.parameters(), strict=True))
    kept = tmp_path / "run.kept.checkpoint"
    assert train(gpt(seed=9), IDS, recipe, checkpoint_path=kept, resume=True) == caught.value.history


def test_two_trainings_do_not_write_one_checkpoint(tmp_path):
    path, model = tmp_path / "run.checkpoint", gpt()

    class Second:
        def on_step(self, moment):
            with pytest.raises(ValueError, match="another checkpoint_path, or wait"):
                train(gpt(), IDS, RECIPE, checkpoint_path=path)
            assert train(gpt(), IDS, RECIPE, checkpoint_path=tmp_path / "other").steps == (4,)

    assert train(model, IDS, RECIPE, checkpoint_path=path, callbacks=[Second()]).steps == (4,)


# Damaged, of another version, hostile -------------------------------------------------------------


def rewritten(path, change) -> None:
    """The same file with a right checksum, after a change of its tensors or its description."""
    tensors, about = read_file(path, "checkpoint")
    change(tensors, about)
    write_file(path, tensors, about)


def entry(key, value):
    return lambda tensors, about: tensors.__setitem__(key, value)


def without(*keys):
    def change(tensors, about):
        *above, last = keys
        for key in above:
            about = about[key]
        del about[last]

    return change


def put(value, *keys):
    def change(tensors, about):
        *above, last = keys
        for key in above:
            about = about[key]
        about[last] = value

    return change


CHANGES = {
    "exp_avg too short": entry("optimizer/0/exp_avg", torch.zeros(3)),
    "exp_avg too long": entry("optimizer/0/exp_avg", torch.zeros(10**6)),
    "exp_avg a number": entry("optimizer/0/exp_avg", torch.tensor(0.0)),
    "exp_avg_sq empty": entry("optimizer/1/exp_avg_sq", torch.zeros(0)),
    "exp_avg of whole numbers": entry("optimizer/0/exp_avg", torch.zeros(24, 8, dtype=torch.int32)),
    "step with an axis too many": entry("optimizer/0/step", torch.zeros(2)),
    "exp_avg missing": lambda tensors, about: tensors.pop("optimizer/0/exp_avg"),
    "an entry too many": entry("optimizer/0/exp_max", torch.zeros(24, 8)),
    "a weight that there is not": entry("optimizer/99/exp_avg", torch.zeros(3)),
    "a weight that is no number": entry("optimizer/x/exp_avg", torch.zeros(3)),
    "a weight without its key": entry("optimizer/3", torch.zeros(3)),
    "random states too short": entry("random/cpu", torch.zeros(3, dtype=torch.uint8)),
    "random states of floats": entry("random/batches", torch.zeros(5056)),
    "no random states": lambda tensors, about: tensors.pop("random/batches"),
    "no groups": without("optimizer", "param_groups"),
    "no optimizer": without("optimizer"),
    "a group without its rate": lambda tensors, about: about["optimizer"]["param_groups"][0].pop("betas"),
    "groups that are a text": put("all", "optimizer", "param_groups"),
    "no progress": without("progress"),
    "progress that is a list": put([], "progress"),
    **{
        f"no {name} in the progress": without("progress", name)
        for name in ("config", "step", "tokens", "seconds", "losses", "records", "batches", "belongs")
    },
    "a step as a text": put("four", "progress", "step"),
    "losses that are no list": put(3, "progress", "losses"),
    "a record with an entry more": put([{"step": 1, "colour": "red"}], "progress", "records"),
    "a recipe with a setting more": put(3, "progress", "config", "warmth"),
    "a recipe with a setting fewer": without("progress", "config", "lr"),
    "no word of the text": without("progress", "belongs", "text"),
    "a model that is a text": put("gpt", "model"),
    "an optimizer that is a text": put("adamw", "stepped_by"),
    "a newer version": put(99, "version"),
    "a version in words": put("new", "version"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_checkpoint_with_an_entry_more_or_fewer_or_of_another_kind_changes_nothing(path, name):
    rewritten(path, CHANGES[name])
    model = gpt(seed=9)
    refused(
        lambda: train(model, IDS, replace(RECIPE, steps=8), checkpoint_path=path, resume=True),
        model,
        str(path),
    )


def test_loading_gives_everything_back_if_it_fails_on_the_way(path, monkeypatch):
    model, generator = gpt(seed=9), torch.Generator().manual_seed(5)
    optimizer = torch.optim.AdamW(parameter_groups(model, 0.1), lr=0.01, betas=RECIPE.betas)
    train_state = generator.get_state()
    monkeypatch.setattr(GPT, "load_state_dict", lambda self, weights: 1 / 0 if weights else None)
    before = everything(model)
    monkeypatch.setattr(
        "course_lib.training.checkpoint._restore_random_states", lambda *parts: pytest.fail("not reached")
    )
    with pytest.raises((ZeroDivisionError, CheckpointError)):
        load_checkpoint(path, model, optimizer, generator)
    assert all(torch.equal(a, b) for a, b in zip(before, everything(model), strict=True))
    assert torch.equal(generator.get_state(), train_state)


def test_a_checkpoint_of_ones_own_progress_is_no_training(tmp_path):
    path, model = tmp_path / "mine.checkpoint", gpt()
    optimizer = torch.optim.AdamW(model.parameters())
    save_checkpoint(path, model, optimizer, torch.Generator(), {"epoch": 3})
    assert load_checkpoint(path, model, optimizer, torch.Generator()) == {"epoch": 3}
    refused(
        lambda: train(model, IDS, RECIPE, checkpoint_path=path, resume=True), model, "what was trained on"
    )


def model_file(path, about, tensors=None) -> None:
    """A model file that claims what it likes, with a right checksum."""
    write_file(path, gpt().state_dict() if tensors is None else tensors, {"kind": "model", **about})


CLAIMS = {
    "a vocabulary of 20 million": {"vocab_size": 20_000_000},
    "a vocabulary past all memory": {"vocab_size": 10**18},
    "numbers past 64 bits": {"width": 2 * 10**40, "n_heads": 10**40},
    "100,000 layers": {"n_layers": 100_000},
    "layers without end": {"n_layers": 10**12},
    "a context without end": {"context_length": 10**12, "positions": "rotary"},
    "waves without end": {"context_length": 10**12, "positions": "sinusoidal"},
    "a width that is a text": {"width": "8"},
    "a field more": {"telepathy": True},
    "another width inside": {"mlp_width": 10**9},
}


@pytest.mark.parametrize("name", CLAIMS)
def test_what_a_model_file_claims_is_compared_before_it_is_built(tmp_path, monkeypatch, name):
    def hollow(self, generator=None):
        assert all(weight.is_meta for weight in self.parameters()), "it was built"

    path = tmp_path / "m.safetensors"
    model_file(path, {"config": {**SHAPE.to_dict(), **CLAIMS[name]}, "metadata": {}})
    monkeypatch.setattr(GPT, "initialize", hollow)
    began = time.perf_counter()
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    assert time.perf_counter() - began < 10 and "\n" not in str(caught.value)


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "text",
    [DEEP, "[]", "3", '"model"', "{}", '{"kind": "model"}', '{"kind": "model", "same_as": []}',
     '{"kind": "model", "same_as": {"a": "b"}}', '{"kind": "model", "same_as": {}, "config": 5}',
     '{"kind": "model", "same_as": {}, "config": null, "version": []}', "no JSON", ""],
    ids=range(12),
)  # fmt: skip
def test_a_description_of_any_form_is_refused_in_one_sentence(tmp_path, text):
    from safetensors.torch import save

    from course_lib.training.files import checksum

    path, tensors = tmp_path / "m.safetensors", {"w": torch.ones(2)}
    header = {"format": "pt", "about": text, "checksum": checksum(tensors, text)}
    path.write_bytes(save(tensors, metadata=header))
    for read in (load_model, model_metadata):
        with pytest.raises(CheckpointError) as caught:
            read(path)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_weights_that_are_no_floats_are_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    weights = {name: weight.int() for name, weight in gpt().state_dict().items()}
    model_file(path, {"config": SHAPE.to_dict(), "metadata": {}}, weights)
    with pytest.raises(CheckpointError, match="int32, where floats are needed"):
        load_model(path)


def test_a_file_without_a_version_is_read_as_the_first(tmp_path):
    path = tmp_path / "m.safetensors"
    model_file(path, {"config": SHAPE.to_dict(), "metadata": {"steps": 3}, "version": 1})
    assert model_metadata(path) == {"steps": 3} and load_model(path).config == SHAPE


def test_loading_draws_as_many_random_numbers_as_making_a_model(tmp_path):
    save_model(tmp_path / "m.safetensors", gpt())
    torch.manual_seed(3)
    GPT(SHAPE)
    then = torch.rand(1)
    torch.manual_seed(3)
    load_model(tmp_path / "m.safetensors")
    assert torch.equal(torch.rand(1), then)


def test_devices_and_pipes_are_not_read(tmp_path):
    (tmp_path / "endless").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    for name in ("endless", "pipe"):
        with pytest.raises(CheckpointError, match="no file"):
            load_model(tmp_path / name)


# Tokenizers ---------------------------------------------------------------------------------------


def test_a_model_says_which_tokenizer_it_was_trained_with_and_refuses_another(tmp_path):
    path, ours, other = (
        tmp_path / "m.safetensors",
        CharTokenizer.train("abcdef"),
        CharTokenizer.train("abcdeg"),
    )
    save_model(path, gpt(), tokenizer=ours)
    model = load_model(path, tokenizer=ours)
    check_tokenizer(model, ours)
    with pytest.raises(ValueError, match="trained with another tokenizer"):
        load_model(path, tokenizer=other)
    save_model(tmp_path / "again.safetensors", model)  # it passes on what its file said
    with pytest.raises(ValueError, match="trained with another tokenizer"):
        check_tokenizer(load_model(tmp_path / "again.safetensors"), other)
    save_model(tmp_path / "new.safetensors", model, tokenizer=other)
    load_model(tmp_path / "new.safetensors", tokenizer=other)


def test_a_fingerprint_is_that_of_what_a_tokenizer_does():
    texts = ("the cat sat on the mat", "the dog sat on the log")
    made = [BPETokenizer.train(text, 265) for text in (*texts, texts[0])]
    prints = [tokenizer_fingerprint(tokenizer) for tokenizer in made]
    assert prints[0] == prints[2] != prints[1]
    merges = [(b"a", b"b"), (b"c", b"d")]
    assert tokenizer_fingerprint(BPETokenizer(merges)) != tokenizer_fingerprint(BPETokenizer(merges[::-1]))
    assert tokenizer_fingerprint(BPETokenizer([], ["<a>"])) != tokenizer_fingerprint(
        BPETokenizer([], ["<b>"])
    )
    assert tokenizer_fingerprint(BPETokenizer([], [], r"\w+")) != tokenizer_fingerprint(BPETokenizer([], []))


def test_a_training_with_another_tokenizer_is_refused(tmp_path):
    path, model, other = tmp_path / "run.checkpoint", gpt(), gpt(seed=9)
    model.tokenizer_fingerprint = "a" * 64
    train(model, IDS, RECIPE, checkpoint_path=path)
    other.tokenizer_fingerprint = "b" * 64
    refused(
        lambda: train(other, OTHER, RECIPE, checkpoint_path=path, resume=True),
        other,
        "another tokenizer and another text",
    )


def test_the_shipped_models_belong_to_the_shipped_tokenizer():
    folder = runtime.data_dir()
    tokenizer = BPETokenizer.load(folder / "tokenizer")
    paths = [path for path in (folder / "checkpoints").glob("*.safetensors") if "smollm2" not in path.name]
    assert len(paths) == 4
    for path in sorted(paths):
        assert load_model(path, tokenizer=tokenizer).tokenizer_fingerprint == tokenizer_fingerprint(tokenizer)


# Tied, merged, in every number format -------------------------------------------------------------


def trained_lora(model, targets):
    finetuning.add_lora(model, 2, targets=targets, generator=torch.Generator().manual_seed(1))
    for layer in model.modules():
        if isinstance(layer, finetuning.LoRALinear):
            nn.init.normal_(layer.b, std=0.5, generator=torch.Generator().manual_seed(2))
    return model


@pytest.mark.parametrize("dtype", [None, torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("targets", [(), ("head",), ("qkv", "head"), ("qkv", "up")])
@pytest.mark.parametrize("tied", [True, False])
def test_a_saved_model_computes_what_it_did(tmp_path, tied, targets, merged, dtype):
    model = gpt(tie_embeddings=tied).eval()
    if targets:
        trained_lora(model, targets)
        if merged:
            before = model(IDS[None, :6])
            finetuning.merge_lora(model)
            assert torch.allclose(model(IDS[None, :6]), before, atol=1e-4)
    save_model(tmp_path / "m.safetensors", model, dtype=dtype)
    loaded = load_model(tmp_path / "m.safetensors").eval()
    near = {torch.float16: 0.02, torch.bfloat16: 0.2}.get(dtype, 1e-4)
    assert torch.allclose(loaded(IDS[None, :6]), model(IDS[None, :6]), atol=near)
    assert loaded.config.tie_embeddings == (tied and "head" not in targets)
    tables = [loaded.tokens.weight, loaded.head.weight]
    assert (tables[0] is tables[1]) == loaded.config.tie_embeddings


def test_saving_does_not_touch_the_model_or_the_random_numbers(tmp_path):
    model = trained_lora(gpt(tie_embeddings=True), ("head",))
    before, description = everything(model), model_description(model)
    save_model(tmp_path / "m.safetensors", model, dtype=torch.float16)
    assert all(torch.equal(a, b) for a, b in zip(before, everything(model), strict=True))
    assert model_description(model) == description and model.config.tie_embeddings


def test_a_head_untied_by_hand_is_saved_as_it_is(tmp_path):
    model = gpt(tie_embeddings=True).eval()
    model.head.weight = nn.Parameter(model.tokens.weight.detach() * 2)
    save_model(tmp_path / "m.safetensors", model)
    loaded = load_model(tmp_path / "m.safetensors").eval()
    assert not loaded.config.tie_embeddings
    assert torch.equal(loaded(IDS[None, :6]), model(IDS[None, :6]))


def test_metadata_of_any_number_is_kept(tmp_path):
    about = {"loss": np.float32(0.5), "steps": torch.tensor(3), "row": np.arange(2), "half": "\ud800"}
    save_model(tmp_path / "m.safetensors", gpt(), metadata=about)
    kept = {"loss": 0.5, "steps": 3, "row": [0, 1], "half": "\ud800"}
    assert model_metadata(tmp_path / "m.safetensors") == json.loads(json.dumps(kept))
