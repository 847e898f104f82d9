"""The training loop as an exercise: other right ways, wrong ones, and a GPT that learns by it."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib.model import exercises as model_exercises
from course_lib.training import AdamW
from course_lib.training import exercises as ex


def loss_of(model, x, y):
    return F.cross_entropy(model(x).transpose(1, 2), y)


def clip_by_hand(weights, max_norm):
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    length = torch.stack([gradient.norm() for gradient in gradients]).norm()
    for gradient in gradients:
        gradient.mul_((max_norm / (length + 1e-6)).clamp(max=1.0))


def zipped(model, optimizer, batches, rate, measure, steps, every, max_norm):
    model.train()
    found = []
    for done, (x, y) in zip(range(1, steps + 1), batches, strict=False):
        loss = loss_of(model, x, y)
        loss.backward()
        clip_by_hand(list(model.parameters()), max_norm)
        for group in optimizer.param_groups:
            group.update(lr=rate(done - 1))
        optimizer.step()
        model.zero_grad()
        if done % every == 0 or done == steps:
            with torch.inference_mode():
                found += [[done, float(loss), measure(model.eval())]]
            model.train()
    return found


def sliced(model, optimizer, batches, rate, measure, steps, every, max_norm):
    model.train(True)
    wanted, records = {*range(every, steps + 1, every), steps}, {}
    for step, (x, y) in enumerate(itertools.islice(batches, steps)):
        optimizer.zero_grad(set_to_none=False)
        loss = F.nll_loss(model(x).log_softmax(-1).flatten(0, 1), y.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(list(model.parameters()), max_norm)
        lr = rate(step)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
        if step + 1 in wanted:
            records[step + 1] = (loss.tolist(), looked_at(model, measure))
    return [(done, *pair) for done, pair in records.items()]


@torch.no_grad()
def looked_at(model, measure):
    model.eval()
    try:
        return measure(model)
    finally:
        model.train()


def counted(model, optimizer, batches, rate, measure, steps, every, max_norm):
    """A `while`, with the rate in the line above the step, and no batch beyond the last."""
    model.train()
    done, records = 0, []
    while done < steps:
        x, y = next(batches)
        optimizer.zero_grad()
        (loss := loss_of(model, x, y)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm, foreach=False)
        for number in range(len(optimizer.param_groups)):
            optimizer.param_groups[number]["lr"] = rate(done)
        optimizer.step()
        done += 1
        if not done % every or done >= steps:
            records.append((done, loss.item(), looked_at(model, measure)))
    return tuple(records)


@pytest.mark.parametrize("answer", [zipped, sliced, counted])
def test_other_right_ways_pass(answer):
    feedback = ex.train.judge(answer)
    assert feedback.right, feedback


def changed(old, new):
    """The reference's own text with one thing changed."""
    source = ex.train.solution_source()
    assert source.count(old) == 1
    scope = {}
    exec(source.replace(old, new), scope)
    return scope["train"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("range(steps)", "range(steps - 1)"),
        ("loss.item()", "loss.item() / 2"),
        ("(step + 1, loss.item(), measure(model))", "(step + 1, measure(model), loss.item())"),
        ("max_norm)\n", "1.0)\n"),
        ("model(x).flatten(0, 1), y.flatten()", "model(y).flatten(0, 1), x.flatten()"),
        ("y.flatten())", "y.flatten(), reduction='sum')"),
        ("rate(step)", "rate(0)"),
        ("        optimizer.step()\n", "        optimizer.step()\n        optimizer.step()\n"),
        ("            model.train()\n", ""),
        ("% every == 0 or step + 1 == steps", "% every == 0 and step + 1 == steps"),
    ],
)
def test_a_loop_with_one_thing_wrong_is_refused(old, new):
    assert not ex.train.judge(changed(old, new)).right


def test_a_loop_that_is_not_written_or_gives_nothing_is_told_apart():
    def silent(model, optimizer, batches, rate, measure, steps, every, max_norm):
        zipped(model, optimizer, batches, rate, measure, steps, every, max_norm)

    def begun(model, optimizer, batches, rate, measure, steps, every, max_norm): ...

    assert ex.train.judge(begun).state == "not attempted"
    assert "is None" in ex.train.judge(silent).message


def test_ones_own_gpt_learns_by_ones_own_loop():
    torch.manual_seed(0)
    gpt = model_exercises.GPT.reference(3, 6, 8, 2, 1)
    line = torch.tensor([0, 1, 2] * 3)  # after each token, only one can come
    batch = line[None, :6], line[None, 1:7]

    def rate(step):
        return 0.03

    def measure(model):
        return float(loss_of(model, *batch))

    optimizer = AdamW(gpt.parameters(), lr=1.0)
    records = ex.train.reference(gpt, optimizer, itertools.repeat(batch), rate, measure, 40, 20, 1.0)
    assert [done for done, *_ in records] == [20, 40] and records[-1][2] < 0.05 and gpt.training
