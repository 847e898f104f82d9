"""course_lib.training with its support modules optim, evaluation and checkpoint."""

from __future__ import annotations

import json
import math
import os
import signal
import threading
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_lib import training
from course_lib.config import GPTConfig
from course_lib.model import GPT
from course_lib.training import (
    AdamW,
    History,
    TrainConfig,
    clip_gradients,
    cosine_schedule,
    cross_entropy,
    document_nats,
    evaluate,
    linear_schedule,
    load_model,
    loop,
    make_muon,
    model_metadata,
    parameter_groups,
    save_model,
    train,
)
from course_lib.training.checkpoint import CheckpointError, read_file, write_file
from course_lib.training.evaluation import mode, quicker_precision, summed_nats
from course_lib.training.optim import Muon, muon_groups, orthogonalize

pytestmark = pytest.mark.usefixtures("one_thread", "usual_ctrl_c")

V = 7  # vocabulary
END = 6


class TinyModel(nn.Module):
    """A small module with all that matters: embedding, memory, norm, dropout, a tied output matrix."""

    def __init__(self, width: int = 5, dropout: float = 0.0, seed: int = 0):
        super().__init__()
        torch.manual_seed(seed)
        self.embedding = nn.Embedding(V, width)
        self.memory = nn.GRU(width, width, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, V, bias=False)
        self.out.weight = self.embedding.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.out(self.dropout(self.norm(self.memory(self.embedding(ids))[0])))


@pytest.fixture
def ids() -> torch.Tensor:
    """300 ids of a text with some regularity: mostly the next number, sometimes a random one."""
    generator = torch.Generator().manual_seed(3)
    jumps = torch.randint(V, (300,), generator=generator)
    steps = torch.where(torch.rand(300, generator=generator) < 0.8, 1, jumps)
    return steps.cumsum(0) % V


def quick(**changes: object) -> TrainConfig:
    return TrainConfig(
        **{"steps": 12, "batch_size": 3, "context_length": 5, "lr": 0.02, "log_every": 5, **changes}
    )


def weights_of(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in model.state_dict().items()}


def assert_same_weights(a: nn.Module, b: nn.Module) -> None:
    for (name, x), y in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
        assert torch.equal(x, y), name


def curve(history: History) -> list[tuple]:
    """All of the records but the seconds, which no two runs share."""
    return [(r.step, r.train_loss, r.val_loss, r.lr, r.tokens) for r in history.records]


# loss ---------------------------------------------------------------------------------------------


def test_cross_entropy_by_hand():
    # Probabilities 1/4 and 3/4 for logits log(1), log(3): right tokens cost log(4) and log(4/3).
    logits = torch.tensor([[[0.0, math.log(3)], [0.0, math.log(3)]]])
    targets = torch.tensor([[0, 1]])
    assert cross_entropy(logits, targets, reduction="none")[0].tolist() == pytest.approx(
        [math.log(4), math.log(4 / 3)]
    )
    assert cross_entropy(logits, targets).item() == pytest.approx((math.log(4) + math.log(4 / 3)) / 2)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(1, 5),
    scale=st.sampled_from([0.1, 1.0, 30.0, 1e4]),
    ignored=st.integers(0, 4),
)
def test_cross_entropy_and_its_gradient_equal_torchs(seed, rows, scale, ignored):
    generator = torch.Generator().manual_seed(seed)
    logits = (torch.randn(2, rows, V, generator=generator) * scale).requires_grad_()
    targets = torch.randint(V, (2, rows), generator=generator)
    targets.view(-1)[: min(ignored, 2 * rows - 1)] = -100
    ours, theirs = cross_entropy(logits, targets), F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(ours, logits)[0], torch.autograd.grad(theirs, logits)[0])
    torch.testing.assert_close(cross_entropy(logits, targets, reduction="sum"), summed_nats(logits, targets))


def test_cross_entropy_takes_another_ignore_index():
    logits = torch.randn(3, V)
    assert cross_entropy(logits, torch.tensor([0, 2, 0]), ignore_index=0) == cross_entropy(
        logits[1:2], torch.tensor([2])
    )


# optimizer ----------------------------------------------------------------------------------------


def two_equal_trainings(ours, theirs, steps: int = 60) -> tuple[nn.Module, nn.Module]:
    """Run both optimizers on the same model and data, with a rate that changes."""
    models = TinyModel(seed=1), TinyModel(seed=1)
    optimizers = ours(models[0]), theirs(models[1])
    generator = torch.Generator().manual_seed(2)
    for step in range(steps):
        x = torch.randint(V, (3, 5), generator=generator)
        for model, optimizer in zip(models, optimizers, strict=True):
            optimizer.param_groups[0]["lr"] = 0.01 * (1 + step % 3)
            optimizer.zero_grad()
            cross_entropy(model(x), x).backward()
            optimizer.step()
    return models


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adamw_equals_torchs_over_many_steps(decay):
    settings = {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-7}
    ours, theirs = two_equal_trainings(
        lambda model: AdamW(parameter_groups(model, decay), **settings),
        lambda model: torch.optim.AdamW(parameter_groups(model, decay), **settings),
    )
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_adamw_decay_alone_shrinks_by_lr_times_decay():
    weight = nn.Parameter(torch.tensor([2.0]))
    weight.grad = torch.zeros(1)
    AdamW([weight], lr=0.1, weight_decay=0.5).step()
    assert weight.item() == pytest.approx(2.0 * (1 - 0.1 * 0.5))


def test_adamw_leaves_parameters_without_gradient_alone_and_runs_a_closure():
    used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3))
    optimizer = AdamW([used, unused], lr=0.1, weight_decay=0.5)

    def closure() -> torch.Tensor:
        loss = (used**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2.0
    assert torch.equal(unused.detach(), torch.ones(3)) and not torch.equal(used.detach(), torch.ones(2))


@pytest.mark.parametrize(
    "wrong", [{"lr": -1.0}, {"eps": -1.0}, {"weight_decay": -0.1}, {"betas": (0.9, 1.0)}]
)
def test_adamw_refuses_impossible_settings(wrong):
    with pytest.raises(ValueError, match="AdamW got"):
        AdamW([nn.Parameter(torch.ones(1))], **wrong)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([1e-6, 0.1, 1.0, 1e6]),
    limit=st.sampled_from([0.1, 1.0, 50.0]),
)
def test_clipping_equals_torchs(seed, scale, limit):
    generator = torch.Generator().manual_seed(seed)
    parameters = [[nn.Parameter(torch.zeros(n, 3)) for n in (2, 5, 7)] for _ in range(2)]
    for ours, theirs in zip(*parameters, strict=True):
        ours.grad = scale * torch.randn(ours.shape, generator=generator)
        theirs.grad = ours.grad.clone()
    parameters[0].append(nn.Parameter(torch.zeros(1)))  # without a gradient
    torch.testing.assert_close(
        clip_gradients(parameters[0], limit),
        nn.utils.clip_grad_norm_(parameters[1], limit),
        rtol=1e-5,
        atol=0,
    )
    for ours, theirs in zip(*parameters, strict=False):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=0)


def test_clipping_nothing_is_no_mistake():
    assert clip_gradients([nn.Parameter(torch.ones(2))], 1.0) == 0


# schedules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("warmup", [0, 3, 20])
def test_schedules_equal_those_of_transformers(warmup):
    from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

    for ours, theirs in (
        (linear_schedule, get_linear_schedule_with_warmup),
        (cosine_schedule, get_cosine_schedule_with_warmup),
    ):
        optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
        scheduler = theirs(optimizer, warmup, 20)
        for step in range(20):
            assert ours(step, 20, warmup) == pytest.approx(scheduler.get_last_lr()[0], abs=1e-12)
            optimizer.step()
            scheduler.step()


@given(
    st.sampled_from(list(training.SCHEDULES.values())),
    st.floats(0, 2),
    st.floats(0, 0.99),
    st.floats(0, 1),
)
def test_schedules_stay_between_zero_and_one(schedule, progress, warmup, floor):
    assert 0 <= schedule(progress, 1.0, warmup, floor) <= 1


def test_schedules_end_at_the_floor_and_stay_there():
    for schedule in (linear_schedule, cosine_schedule):
        assert schedule(10, 10, 2, floor=0.25) == pytest.approx(0.25)
        assert schedule(13, 10, 2, floor=0.25) == pytest.approx(0.25)
        assert schedule(2, 10, 2, floor=0.25) == 1.0


def test_no_step_of_a_training_has_rate_zero():
    config = TrainConfig(steps=10, schedule="linear", warmup=0.2)
    rates = [config.rate(step, seconds=0.0) for step in range(10)]
    # Middles of ten stretches: 0.05/0.2, 0.15/0.2, then (1 - 0.25)/0.8 down to (1 - 0.95)/0.8.
    assert rates[:3] == pytest.approx([0.25, 0.75, 0.9375]) and rates[-1] == pytest.approx(0.0625)


def test_the_clock_drives_the_schedule_when_it_is_ahead():
    config = TrainConfig(steps=1000, max_seconds=60, schedule="linear", warmup=0.0)
    assert config.rate(step=10, seconds=45) == pytest.approx(0.25)
    assert config.rate(step=750, seconds=1) == pytest.approx(0.2495)
    assert TrainConfig(max_seconds=60, schedule="linear", warmup=0.0).rate(10**6, seconds=60) == 0


# parameter groups ---------------------------------------------------------------------------------


def test_parameter_groups_by_kind():
    model = TinyModel()
    decayed, kept = parameter_groups(model, 0.2)
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.2, 0.0)
    assert {id(p) for p in decayed["params"]} == {
        id(model.memory.weight_ih_l0),
        id(model.memory.weight_hh_l0),
    }
    assert id(model.embedding.weight) in {id(p) for p in kept["params"]}
    assert len(decayed["params"]) + len(kept["params"]) == len(list(model.parameters()))


def test_embeddings_decay_on_request_and_frozen_parameters_are_left_out():
    model = TinyModel()
    model.norm.requires_grad_(False)
    decayed, kept = parameter_groups(model, 0.2, decay_embeddings=True)
    assert id(model.embedding.weight) in {id(p) for p in decayed["params"]}
    assert all(id(p) not in {id(q) for q in kept["params"]} for p in model.norm.parameters())


def test_learned_positions_count_as_embeddings():
    model = GPT(
        GPTConfig(vocab_size=V, context_length=5, n_layers=1, n_heads=1, width=4, positions="learned")
    )
    kept_shapes = [tuple(p.shape) for p in parameter_groups(model)[1]["params"]]
    assert (5, 4) in kept_shapes and (V, 4) in kept_shapes
    assert all(len(shape) == 1 or shape in {(5, 4), (V, 4)} for shape in kept_shapes)


def test_a_frozen_model_cannot_be_trained(ids):
    with pytest.raises(ValueError, match="no trainable parameter"):
        train(TinyModel().requires_grad_(False), ids, quick())


# measuring ----------------------------------------------------------------------------------------


class Bigram(nn.Module):
    """Logits from a table: the loss of any text can be computed by a loop."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(V, V, generator=torch.Generator().manual_seed(4)))

    def forward(self, ids):
        return self.table[ids]

    def nats(self, text: list[int]) -> float:
        logs = self.table.detach().double().log_softmax(-1)
        return -sum(logs[a, b].item() for a, b in pairwise(text))


def test_evaluate_takes_all_windows_or_an_even_choice(ids):
    model = Bigram()
    # 300 ids hold 59 windows of 5 with their targets: 295 transitions.
    assert evaluate(model, ids, 5, windows=None) == pytest.approx(
        model.nats(ids[:296].tolist()) / 295, abs=1e-5
    )
    two = model.nats(ids[:6].tolist()) + model.nats(ids[-6:].tolist())
    assert evaluate(model, ids, 5, windows=2) == pytest.approx(two / 10, abs=1e-5)
    assert evaluate(model, ids, 5, windows=10**6) == pytest.approx(
        evaluate(model, ids, 5, windows=59, batch_size=4)
    )


def test_evaluate_is_the_same_every_time_and_leaves_the_model_as_it_was(ids):
    model = TinyModel(dropout=0.5)
    model.train()
    model.norm.eval()  # a part in another mode stays so
    before, random_state = weights_of(model), torch.get_rng_state()
    assert evaluate(model, ids, 5) == evaluate(model, ids, 5)
    assert model.training and model.dropout.training and not model.norm.training
    assert torch.equal(random_state, torch.get_rng_state())
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


def test_evaluate_on_ready_batches_counts_only_what_is_not_masked():
    model = Bigram()
    x, y = torch.tensor([[1, 2, 3]]), torch.tensor([[-100, 3, -100]])
    assert evaluate(model, [(x, y)]) == pytest.approx(model.nats([2, 3]), abs=1e-5)
    with pytest.raises(ValueError, match="no targets"):
        evaluate(model, [(x, torch.full_like(y, -100))])


def test_evaluate_says_what_is_missing(ids):
    with pytest.raises(ValueError, match="needs 401"):
        evaluate(Bigram(), ids, 400)
    with pytest.raises(ValueError, match="give context_length"):
        evaluate(Bigram(), ids)


def test_mode_restores_after_an_error():
    model = TinyModel()
    with pytest.raises(RuntimeError), mode(model, training=False):
        assert not model.dropout.training
        raise RuntimeError
    assert model.dropout.training


def test_document_nats_by_hand():
    model = Bigram()
    documents = [[1, 2, 3, 2], [], [5], [0] * 9]
    expected = [model.nats([END, *document, END]) for document in documents]
    assert document_nats(model, documents, END).tolist() == pytest.approx(expected, abs=1e-4)
    assert document_nats(
        model, [torch.tensor(d) for d in documents], END, batch_size=1
    ).tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("context", [1, 2, 3, 4, 7])
def test_document_nats_charges_every_token_of_a_long_document_once(context):
    # A bigram model needs one token of context only, so cutting into windows must change nothing.
    model, lengths = Bigram(), range(0, 17)
    documents = [[(3 * i + n) % V for i in range(n)] for n in lengths]
    whole = document_nats(model, documents, END)
    torch.testing.assert_close(
        document_nats(model, documents, END, context_length=context, batch_size=5), whole
    )


def test_document_nats_of_a_model_with_memory_is_not_disturbed_by_padding():
    model = TinyModel(dropout=0.5)
    documents = [[1, 2], [3, 4, 5, 0, 1, 2, 3], [5]]
    together = document_nats(model, documents, END)
    for document, nats in zip(documents, together, strict=True):
        text = torch.tensor([[END, *document, END]])
        with mode(model, training=False), torch.no_grad():
            alone = F.cross_entropy(model(text[:, :-1])[0], text[0, 1:], reduction="sum")
        assert nats.item() == pytest.approx(alone.item(), abs=1e-4)
    assert model.training


def test_document_probabilities_sum_to_one():
    # Over all documents of up to 5 tokens from a model that ends with probability 1/2: 1 - (1/2)^6 in all.
    class HalfEnds(nn.Module):
        def forward(self, ids):
            return torch.tensor([0.25, 0.25, 0.5]).log().expand(*ids.shape, 3)

    documents = [[(n >> i) & 1 for i in range(length)] for length in range(6) for n in range(2**length)]
    total = (-document_nats(HalfEnds(), documents, end_id=2)).exp().sum().item()
    assert total == pytest.approx(1 - 0.5**6, abs=1e-6)


# the loop -----------------------------------------------------------------------------------------


def test_training_learns_and_records(ids):
    model = TinyModel(width=16)
    history = train(model, ids, quick(steps=200, eval_every=100), val_ids=ids)
    assert history.steps == tuple(range(5, 201, 5)) and history.val_steps == (100, 200)
    assert history.train_losses[0] > 1.6 > 1.45 > history.val_loss  # log(7) = 1.95 is a guess
    assert history.records[-1].tokens == 200 * 3 * 5 and not history.interrupted
    assert history.val_loss == evaluate(model, ids, 5, batch_size=3)
    assert model.training


def test_the_record_is_the_mean_since_the_last_one(ids):
    class Watcher:
        def on_step(self, moment):
            moments.append(moment)

    moments = []
    history = train(TinyModel(), ids, quick(), callbacks=[Watcher()])
    losses = [moment.loss for moment in moments]
    assert [moment.step for moment in moments] == list(range(1, 13))
    assert history.steps == (5, 10, 12)
    assert history.train_losses == pytest.approx(
        [sum(losses[a:b]) / (b - a) for a, b in ((0, 5), (5, 10), (10, 12))]
    )
    assert moments[-1].fraction_done == 1.0


def test_the_loop_with_our_own_optimizer_equals_the_loop_with_torchs(ids):
    ours, theirs = TinyModel(), TinyModel()

    def own(model, config):
        return AdamW(
            parameter_groups(model, config.weight_decay), lr=config.lr, betas=config.betas, eps=config.eps
        )

    train(ours, ids, quick(), optimizer=own)
    train(theirs, ids, quick())
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_each_group_keeps_a_rate_of_its_own(ids):
    seen = []

    def two_rates(model, config):
        first, *rest = model.parameters()
        return torch.optim.SGD([{"params": [first], "lr": 0.5}, {"params": rest, "lr": 0.1}])

    class Watcher:
        def on_start(self, config, history):
            self.config = config

        def on_step(self, moment):
            seen.append(moment.lr / self.config.lr)

    optimizers = []
    train(
        TinyModel(),
        ids,
        quick(schedule="linear"),
        callbacks=[Watcher()],
        optimizer=lambda *a: optimizers.append(two_rates(*a)) or optimizers[0],
    )
    rates = [group["lr"] for group in optimizers[0].param_groups]
    assert rates == pytest.approx([0.5 * seen[-1], 0.1 * seen[-1]]) and seen[-1] < 0.1


def test_equal_seeds_give_equal_trainings_and_global_randomness_is_untouched(ids):
    models = [TinyModel(dropout=0.3) for _ in range(3)]
    for model, seed in zip(models, (5, 5, 6), strict=True):
        torch.manual_seed(id(model) % 1000)
        before = torch.get_rng_state()
        train(model, ids, quick(seed=seed))
        assert torch.equal(before, torch.get_rng_state())
    assert_same_weights(models[0], models[1])
    assert not torch.equal(models[0].embedding.weight, models[2].embedding.weight)


def test_accumulation_equals_the_large_batch(ids):
    # The same 6 rows, as one batch or as three of two with unevenly many masked targets.
    x = ids[: 6 * 5].view(6, 5)
    y = ids[1 : 6 * 5 + 1].view(6, 5).clone()
    y[0, :4] = y[3, :] = -100
    parts = [(x[i : i + 2], y[i : i + 2]) for i in (0, 2, 4)]
    large, small = TinyModel(), TinyModel()
    calls = iter(parts * 4)
    whole = train(large, lambda generator: (x, y), quick(steps=4, log_every=1))
    split = train(small, lambda generator: next(calls), quick(steps=4, log_every=1, accumulate=3))
    assert split.train_losses == pytest.approx(whole.train_losses)
    assert split.records[-1].tokens == whole.records[-1].tokens == 4 * 30
    for a, b in zip(large.parameters(), small.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_bfloat16_trains_with_float32_weights(ids):
    seen = []
    model = TinyModel(width=16)
    model.out.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    history = train(model, ids, quick(steps=60, precision="bfloat16"), val_ids=ids)
    assert set(seen) == {torch.bfloat16} and model.out.weight.dtype == torch.float32
    assert history.train_losses[-1] < history.train_losses[0] - 0.2


def test_a_recipe_is_suited_to_a_device_that_is_slow_at_bfloat16(monkeypatch):
    half, whole = TrainConfig(steps=1, precision="bfloat16"), TrainConfig(steps=1)
    for faster in ("bfloat16", "float32"):
        monkeypatch.setattr(loop, "quicker_precision", lambda device, faster=faster: faster)
        assert training.suited(half, "cpu") == replace(half, precision=faster)
        assert training.suited(whole, "cpu") == whole


def test_the_quicker_precision_is_measured_in_both():
    seen = []

    def seconds(device, precision):
        seen.append((device, precision))
        return {"float32": 0.3, "bfloat16": 0.7}[precision]

    assert quicker_precision("cpu", seconds) == "float32"
    assert seen == [(torch.device("cpu"), "float32"), (torch.device("cpu"), "bfloat16")]


def test_a_batch_function_gets_the_generator(ids):
    drawn = []

    def batches(generator):
        start = int(torch.randint(200, (1,), generator=generator))
        drawn.append(start)
        return ids[start : start + 5][None], ids[start + 1 : start + 6][None]

    train(TinyModel(), batches, quick(context_length=None, seed=9))
    generator = torch.Generator().manual_seed(9)
    assert drawn == [int(torch.randint(200, (1,), generator=generator)) for _ in range(12)]


def test_early_stopping_by_a_callback(ids):
    class Stop:
        def on_record(self, record, history):
            assert history.records[-1] is record
            return record.step >= 10

    history = train(TinyModel(), ids, quick(steps=100), callbacks=[Stop()])
    assert history.steps == (5, 10) and not history.interrupted


def test_callbacks_hear_start_and_end(ids):
    heard = []

    class All:
        def on_start(self, config, history):
            heard.append(("start", config.steps, len(history.records)))

        def on_end(self, history):
            heard.append(("end", history.steps))

    train(TinyModel(), ids, quick(), callbacks=[All()])
    assert heard == [("start", 12, 0), ("end", (5, 10, 12))]


def test_training_for_a_time_ends_in_time_and_anneals(ids):
    moments = []

    class Watcher:
        def on_step(self, moment):
            moments.append(moment)

    history = train(
        TinyModel(),
        ids,
        quick(steps=None, max_seconds=0.4, schedule="linear"),
        val_ids=ids,
        callbacks=[Watcher()],
    )
    assert len(moments) > 3 and history.records[-1].step == moments[-1].step
    assert history.val_loss is not None
    assert moments[-1].seconds >= 0.4 > moments[-2].seconds
    assert moments[-1].lr <= 0.02 * (1 - moments[-2].seconds / 0.4) / 0.95 + 1e-9


def test_zero_steps_change_nothing(ids):
    model = TinyModel()
    before = weights_of(model)
    assert train(model, ids, quick(steps=0)) == History()
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": None},
        {"steps": -1},
        {"steps": 1.5},
        {"max_seconds": 0},
        {"batch_size": 0},
        {"accumulate": 0},
        {"log_every": 0},
        {"eval_every": 0},
        {"lr": 0.0},
        {"lr": math.nan},
        {"warmup": 1.0},
        {"final_lr": 2.0},
        {"grad_clip": 0.0},
        {"schedule": "sine"},
        {"precision": "float16"},
    ],
)
def test_impossible_settings_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        quick(**wrong)


def test_data_too_short_or_of_a_wrong_shape(ids):
    for bad in (ids[:5], ids.view(10, 30)):
        with pytest.raises(ValueError, match="one line of at least 6 ids"):
            train(TinyModel(), bad, quick())
    with pytest.raises(ValueError, match="give context_length"):
        train(TinyModel(), ids, quick(context_length=None))


def test_a_batch_without_targets_is_said(ids):
    nothing = torch.zeros(1, 3, dtype=torch.long)
    with pytest.raises(ValueError, match="step 1 has nothing to learn"):
        train(TinyModel(), lambda generator: (nothing, nothing - 100), quick())


@pytest.mark.parametrize("clip", [1.0, None])
def test_a_loss_that_is_no_number_is_said_with_its_step_and_the_weights_survive(ids, clip):
    model = TinyModel()
    steps, calls = [], iter(range(100))

    def scale_by(module, inputs, output):
        return output * (math.inf if next(calls) == 3 else 1.0)

    class Watcher:
        def on_step(self, moment):
            steps.append(moment.step)

    model.register_forward_hook(scale_by)
    with pytest.raises(FloatingPointError, match=r"step 4 is .*learning rate"):
        train(model, ids, quick(grad_clip=clip), callbacks=[Watcher()])
    assert steps == [1, 2, 3]
    assert all(weight.isfinite().all() for weight in model.parameters())


# checkpoints --------------------------------------------------------------------------------------


class Interrupt:
    """A callback that stands in for a person: Ctrl-C after a given step."""

    def __init__(self, step: int, how):
        self.step, self.how = step, how

    def on_step(self, moment):
        if moment.step == self.step:
            self.how()


def press_ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def raise_interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("how", [press_ctrl_c, raise_interrupt])
@pytest.mark.parametrize("step", [1, 5, 7, 11])
def test_kill_and_resume_gives_the_same_curve_and_the_same_weights(ids, tmp_path, how, step):
    config = quick(eval_every=4, checkpoint_every=3, accumulate=2)
    unbroken, broken = TinyModel(dropout=0.3), TinyModel(dropout=0.3)
    whole = train(unbroken, ids, config, val_ids=ids)
    path = tmp_path / "run.checkpoint"
    first = train(broken, ids, config, val_ids=ids, callbacks=[Interrupt(step, how)], checkpoint_path=path)
    assert first.interrupted and (not first.records or first.records[-1].step <= step)
    resumed = TinyModel(dropout=0.3, seed=99)  # a new process begins with other weights
    torch.manual_seed(1234)
    second = train(resumed, ids, config, val_ids=ids, checkpoint_path=path, resume=True)
    assert not second.interrupted
    assert curve(second) == curve(whole)
    assert_same_weights(resumed, unbroken)


def test_resuming_from_a_checkpoint_on_the_way(ids, tmp_path):
    """A power cut: nothing is saved at the end, the last checkpoint on the way is what there is."""
    path, config = tmp_path / "run.checkpoint", quick(checkpoint_every=4)
    unbroken = TinyModel()
    whole = train(unbroken, ids, config)

    class PowerCut(Exception):
        pass

    def cut():
        raise PowerCut

    with pytest.raises(PowerCut):
        train(TinyModel(), ids, config, checkpoint_path=path, callbacks=[Interrupt(7, cut)])
    resumed = TinyModel(seed=99)
    assert curve(train(resumed, ids, config, checkpoint_path=path, resume=True)) == curve(whole)
    assert_same_weights(resumed, unbroken)


def test_resume_with_our_own_optimizer(ids, tmp_path):
    def own(model, config):
        return AdamW(parameter_groups(model, config.weight_decay), lr=config.lr)

    path, unbroken = tmp_path / "run.checkpoint", TinyModel()
    train(unbroken, ids, quick(), optimizer=own)
    train(
        TinyModel(), ids, quick(), optimizer=own, checkpoint_path=path, callbacks=[Interrupt(5, press_ctrl_c)]
    )
    resumed = TinyModel(seed=99)
    train(resumed, ids, quick(), optimizer=own, checkpoint_path=path, resume=True)
    assert_same_weights(resumed, unbroken)


def test_a_stream_with_a_position_of_its_own_resumes_there(ids, tmp_path):
    class Fresh:
        """Text that never repeats: always the next five ids."""

        def __init__(self):
            self.position = 0

        def __call__(self, generator):
            self.position += 5
            return ids[self.position - 5 : self.position][None], ids[self.position - 4 : self.position + 1][
                None
            ]

        def state_dict(self):
            return {"position": self.position}

        def load_state_dict(self, state):
            self.position = state["position"]

    path, unbroken = tmp_path / "run.checkpoint", TinyModel()
    whole = train(unbroken, Fresh(), quick())
    train(TinyModel(), Fresh(), quick(), checkpoint_path=path, callbacks=[Interrupt(6, press_ctrl_c)])
    resumed = TinyModel(seed=99)
    assert curve(train(resumed, Fresh(), quick(), checkpoint_path=path, resume=True)) == curve(whole)
    assert_same_weights(resumed, unbroken)


def test_a_finished_training_resumes_to_its_end_and_may_be_made_longer(ids, tmp_path):
    path, model = tmp_path / "run.checkpoint", TinyModel()
    history = train(model, ids, quick(), checkpoint_path=path)
    again = TinyModel(seed=99)
    assert train(again, ids, quick(), checkpoint_path=path, resume=True) == history
    assert_same_weights(again, model)
    assert train(again, ids, quick(steps=20), checkpoint_path=path, resume=True).steps == (5, 10, 12, 15, 20)


def test_resume_without_a_file_starts(ids, tmp_path):
    history = train(
        TinyModel(), ids, quick(), checkpoint_path=tmp_path / "new" / "run.checkpoint", resume=True
    )
    assert history.steps == (5, 10, 12) and (tmp_path / "new" / "run.checkpoint").exists()


def test_the_time_spent_before_an_interruption_counts(ids, tmp_path):
    path, config = tmp_path / "run.checkpoint", quick(steps=None, max_seconds=30.0)
    train(TinyModel(), ids, config, checkpoint_path=path, callbacks=[Interrupt(5, press_ctrl_c)])
    tensors, about = read_file(path, "checkpoint")
    about["progress"]["seconds"] = 29.99
    write_file(path, tensors, about)
    seen = []

    class Watcher:
        def on_step(self, moment):
            seen.append(moment.seconds)

    train(TinyModel(), ids, config, checkpoint_path=path, resume=True, callbacks=[Watcher()])
    assert seen and 29.99 < seen[0] < 32


def test_ctrl_c_leaves_the_usual_handler_and_two_presses_stop_at_once(ids, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    path = tmp_path / "run.checkpoint"

    def batches(generator):
        calls.append(1)
        if len(calls) == 3:  # in the middle of step 3
            press_ctrl_c()
            press_ctrl_c()
        return ids[:5][None], ids[1:6][None]

    calls = []
    history = train(TinyModel(), batches, quick(checkpoint_every=2), checkpoint_path=path)
    assert history.interrupted and len(calls) == 3
    assert read_file(path, "checkpoint")[1]["progress"]["step"] == 2  # the half step was not saved
    assert signal.getsignal(signal.SIGINT) is before


def test_where_ctrl_c_is_ignored_it_stays_ignored(ids):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    history = train(TinyModel(), ids, quick(), callbacks=[Interrupt(5, press_ctrl_c)])
    assert not history.interrupted and history.steps == (5, 10, 12)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_training_works_in_a_thread(ids):
    results = []
    thread = threading.Thread(target=lambda: results.append(train(TinyModel(), ids, quick())))
    thread.start()
    thread.join()
    assert results[0].steps == (5, 10, 12)


def test_a_failed_write_leaves_the_last_checkpoint_whole(ids, tmp_path, monkeypatch):
    path = tmp_path / "run.checkpoint"
    train(TinyModel(), ids, quick(steps=4), checkpoint_path=path)
    good = path.read_bytes()

    def full_disk(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space"):
        train(TinyModel(), ids, quick(steps=8), checkpoint_path=path, resume=True)
    assert path.read_bytes() == good and os.listdir(tmp_path) == ["run.checkpoint"]


def test_damage_anywhere_in_a_checkpoint_is_said_and_the_model_is_not_touched(ids, tmp_path):
    path = tmp_path / "run.checkpoint"
    train(TinyModel(), ids, quick(), checkpoint_path=path)
    raw = path.read_bytes()
    model = TinyModel(seed=99)
    before = weights_of(model)
    damaged = [b"", raw[:5], raw[: len(raw) // 2], raw[:-1], raw + b"x", b"x" * len(raw)]
    damaged += [raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :] for i in range(0, len(raw), len(raw) // 60)]
    for number, content in enumerate(damaged):
        path.write_bytes(content)
        with pytest.raises(CheckpointError) as caught:
            train(model, ids, quick(), checkpoint_path=path, resume=True)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value), number
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


@pytest.mark.parametrize(
    "case, expected",
    [
        ("settings", "trained with batch_size=3, but now batch_size=4"),
        ("width", "embedding.weight is 7x5 in the file and 7x8 in the model"),
        ("optimizer", "another optimizer"),
        ("kind", "is a model, but a checkpoint is needed"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_said(ids, tmp_path, case, expected):
    path = tmp_path / "run.checkpoint"
    if case == "kind":
        save_model(path, small_gpt())
    else:
        train(TinyModel(), ids, quick(), checkpoint_path=path)
    model = TinyModel(width=8 if case == "width" else 5)
    before = weights_of(model)
    optimizer = (
        {"optimizer": lambda m, c: torch.optim.SGD(m.parameters(), lr=0.1)} if case == "optimizer" else {}
    )
    config = quick(batch_size=4) if case == "settings" else quick()
    with pytest.raises(CheckpointError, match=expected):
        train(model, ids, config, checkpoint_path=path, resume=True, **optimizer)
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


# models on disk -----------------------------------------------------------------------------------


def small_gpt(**changes: object) -> GPT:
    shape = {"vocab_size": 11, "context_length": 8, "n_layers": 2, "n_heads": 2, "width": 12}
    return GPT(GPTConfig(**{**shape, **changes}), generator=torch.Generator().manual_seed(8)).eval()


@pytest.mark.parametrize("tied", [True, False])
def test_a_model_comes_back_the_same(tmp_path, tied):
    model, x = small_gpt(tie_embeddings=tied), torch.arange(8)[None]
    save_model(tmp_path / "m.safetensors", model, metadata={"recipe": "tiny", "score": 1.25, "中": ["a"]})
    loaded = load_model(tmp_path / "m.safetensors").eval()
    assert loaded.config == model.config
    assert torch.equal(loaded(x), model(x))
    assert model_metadata(tmp_path / "m.safetensors") == {"recipe": "tiny", "score": 1.25, "中": ["a"]}
    assert len(list(loaded.parameters())) == len(list(model.parameters()))  # tied weights are tied again


def test_half_precision_is_half_the_file_and_loads_as_float32(tmp_path):
    model = small_gpt(width=64)
    save_model(tmp_path / "full.safetensors", model)
    save_model(tmp_path / "half.safetensors", model, dtype=torch.float16)
    sizes = [(tmp_path / name).stat().st_size for name in ("full.safetensors", "half.safetensors")]
    assert sizes[1] < 0.55 * sizes[0]
    loaded = load_model(tmp_path / "half.safetensors")
    for name, weight in loaded.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name].half().float()), name
    assert (
        next(load_model(tmp_path / "half.safetensors", dtype=torch.bfloat16).parameters()).dtype
        == torch.bfloat16
    )


def test_tied_weights_are_stored_once_and_other_tools_can_read_the_file(tmp_path):
    from safetensors.torch import load_file

    model = small_gpt(tie_embeddings=True)
    for dtype in (None, torch.float16):
        save_model(tmp_path / "m.safetensors", model, dtype=dtype)
        stored = load_file(tmp_path / "m.safetensors")
        assert sum(t.numel() for t in stored.values()) == sum(p.numel() for p in model.parameters())


def test_parts_of_a_larger_tensor_can_be_stored(tmp_path):
    whole = torch.arange(12.0).view(3, 4)
    write_file(tmp_path / "f", {"row": whole[1], "column": whole[:, 2], "all": whole}, {"kind": "test"})
    tensors, _ = read_file(tmp_path / "f", "test")
    assert tensors["row"].tolist() == [4, 5, 6, 7] and tensors["column"].tolist() == [2, 6, 10]


def test_weights_too_large_for_half_precision_are_said(tmp_path):
    model = small_gpt()
    next(model.parameters()).data[0] = 1e6
    with pytest.raises(ValueError, match="too large for torch"):
        save_model(tmp_path / "m.safetensors", model, dtype=torch.float16)
    assert not (tmp_path / "m.safetensors").exists()


def test_only_gpts_are_saved_as_models(tmp_path):
    with pytest.raises(ValueError, match="TinyModel"):
        save_model(tmp_path / "m.safetensors", TinyModel())


def test_a_missing_or_foreign_or_damaged_model_is_said(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "m.safetensors"
    with pytest.raises(CheckpointError, match="There is no file"):
        load_model(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_model(tmp_path)  # a folder
    save_file({"w": torch.ones(2)}, path)
    with pytest.raises(CheckpointError, match="made by another program"):
        load_model(path)
    save_model(path, small_gpt())
    raw = path.read_bytes()
    for i in range(0, len(raw), len(raw) // 50):
        path.write_bytes(raw[:i] + bytes([raw[i] ^ 4]) + raw[i + 1 :])
        with pytest.raises(CheckpointError):
            load_model(path)


def test_a_model_with_a_configuration_of_another_version_is_said(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, small_gpt())
    tensors, about = read_file(path, "model")
    write_file(path, tensors, {**about, "config": {**about["config"], "telepathy": True}})
    with pytest.raises(CheckpointError, match="telepathy"):
        load_model(path)
    write_file(path, {k: v for k, v in tensors.items() if "norm" not in k}, about)
    with pytest.raises(CheckpointError, match="missing in the file"):
        load_model(path)


def test_the_description_is_plain_json(tmp_path):
    save_model(tmp_path / "m.safetensors", small_gpt(), metadata={"a": 1})
    raw = (tmp_path / "m.safetensors").read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert header["__metadata__"]["format"] == "pt"
    assert json.loads(header["__metadata__"]["about"])["config"]["vocab_size"] == 11


# Muon -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (3, 3), (2, 64)])
def test_orthogonalize_evens_out_the_singular_values(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    result = orthogonalize(matrix)
    new_values = torch.linalg.svdvals(result)
    assert values.max() / values.min() > new_values.max() / new_values.min()
    assert 0.6 < new_values.min() and new_values.max() < 1.3
    # the singular directions stay: in their basis the result is diagonal
    inside = left.T @ result @ right.T
    torch.testing.assert_close(inside, torch.diag(inside.diagonal()), atol=1e-4, rtol=0)


def test_muon_does_not_mind_the_scale_of_a_gradient():
    gradient = torch.randn(5, 7, generator=torch.Generator().manual_seed(2))
    steps = []
    for scale in (1.0, 1e3):
        weight = nn.Parameter(torch.zeros(5, 7))
        weight.grad = gradient * scale
        Muon([{"params": [weight], "matrices": True, "lr": 0.1, "weight_decay": 0.0}]).step()
        steps.append(weight.detach())
    torch.testing.assert_close(steps[0], steps[1], atol=1e-4, rtol=0)


def test_muons_decay_shrinks_the_weight_itself():
    weight = nn.Parameter(torch.eye(3))
    weight.grad = torch.zeros(3, 3)
    Muon([{"params": [weight], "matrices": True, "lr": 0.1, "weight_decay": 0.5}]).step()
    torch.testing.assert_close(weight.detach(), torch.eye(3) * 0.95)


def test_muon_steps_everything_but_matrices_as_adamw_does():
    ours, theirs = nn.Parameter(torch.ones(5)), nn.Parameter(torch.ones(5))
    muon = Muon([{"params": [ours], "lr": 0.1, "weight_decay": 0.2}])
    adamw = torch.optim.AdamW([theirs], lr=0.1, weight_decay=0.2)
    for step in range(5):
        ours.grad = theirs.grad = torch.arange(5.0) - step
        muon.step()
        adamw.step()
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("tied", [True, False])
def test_muon_takes_the_matrices_of_the_layers_only(tied):
    model = GPT(
        GPTConfig(vocab_size=7, context_length=8, n_layers=2, n_heads=2, width=6, tie_embeddings=tied)
    )
    matrices, rest = muon_groups(model, lr=1e-3)
    taken = {id(weight) for weight in matrices["params"]}
    names = {name for name, weight in model.named_parameters() if id(weight) in taken}
    assert names == {
        f"blocks.{layer}.{part}.weight"
        for layer in (0, 1)
        for part in ("attention.qkv", "attention.out", "mlp.up", "mlp.down")
    }
    assert len(matrices["params"]) + len(rest["params"]) == len(list(model.parameters()))


def test_muon_without_matrices_is_refused():
    with pytest.raises(ValueError, match="no matrix inside a layer"):
        muon_groups(nn.Embedding(3, 5), lr=1e-3)


def test_a_training_with_muon_learns_and_resumes_exactly(tmp_path):
    ids = torch.tensor([0, 1, 2, 3, 4] * 40)
    config = TrainConfig(steps=20, batch_size=4, context_length=8, lr=1e-2, schedule="linear")

    def fresh():
        shape = GPTConfig(vocab_size=5, context_length=8, n_layers=1, n_heads=2, width=8)
        return GPT(shape, generator=torch.Generator().manual_seed(3))

    whole = fresh()
    history = train(whole, ids, config, optimizer=make_muon)
    assert history.train_loss < 0.9 * history.train_losses[0]

    class StopAt:
        def on_step(self, moment):
            return moment.step == 7

    path, parts = tmp_path / "muon.checkpoint", fresh()
    train(parts, ids, config, optimizer=make_muon, checkpoint_path=path, callbacks=[StopAt()])
    resumed = fresh()
    train(resumed, ids, config, optimizer=make_muon, checkpoint_path=path, resume=True)
    for mine, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(mine, theirs)


class BrokenWhenMeasured(nn.Sequential):
    """Gives NaN, but not while it is trained."""

    def forward(self, ids):
        logits = super().forward(ids)
        return logits if self.training else logits * math.nan


def test_a_validation_loss_that_is_nan_ends_the_training():
    model = BrokenWhenMeasured(nn.Embedding(3, 4), nn.Linear(4, 3))
    recipe = TrainConfig(steps=2, batch_size=2, context_length=3, eval_every=1)
    with pytest.raises(
        FloatingPointError, match="^The validation loss after step 1 is nan, at .* try a rate"
    ):
        train(model, torch.tensor([0, 1, 2] * 9), recipe, val_ids=torch.tensor([0, 1, 2] * 9))
