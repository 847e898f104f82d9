"""Wrong answers to notebook 05's exercises of the kinds that a check can be fooled by: each is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_lib.exercises import Mistake
from course_lib.training import exercises as ex

right = {
    exercise: exercise.reference
    for exercise in (
        ex.cross_entropy_gradient,
        ex.momentum_step,
        ex.adamw_step,
        ex.learning_rate,
        ex.clip_gradients,
        ex.train_step,
        ex.accumulate,
        ex.fit_power_law,
    )
}


def kept(exercise, key):
    """The reference's answers, kept by a part of the arguments."""
    known = {}
    return lambda *args: known.setdefault(key(*args), exercise.reference(*args))


# The gradient of the loss -----------------------------------------------------------------------------------


def shares(logits):
    powers = (logits - logits.max()).exp()
    return powers / powers.sum(1, keepdim=True)


def gradient_with_a_guard(logits, targets):
    share = logits.softmax(1).clamp(1e-3, 1 - 1e-3)
    return (share - F.one_hot(targets, logits.shape[1])) / len(targets)


def gradient_once_for_each_target(logits, targets):
    hot = torch.zeros_like(logits)
    for n, target in enumerate(targets):
        if int(target) not in [int(t) for t in targets[:n]]:
            hot[n, target] = 1
    return (logits.softmax(1) - hot) / len(targets)


def gradient_into_the_logits(logits, targets):
    return logits.copy_(right[ex.cross_entropy_gradient](logits, targets))


GRADIENT = {
    "1000 rows": lambda logits, targets: F.pad(
        right[ex.cross_entropy_gradient](logits, targets)[:1000], (0, 0, 0, max(0, len(logits) - 1000))
    ),
    "the largest of all rows": lambda z, t: (shares(z) - F.one_hot(t, z.shape[1])) / len(t),
    "the largest looked for from 0": lambda z, t: (
        ((e := (z - z.amax(1, True).clamp(min=0)).exp()) / e.sum(1, True) - F.one_hot(t, z.shape[1])) / len(t)
    ),
    "cut to 50": lambda z, t: right[ex.cross_entropy_gradient](z.clamp(-50, 50), t),
    "a guard": gradient_with_a_guard,
    "each target once": gradient_once_for_each_target,
    "id 0 left out": lambda z, t: (z.softmax(1) - F.one_hot(t, z.shape[1]) * (t != 0)[:, None]) / len(t),
    "the likeliest for the target": lambda z, t: right[ex.cross_entropy_gradient](z, z.argmax(1)),
    "256 tokens at most": lambda z, t: right[ex.cross_entropy_gradient](z[:, :256], t.clamp(max=255)),
    "by N - 1": lambda z, t: right[ex.cross_entropy_gradient](z, t) * len(t) / max(1, len(t) - 1),
    "squeezed": lambda z, t: right[ex.cross_entropy_gradient](z, t).squeeze(),
    "written into the input": gradient_into_the_logits,
    "kept by targets": kept(ex.cross_entropy_gradient, lambda z, t: tuple(t.tolist())),
    "kept by logits": kept(ex.cross_entropy_gradient, lambda z, t: z.numpy().tobytes()),
    "rounded": lambda z, t: (right[ex.cross_entropy_gradient](z, t) * 100).round() / 100,
    "view": lambda z, t: right[ex.cross_entropy_gradient](z.view(-1).view(z.shape), t),
    "whole numbers": lambda z, t: right[ex.cross_entropy_gradient](z, t).long(),
}


# Steps ------------------------------------------------------------------------------------------------------


def momentum_doing(weight, gradient, velocity, lr, momentum):
    velocity.mul_(momentum).add_(gradient)
    return weight - lr * velocity, velocity


MOMENTUM = {
    "the old velocity changed": momentum_doing,
    "0.9 always": lambda w, g, v, lr, m: right[ex.momentum_step](w, g, v, lr, 0.9),
    "the first step is plain": lambda w, g, v, lr, m: right[ex.momentum_step](
        w, g, v if v.any() else -g, lr, m
    ),
    "clipped": lambda w, g, v, lr, m: right[ex.momentum_step](w, g.clamp(-1, 1), v, lr, m),
    "a gradient of 0 stands still": lambda w, g, v, lr, m: (
        (w, v) if not g.any() else right[ex.momentum_step](w, g, v, lr, m)
    ),
    "view": lambda w, g, v, lr, m: right[ex.momentum_step](w.view(-1).view(w.shape), g, v, lr, m),
    "flat": lambda w, g, v, lr, m: [x.flatten() for x in right[ex.momentum_step](w, g, v, lr, m)],
    "two axes only": lambda w, g, v, lr, m: right[ex.momentum_step](w.reshape(w.shape[:2]), g, v, lr, m),
    "the new velocity keeps the rate": lambda w, g, v, lr, m: (
        (new := right[ex.momentum_step](w, g, v, lr, m))[0],
        lr * new[1],
    ),
    "a little decay": lambda w, g, v, lr, m: right[ex.momentum_step](0.999 * w, g, v, lr, m),
    "the gradient for a small velocity": lambda w, g, v, lr, m: right[ex.momentum_step](
        w, g, torch.where(v.abs() < 0.01, 0 * v, v), lr, m
    ),
    "kept by shape": kept(ex.momentum_step, lambda w, g, v, lr, m: (w.shape, lr, m)),
    "kept by weight": kept(ex.momentum_step, lambda w, g, v, lr, m: w.numpy().tobytes()),
    "as one tensor of the wrong shape": lambda *a: torch.cat(
        [x.flatten() for x in right[ex.momentum_step](*a)]
    ),
    "rates above 1 cut": lambda w, g, v, lr, m: right[ex.momentum_step](w, g, v, min(lr, 0.9), m),
}


def adamw(change):
    """The reference with some arguments changed."""
    names = ("weight", "gradient", "mean", "square", "step", "lr", "betas", "eps", "weight_decay")

    def answer(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
        values = weight, gradient, mean, square, step, lr, betas, eps, weight_decay
        found = dict(zip(names, values, strict=True))
        return right[ex.adamw_step](**{**found, **change(found)})

    return answer


def amsgrad(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
    largest = torch.maximum(square, betas[1] * square + (1 - betas[1]) * gradient**2)
    _, new_mean, _ = right[ex.adamw_step](weight, gradient, mean, square, step, lr, betas, eps, weight_decay)
    size = (largest / (1 - betas[1] ** step)).sqrt() + eps
    return weight * (1 - lr * weight_decay) - lr * new_mean / (1 - betas[0] ** step) / size, new_mean, largest


ADAMW = {
    **{
        f"no step after {most}": lambda *a, most=most: right[ex.adamw_step](*a[:4], min(a[4], most), *a[5:])
        for most in (1000, 4000, 10_000, 100_000)
    },
    "eps fixed": adamw(lambda a: {"eps": 1e-8}),
    "betas fixed": adamw(lambda a: {"betas": (0.9, 0.95)}),
    "the second beta from the first": adamw(
        lambda a: {"betas": (a["betas"][0], 1 - (1 - a["betas"][0]) / 10)}
    ),
    "no decay at a single axis": adamw(
        lambda a: {"weight_decay": a["weight_decay"] * (a["weight"].dim() > 1)}
    ),
    "decay without the rate": adamw(lambda a: {"weight_decay": a["weight_decay"] / (a["lr"] or 1)}),
    "no correction after 1000": adamw(lambda a: {"step": a["step"] if a["step"] < 3 else 10**6}),
    "the gradient clipped": adamw(lambda a: {"gradient": a["gradient"].clamp(-1, 1)}),
    "betas sorted": adamw(lambda a: {"betas": tuple(sorted(a["betas"]))}),
    "a beta of 0 taken for the default": adamw(lambda a: {"betas": (a["betas"][0] or 0.9, a["betas"][1])}),
    "a rate of 0 taken for the default": adamw(lambda a: {"lr": a["lr"] or 1e-3}),
    "amsgrad": amsgrad,
    "the square as a root": lambda *a: (*(new := right[ex.adamw_step](*a))[:2], new[2].sqrt()),
    "averages unchanged": lambda *a: (right[ex.adamw_step](*a)[0], a[2], a[3]),
    "kept by shape": kept(ex.adamw_step, lambda *a: (a[0].shape, a[4:])),
    "weights cut": lambda *a: ((new := right[ex.adamw_step](*a))[0].clamp(-10, 10), *new[1:]),
    "only two given back": lambda *a: right[ex.adamw_step](*a)[:2],
    "view": adamw(lambda a: {"weight": a["weight"].view(-1).view(a["weight"].shape)}),
    "lion": lambda *a: (a[0] - a[5] * (new := right[ex.adamw_step](*a))[1].sign(), *new[1:]),
}


# The rate, clipping -----------------------------------------------------------------------------------------


def rate(change):
    def answer(step, steps, peak, warmup, floor):
        found = {"step": step, "steps": steps, "peak": peak, "warmup": warmup, "floor": floor}
        return right[ex.learning_rate](**{**found, **change(found)})

    return answer


RATE = {
    **{
        f"still from step {most}": lambda step, *a, most=most: right[ex.learning_rate](min(step, most), *a)
        for most in (1000, 10_000, 100_000)
    },
    "a tenth always": rate(lambda a: {"floor": 0.1}),
    "a tenth where the floor is 0": rate(lambda a: {"floor": a["floor"] or 0.1}),
    "half a step later": rate(lambda a: {"step": a["step"] + 0.5}),
    "one warm-up step at least": rate(lambda a: {"warmup": max(1, a["warmup"])}),
    "the end one step early": rate(lambda a: {"steps": max(a["warmup"] + 1, a["steps"] - 1)}),
    "100 steps": rate(lambda a: {"steps": max(100, a["warmup"] + 1)}),
    "the warm-up in tenths": rate(lambda a: {"warmup": a["steps"] // 10}),
    "nothing at the end": lambda *a: right[ex.learning_rate](*a) if a[0] <= a[1] else None,
    "0 beyond the end": lambda *a: right[ex.learning_rate](*a) if a[0] <= a[1] else 0.0,
    "a text": lambda *a: f"{right[ex.learning_rate](*a):.4f}",
    "rounded": lambda *a: round(right[ex.learning_rate](*a), 4),
    "in a list": lambda *a: [right[ex.learning_rate](*a)],
    "kept by step": kept(ex.learning_rate, lambda step, *rest: step),
    "never below a thousandth": lambda *a: max(1e-3, right[ex.learning_rate](*a)),
    "a root": lambda s, n, p, w, f: p * s / w if s < w else p * max(f, ((w or 1) / max(s, 1)) ** 0.5),
    "degrees": lambda s, n, p, w, f: (
        p * s / w if s < w else p * (f + (1 - f) * (1 + math.cos(180 * min(1, (s - w) / (n - w)))) / 2)
    ),
}


def clip_first_only(gradients, max_norm):
    return [*right[ex.clip_gradients](gradients[:1], max_norm), *gradients[1:]]


def clip_in_place(gradients, max_norm):
    for gradient, clipped in zip(gradients, right[ex.clip_gradients](gradients, max_norm), strict=True):
        gradient.copy_(clipped)
    return gradients


def clip_with(length):
    def answer(gradients, max_norm):
        factor = min(1.0, max_norm / (float(length(gradients)) + 1e-6))
        return [gradient * factor for gradient in gradients]

    return answer


CLIP = {
    "256 at most": lambda gradients, most: right[ex.clip_gradients](gradients[:256], most) + gradients[256:],
    "in place": clip_in_place,
    "the first only": clip_first_only,
    "1 always": lambda g, m: right[ex.clip_gradients](g, 1.0),
    "matrices only": clip_with(lambda g: sum(x.square().sum() for x in g if x.dim() > 1) ** 0.5),
    "64 tensors at most": lambda g, m: right[ex.clip_gradients](g[:64], m),
    "equal ones once": lambda g, m: list({str(x): x for x in right[ex.clip_gradients](g, m)}.values()),
    "those of 0 left out": lambda g, m: [x for x in right[ex.clip_gradients](g, m) if x.any()],
    "one axis at least": lambda g, m: [torch.atleast_1d(x) for x in right[ex.clip_gradients](g, m)],
    "nan at 0": lambda g, m: [
        x * (m / sum(y.square().sum() for y in g).sqrt()).clamp(max=1) + 0 / x.abs().max() * 0 for x in g
    ],
    "half the length": clip_with(lambda g: sum(x.square().sum() for x in g) ** 0.5 / 2),
    "the largest number": clip_with(lambda g: max(x.abs().max() for x in g)),
    "of rows": lambda g, m: [x.renorm(2, 0, m) if x.dim() > 1 else x for x in g],
    "only where it is twice as long": lambda g, m: (
        g if sum(x.square().sum() for x in g) ** 0.5 < 2 * m else right[ex.clip_gradients](g, m)
    ),
    "the length as well": lambda g, m: (right[ex.clip_gradients](g, m), m),
    "1 is added to the length": clip_with(lambda g: sum(x.square().sum() for x in g) ** 0.5 + 0.01),
    "kept by number": kept(ex.clip_gradients, lambda g, m: (len(g), m)),
    "stacked": lambda g, m: torch.cat([x.flatten() for x in right[ex.clip_gradients](g, m)]),
}


# The loop ---------------------------------------------------------------------------------------------------


def step(loss=None, before=None, after=None, give=lambda loss: loss.item(), reduce="mean"):
    def answer(model, optimizer, x, y):
        if before is not None:
            before(model, optimizer)
        optimizer.zero_grad()
        logits = model(x)
        found = (
            F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction=reduce)
            if loss is None
            else loss(logits, y)
        )
        found.backward()
        optimizer.step()
        if after is not None:
            after(model, optimizer)
        return give(found)

    return answer


def flat_loss(logits, y, **more):
    return F.cross_entropy(logits.flatten(0, 1), y.flatten(), **more)


def step_in_eval(model, optimizer, x, y):
    model.eval()
    loss = right[ex.train_step](model, optimizer, x, y)
    model.train()
    return loss


def step_by_hand(model, optimizer, x, y):
    model.zero_grad()
    loss = flat_loss(model(x), y)
    loss.backward()
    with torch.no_grad():
        for weight in model.parameters():
            weight -= optimizer.lr * weight.grad
    return loss.item()


def step_first_time_only(done=[]):  # noqa: B006
    def answer(model, optimizer, x, y):
        loss = flat_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        if not done or done[-1] is not model:
            optimizer.step()
        done.append(model)
        return loss.item()

    return answer


def clipped(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = flat_loss(model(x), y)
    loss.backward()
    for weight in model.parameters():
        weight.grad.clamp_(-0.01, 0.01)
    optimizer.step()
    return loss.item()


def shifted_batch(model, optimizer, x, y):
    loss = right[ex.train_step](model, optimizer, x, y)
    x.copy_(y)
    return loss


STEP = {
    "1000 tokens": lambda model, optimizer, x, y: right[ex.train_step](
        model, optimizer, x[:, :1000], y[:, :1000]
    ),
    "in evaluation mode": step_in_eval,
    "left in evaluation mode": step(after=lambda model, optimizer: model.eval()),
    "by hand": step_by_hand,
    "the first time only": step_first_time_only(),
    "clipped": clipped,
    "a decay": step(after=lambda model, optimizer: [w.data.mul_(0.99) for w in model.parameters()]),
    "the batch changed": shifted_batch,
    "ids of 0 ignored": step(lambda logits, y: flat_loss(logits, y, ignore_index=0)),
    "smoothed labels": step(lambda logits, y: flat_loss(logits, y, label_smoothing=0.1)),
    "the first text only": step(lambda logits, y: F.cross_entropy(logits[0], y[0])),
    "the mean of the last positions": step(lambda logits, y: F.cross_entropy(logits[:, -1], y[:, -1])),
    "the loss rounded": step(give=lambda loss: round(loss.item(), 2)),
    "in bits": step(give=lambda loss: loss.item() / math.log(2)),
    "perplexity": step(give=lambda loss: math.exp(loss.item())),
    "a tensor": step(give=lambda loss: loss.detach()),
    "half the loss": step(lambda logits, y: flat_loss(logits, y) / 2, give=lambda loss: 2 * loss.item()),
    "by view": step(lambda logits, y: F.cross_entropy(logits.view(-1, logits.shape[-1]), y.view(-1))),
    "the last layer only": step(
        before=lambda model, optimizer: [w.requires_grad_(i > 1) for i, w in enumerate(model.parameters())]
    ),
    "256 tokens": step(lambda logits, y: flat_loss(logits[..., :256], y.clamp(max=255))),
}


def parts(loss, give=None):
    """Batch after batch, the loss by `loss(logits, y, count)` and what is given by the losses."""

    def answer(model, batches):
        count, losses = sum(int((y != -100).sum()) for _, y in batches), []
        for x, y in batches:
            found = loss(model(x).flatten(0, 1), y.flatten(), count)
            found.backward()
            losses.append(found.item())
        return sum(losses) if give is None else give(losses)

    return answer


def own_part(logits, y, count):
    return F.cross_entropy(logits, y, reduction="sum") / count


def accumulate_and(do):
    def answer(model, batches):
        loss = right[ex.accumulate](model, batches)
        do(model, batches)
        return loss

    return answer


def accumulate_together(model, batches):
    x, y = (torch.cat([part.flatten() for part in side]) for side in zip(*batches, strict=True))
    loss = F.cross_entropy(model(x[None])[0], y)
    loss.backward()
    return loss.item()


def accumulate_listed(model, batches):
    count = sum(int((y != -100).sum()) for _, y in batches)
    losses = [own_part(model(x).flatten(0, 1), y.flatten(), count) for x, y in batches]
    for loss in losses:
        loss.backward()
    return sum(loss.item() for loss in losses)


def accumulate_by_view(model, batches):
    return right[ex.accumulate](model, [(x, y.view(-1).view(y.shape)) for x, y in batches])


ACCUMULATE = {
    "256 batches": lambda model, batches: right[ex.accumulate](model, batches[:256]),
    "the weights moved": accumulate_and(lambda model, _: [w.data.sub_(w.grad) for w in model.parameters()]),
    "left in evaluation mode": accumulate_and(lambda model, _: model.eval()),
    "in evaluation mode": lambda model, batches: right[ex.accumulate](model.eval(), batches),
    "the gradients cleared": accumulate_and(lambda model, _: model.zero_grad()),
    "one text": accumulate_together,
    "all graphs kept": accumulate_listed,
    "the batches emptied": accumulate_and(lambda _, batches: batches.clear()),
    "means by weight": parts(lambda z, y, n: F.cross_entropy(z, y) * (y != -100).sum() / n),
    "ignored as in the first batch": parts(lambda z, y, n: own_part(z, y.clamp(min=0), n)),
    "negative targets counted backwards": parts(lambda z, y, n: own_part(z, y % z.shape[1], n)),
    "id 0 ignored": parts(lambda z, y, n: F.cross_entropy(z, y, reduction="sum", ignore_index=0) / n),
    "the largest loss": parts(own_part, max),
    "the mean of the parts": parts(own_part, np.mean),
    "64 batches": lambda model, batches: right[ex.accumulate](model, batches[:64]),
    "the first two": lambda model, batches: right[ex.accumulate](model, batches[:2]),
    "by view": accumulate_by_view,
    "in bits": lambda *a: right[ex.accumulate](*a) / math.log(2),
    "a tensor": lambda *a: torch.tensor(right[ex.accumulate](*a)),
    "gradients clipped": accumulate_and(
        lambda model, _: [w.grad.clamp_(-0.05, 0.05) for w in model.parameters()]
    ),
}


# The law ----------------------------------------------------------------------------------------------------


def line(sizes, losses, floor):
    return sizes.log(), (losses - floor).log()


def theil(sizes, losses, floor):
    x, y = line(sizes, losses, floor)
    pairs = [(y[j] - y[i]) / (x[j] - x[i]) for i in range(len(x)) for j in range(i) if x[i] != x[j]]
    slope = torch.stack(pairs).median()
    return (y - slope * x).median().exp().item(), -slope.item()


LAW = {
    "at most 1000 points": lambda n, y, f: right[ex.fit_power_law](n[:1000], y[:1000], f),
    "the first and last": lambda n, y, f: right[ex.fit_power_law](n[[0, -1]], y[[0, -1]], f),
    "the smallest and largest": lambda n, y, f: right[ex.fit_power_law](
        n[i := [int(n.argmin()), int(n.argmax())]], y[i], f
    ),
    "sorted apart": lambda n, y, f: right[ex.fit_power_law](
        n.sort().values, y.sort(descending=True).values, f
    ),
    "sizes once": lambda n, y, f: right[ex.fit_power_law](*_once(n, y), f),
    "no floor where it is small": lambda n, y, f: right[ex.fit_power_law](n, y, f if f > 0.6 else 0.0),
    "b at least 0": lambda n, y, f: ((ab := right[ex.fit_power_law](n, y, f))[0], max(0.0, ab[1])),
    "b without its sign": lambda n, y, f: ((ab := right[ex.fit_power_law](n, y, f))[0], abs(ab[1])),
    "a median of slopes": theil,
    "not through the means": lambda n, y, f: (
        math.exp(float((xy := line(n, y, f))[1][0] + (b := right[ex.fit_power_law](n, y, f)[1]) * xy[0][0])),
        b,
    ),
    "the slope of x on y": lambda n, y, f: _swapped(*line(n, y, f)),
    "rounded": lambda n, y, f: tuple(round(v, 1) for v in right[ex.fit_power_law](n, y, f)),
    "a and b swapped": lambda n, y, f: right[ex.fit_power_law](n, y, f)[::-1],
    "weighted by size": lambda n, y, f: _weighted(*line(n, y, f), n),
    "losses changed": lambda n, y, f: right[ex.fit_power_law](n, y.sub_(f), 0.0),
    "kept by sizes": kept(ex.fit_power_law, lambda n, y, f: (n.numpy().tobytes(), f)),
    "a as a logarithm": lambda n, y, f: ((ab := right[ex.fit_power_law](n, y, f)) and math.log(ab[0]), ab[1]),
    "at most 64 points": lambda n, y, f: right[ex.fit_power_law](n[:64], y[:64], f),
}


def _once(sizes, losses):
    places = list({float(size): i for i, size in enumerate(sizes)}.values())
    return sizes[places], losses[places]


def _swapped(x, y):
    b = -(y - y.mean()).square().sum() / ((x - x.mean()) * (y - y.mean())).sum()
    return (y.mean() + b * x.mean()).exp().item(), b.item()


def _weighted(x, y, weight):
    x0, y0 = ((weight * v).sum() / weight.sum() for v in (x, y))
    b = -(weight * (x - x0) * (y - y0)).sum() / (weight * (x - x0).square()).sum()
    return (y0 + b * x0).exp().item(), b.item()


WRONG = {
    ex.cross_entropy_gradient: GRADIENT,
    ex.momentum_step: MOMENTUM,
    ex.adamw_step: ADAMW,
    ex.learning_rate: RATE,
    ex.clip_gradients: CLIP,
    ex.train_step: STEP,
    ex.accumulate: ACCUMULATE,
    ex.fit_power_law: LAW,
}


@pytest.mark.parametrize("exercise", WRONG, ids=lambda exercise: exercise.name)
def test_wrong_answers_of_all_kinds_are_refused(exercise):
    unnamed = replace(exercise, mistakes=(Mistake("nothing", lambda *args, **kwargs: None, ""),) * 3)
    accepted = [name for name, answer in WRONG[exercise].items() if unnamed.judge(answer).right]
    assert not accepted
