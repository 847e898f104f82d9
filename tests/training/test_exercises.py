"""Notebook 05's exercises in other right ways, in wrong ones, and against torch; and its clinic."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_lib import training
from course_lib.exercises import State, _progress, progress
from course_lib.training import exercises as ex
from course_lib.training import optim, schedules
from course_lib.training.exercises.diagnoses import _FAULTS, _RUNS
from course_lib.training.exercises.loop import _Descent
from course_lib.training.exercises.shared import small_model


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)  # the first one takes seconds to load

# Other right ways -----------------------------------------------------------------------------------------


def gradient_by_autograd(logits, targets):
    logits = logits.clone().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(logits, targets), logits)[0]


def gradient_by_places(logits, targets):
    gradient = torch.softmax(logits.double(), dim=-1)
    gradient[torch.arange(len(targets)), targets] -= 1
    return gradient / gradient.shape[0]


def gradient_by_loops(logits, targets):
    rows = []
    for row, target in zip(logits, targets, strict=True):
        powers = [math.exp(value - row.max()) for value in row]
        rows.append([p / sum(powers) - int(v == target) for v, p in enumerate(powers)])
    return torch.tensor(rows) / len(targets)


def gradient_not_contiguous(logits, targets):
    return ex.cross_entropy_gradient.reference(logits, targets).T.contiguous().T


def momentum_by_torch(weight, gradient, velocity, lr, momentum):
    parameter = nn.Parameter(weight.clone())
    parameter.grad = gradient.clone()
    sgd = torch.optim.SGD([parameter], lr=lr, momentum=momentum)
    sgd.state[parameter]["momentum_buffer"] = velocity.clone()
    sgd.step()
    return parameter, sgd.state[parameter]["momentum_buffer"]


def momentum_by_add(weight, gradient, velocity, lr, momentum):
    new = gradient.add(velocity, alpha=momentum)
    return weight.sub(new, alpha=lr), new


def momentum_by_loops(weight, gradient, velocity, lr, momentum):
    new = [momentum * v + g for v, g in zip(velocity, gradient, strict=True)]
    return [torch.stack([w - lr * v for w, v in zip(weight, new, strict=True)]), torch.stack(new)]


def adamw_by(optimizer):
    def answer(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
        parameter = nn.Parameter(weight.clone())
        parameter.grad = gradient.clone()
        stepper = optimizer([parameter], lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        state = stepper.state[parameter]
        state["step"] = torch.tensor(step - 1.0)
        state["exp_avg"], state["exp_avg_sq"] = mean.clone(), square.clone()
        stepper.step()
        return parameter, state["exp_avg"], state["exp_avg_sq"]

    return answer


def adamw_by_lerp(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
    mean = torch.lerp(mean, gradient, 1 - betas[0])
    square = square.lerp(gradient * gradient, 1 - betas[1])
    size = lr * math.sqrt(1 - betas[1] ** step) / (1 - betas[0] ** step)
    eps = eps * math.sqrt(1 - betas[1] ** step)
    return weight * (1 - lr * weight_decay) - size * mean / (square.sqrt() + eps), mean, square


def adamw_in_double(*inputs):
    doubled = [value.double() if isinstance(value, torch.Tensor) else value for value in inputs]
    return ex.adamw_step.reference(*doubled)


def adamw_one_by_one(weight, gradient, mean, square, *rest):
    flat = zip(*(part.flatten().tolist() for part in (weight, gradient, mean, square)), strict=True)
    steps = [ex.adamw_step.reference(*map(torch.tensor, numbers), *rest) for numbers in flat]
    return [torch.stack(part).reshape(weight.shape) for part in zip(*steps, strict=True)]


def adamw_not_contiguous(weight, gradient, mean, square, *rest):
    turned = [torch.stack([part, part], dim=-1)[..., 0] for part in (weight, gradient, mean, square)]
    return ex.adamw_step.reference(*turned, *rest)


def rate_by_schedule(step, steps, peak, warmup, floor):
    return peak * schedules.cosine_schedule(step, steps, warmup, floor)


def rate_by_torch(step, steps, peak, warmup, floor):
    if step < warmup:
        return torch.linspace(0, peak, warmup + 1, dtype=torch.float64)[step].item()
    angle = torch.tensor((min(step, steps) - warmup) / (steps - warmup), dtype=torch.float64) * torch.pi
    return peak * floor + (peak - peak * floor) * (1 + angle.cos()) / 2


def rate_by_half_angle(step, steps, peak, warmup, floor):
    if warmup and step <= warmup:
        return step / warmup * peak
    if step >= steps:
        return floor * peak
    half = np.pi / 2 * (step - warmup) / (steps - warmup)
    return peak * (np.cos(half) ** 2 + floor * np.sin(half) ** 2)


def clip_by_torch(gradients, max_norm):
    parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    nn.utils.clip_grad_norm_(parameters, max_norm)
    return [parameter.grad for parameter in parameters]


def clip_by_loops(gradients, max_norm):
    total = 0.0
    for gradient in gradients:
        for value in gradient.flatten().tolist():
            total += value * value
    if math.sqrt(total) <= max_norm:
        return gradients
    return [gradient * (max_norm / math.sqrt(total)) for gradient in gradients]


def clip_one_vector(gradients, max_norm):
    norm = torch.cat([gradient.reshape(-1) for gradient in gradients]).double().norm()
    return tuple(gradient.double() * torch.clamp(max_norm / (norm + 1e-6), max=1) for gradient in gradients)


def clip_einsum(gradients, max_norm):
    length = sum(torch.einsum("...,...->", gradient, gradient) for gradient in gradients) ** 0.5
    return [gradient / max(1.0, length / max_norm) for gradient in gradients]


def step_swapped_axes(model, optimizer, x, y):
    loss = nn.CrossEntropyLoss()(model(x).transpose(1, 2), y)
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def step_by_gather(model, optimizer, x, y):
    model.zero_grad()
    guesses = model(x).double().log_softmax(-1)
    loss = -guesses.gather(-1, y.unsqueeze(-1)).mean()
    loss.backward()
    optimizer.step()
    return loss.detach().numpy().item()


def step_by_loops(model, optimizer, x, y):
    optimizer.zero_grad()
    losses = [F.cross_entropy(model(x[i : i + 1])[0], y[i]) for i in range(len(x))]
    (sum(losses) / len(x)).backward()
    optimizer.step()
    return (sum(losses) / len(losses)).item()


def step_by_course(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = training.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def step_zeroing_afterwards(model, optimizer, x, y):
    loss = F.cross_entropy(model(x).reshape(-1, model(x).size(-1)), y.reshape(-1))
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def accumulate_at_once(model, batches):
    logits = torch.cat([model(x).flatten(0, 1) for x, _ in batches])
    loss = F.cross_entropy(logits, torch.cat([y.flatten() for _, y in batches]))
    loss.backward()
    return loss.item()


def accumulate_by_means(model, batches):
    counts = [(y != -100).sum() for _, y in batches]
    total = 0.0
    for (x, y), count in zip(batches, counts, strict=True):
        if not count:
            continue
        loss = F.cross_entropy(model(x).transpose(1, 2), y) * count / sum(counts)
        loss.backward()
        total += loss.item()
    return total


def accumulate_then_divide(model, batches):
    count = sum(y[y != -100].numel() for _, y in batches)
    total = sum(training.cross_entropy(model(x), y, reduction="sum") for x, y in batches)
    total.backward()
    for weight in model.parameters():
        weight.grad /= count
    return (total / count).item()


def accumulate_and_divide_the_gradients(model, batches):
    total, count = 0.0, 0
    for x, y in batches:
        loss = nn.CrossEntropyLoss(reduction="sum")(model(x).transpose(1, 2), y)
        loss.backward()
        total, count = total + float(loss.detach()), count + int(torch.sum(y >= 0))
    for weight in model.parameters():
        weight.grad.div_(count)
    return total / count


def accumulate_by_grad(model, batches):
    weights = list(model.parameters())
    sums, total = [torch.zeros_like(weight) for weight in weights], 0.0
    count = sum((y != -100).sum().item() for _, y in batches)
    for x, y in batches:
        loss = F.cross_entropy(model(x).flatten(0, 1), y.reshape(-1), reduction="none").sum()
        for so_far, part in zip(sums, torch.autograd.grad(loss, weights), strict=True):
            so_far += part / count
        total += loss.item()
    for weight, gradient in zip(weights, sums, strict=True):
        weight.grad = gradient
    return total / count


def accumulate_text_by_text(model, batches):
    count = sum(int((y != -100).sum()) for _, y in batches)
    losses = []
    for x, y in batches:
        for text, targets in zip(x.split(1), y, strict=True):
            guesses = model(text)[0].log_softmax(-1)
            counted = targets != -100
            loss = -guesses[counted, targets[counted]].sum() / count
            loss.backward()
            losses.append(loss.detach().numpy())
    return float(np.sum(losses))


def law_by_polyfit(sizes, losses, floor):
    slope, height = np.polyfit(np.log(sizes.numpy()), np.log(losses.numpy() - floor), 1)
    return np.exp(height), -slope


def law_by_lstsq(sizes, losses, floor):
    columns = torch.stack([torch.ones_like(sizes), -sizes.log()], dim=1)
    log_a, b = torch.linalg.lstsq(columns, (losses - floor).log()[:, None]).solution[:, 0]
    return log_a.exp().item(), b.item()


def law_by_loops(sizes, losses, floor):
    points = [(math.log10(s), math.log10(loss - floor)) for s, loss in zip(sizes, losses, strict=True)]
    mean_x, mean_y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    b = -sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    return [10 ** (mean_y + b * mean_x), b]


def law_by_variance(sizes, losses, floor):
    x, y = np.log(sizes.double().numpy()), np.log(losses.double().numpy() - floor)
    slope = np.cov(x, y, bias=True)[0, 1] / np.var(x)
    return float(np.exp(y.mean() - slope * x.mean())), float(-slope)


def law_by_normal_equations(sizes, losses, floor):
    x, y, n = sizes.double().log2(), (losses.double() - floor).log2(), len(sizes)
    b = -(n * (x * y).sum() - x.sum() * y.sum()) / (n * (x * x).sum() - x.sum() ** 2)
    return (2 ** (y.mean() + b * x.mean())).item(), b.item()


class Line:
    def __init__(self, points):
        self.x, self.y = zip(*points, strict=True)

    def fit(self):
        mean_x, mean_y = np.mean(self.x), np.mean(self.y)
        slope = np.dot(np.array(self.x) - mean_x, self.y) / np.square(np.array(self.x) - mean_x).sum()
        return mean_y - slope * mean_x, slope


def law_by_object(sizes, losses, floor):
    pairs = zip(sizes.tolist(), losses.tolist(), strict=True)
    height, slope = Line([(math.log(size), math.log(loss - floor)) for size, loss in pairs]).fit()
    return [math.e**height, -slope]


def gradient_in_numpy(logits, targets):
    scores = logits.numpy() - logits.numpy().max(axis=1, keepdims=True)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    shares[range(len(targets)), targets.numpy()] -= 1
    return shares / len(targets)


def gradient_in_lists(logits, targets):
    rows = torch.nn.Softmax(dim=-1)(logits).tolist()
    return [
        [(share - (v == target)) / len(rows) for v, share in enumerate(row)]
        for row, target in zip(rows, targets.tolist(), strict=True)
    ]


def gradient_by_eye(logits, targets):
    logs = logits - torch.logsumexp(logits, dim=1, keepdim=True)
    right = torch.eye(logits.size(1))[targets]
    return torch.einsum("nv,->nv", logs.exp() - right, torch.tensor(1 / len(logits)))


def gradient_by_scatter(logits, targets):
    gradient = F.softmax(logits, 1).scatter_add(1, targets[:, None], -torch.ones(len(targets), 1))
    return gradient.div_(targets.numel())


def momentum_in_numpy(weight, gradient, velocity, lr, momentum):
    new = momentum * velocity.numpy() + gradient.numpy()
    return weight.numpy() - lr * new, new


def momentum_in_lists(weight, gradient, velocity, lr, momentum):
    def new(w, g, v):
        if isinstance(w, list):
            return list(map(list, zip(*map(new, w, g, v), strict=True)))
        return w - lr * (momentum * v + g), momentum * v + g

    return new(weight.tolist(), gradient.tolist(), velocity.tolist())


def momentum_on_copies(weight, gradient, velocity, lr, momentum):
    weight, velocity = weight.clone(), velocity.clone()
    velocity.mul_(momentum).add_(gradient)
    weight.add_(velocity, alpha=-lr)
    return [weight, velocity]


def adamw_in_place(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
    mean.mul_(betas[0]).add_(gradient, alpha=1 - betas[0])
    square.mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])
    weight.mul_(1 - lr * weight_decay)
    size = (square / (1 - betas[1] ** step)).sqrt_().add_(eps)
    weight.addcdiv_(mean / (1 - betas[0] ** step), size, value=-lr)
    return weight, mean, square


def adamw_in_numpy(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
    weight, gradient, mean, square = (np.asarray(part) for part in (weight, gradient, mean, square))
    mean = mean * betas[0] + gradient * (1 - betas[0])
    square = square * betas[1] + np.square(gradient) * (1 - betas[1])
    step_length = mean / (1 - betas[0] ** step) / (np.sqrt(square / (1 - betas[1] ** step)) + eps)
    return weight * (1 - lr * weight_decay) - lr * step_length, mean, square


class AdamWStep:
    def __call__(self, weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
        (one, two), t = betas, step
        mean = mean + (1 - one) * (gradient - mean)
        square = square + (1 - two) * (gradient.pow(2) - square)
        corrected = [average / (1 - beta**t) for average, beta in ((mean, one), (square, two))]
        decayed = weight.sub(weight, alpha=lr * weight_decay)
        return torch.addcdiv(decayed, corrected[0], corrected[1] ** 0.5 + eps, value=-lr), mean, square


def rate_by_list(step, steps, peak, warmup, floor):
    rising = [peak * i / warmup for i in range(warmup)]
    falling = [
        floor * peak + (peak - floor * peak) * (math.cos(i / (steps - warmup) * math.pi) + 1) / 2
        for i in range(steps - warmup)
    ]
    rates = rising + falling
    return rates[step] if step < len(rates) else floor * peak


def rate_by_interpolation(step, steps, peak, warmup, floor):
    if step < warmup:
        return np.interp(step, [0, warmup], [0, peak])
    if warmup >= steps:
        return floor * peak
    angle = np.interp(step, [warmup, steps], [0, np.pi])
    return np.float64(peak) * (1 + floor + (1 - floor) * np.cos(angle)) / 2


def rate_in_32_bits(step, steps, peak, warmup, floor):
    if step < warmup:
        return torch.tensor(peak) * step / warmup
    done = 1.0 if step >= steps else (step - warmup) / (steps - warmup)
    return (
        torch.lerp(torch.tensor(floor), torch.tensor(1.0), (1 + torch.cos(torch.tensor(done * torch.pi))) / 2)
        * peak
    )


def clip_in_numpy(gradients, max_norm):
    length = np.sqrt(sum(np.square(gradient.numpy()).sum() for gradient in gradients))
    return [gradient.numpy() * min(1.0, max_norm / (length + 1e-12)) for gradient in gradients]


def clip_in_lists(gradients, max_norm):
    def squares(values):
        return sum(map(squares, values)) if isinstance(values, list) else values * values

    def times(values, factor):
        return [times(v, factor) for v in values] if isinstance(values, list) else values * factor

    lists = [gradient.tolist() for gradient in gradients]
    length = squares(lists) ** 0.5
    return [times(values, max_norm / length) for values in lists] if length > max_norm else lists


def clip_by_foreach(gradients, max_norm):
    norms = torch.stack(torch._foreach_norm(gradients))
    return list(torch._foreach_mul(gradients, float((max_norm / (norms.norm() + 1e-6)).clamp(max=1))))


def clip_copies_in_place(gradients, max_norm):
    copies = [gradient.clone() for gradient in gradients]
    length = math.hypot(*(float(gradient.norm()) for gradient in copies))
    if length > max_norm:
        for gradient in copies:
            gradient.mul_(max_norm).div_(length)
    return copies


def step_by_closure(model, optimizer, x, y):
    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x).permute(0, 2, 1), y)
        loss.backward()
        return loss

    return optimizer.step(closure).item()


def step_by_autograd(model, optimizer, x, y):
    model.train()
    loss = F.nll_loss(F.log_softmax(model(x), -1).flatten(0, -2), y.reshape(-1))
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        weight.grad = gradient
    optimizer.step()
    return float(loss.detach())


class Trainer:
    def __init__(self, loss):
        self.loss = loss

    def step(self, model, optimizer, x, y):
        for weight in model.parameters():
            weight.grad = None
        logits = model(x)
        loss = self.loss(logits.reshape(-1, logits.shape[-1]), y.flatten())
        loss.backward()
        optimizer.step()
        return np.float32(loss.detach())


SEEDS = (None, 1, 2)  # new cases, and twice the same ones
OTHER_WAYS = [
    *((ex.cross_entropy_gradient, way) for way in (gradient_in_numpy, gradient_in_lists)),
    *((ex.cross_entropy_gradient, way) for way in (gradient_by_eye, gradient_by_scatter)),
    *((ex.momentum_step, way) for way in (momentum_in_numpy, momentum_in_lists, momentum_on_copies)),
    *((ex.adamw_step, way) for way in (adamw_in_place, adamw_in_numpy, AdamWStep())),
    *((ex.learning_rate, way) for way in (rate_by_list, rate_by_interpolation, rate_in_32_bits)),
    *(
        (ex.clip_gradients, way)
        for way in (clip_in_numpy, clip_in_lists, clip_by_foreach, clip_copies_in_place)
    ),
    *(
        (ex.train_step, way)
        for way in (step_by_closure, step_by_autograd, Trainer(nn.CrossEntropyLoss()).step)
    ),
    *((ex.accumulate, way) for way in (accumulate_and_divide_the_gradients, accumulate_by_grad)),
    *((ex.accumulate, way) for way in (accumulate_by_means, accumulate_text_by_text)),
    *((ex.fit_power_law, way) for way in (law_by_variance, law_by_normal_equations, law_by_object)),
    *(
        (ex.cross_entropy_gradient, way)
        for way in (gradient_by_places, gradient_by_loops, gradient_not_contiguous)
    ),
    *((ex.momentum_step, way) for way in (momentum_by_torch, momentum_by_add, momentum_by_loops)),
    *((ex.adamw_step, adamw_by(optimizer)) for optimizer in (torch.optim.AdamW, optim.AdamW)),
    *(
        (ex.adamw_step, way)
        for way in (adamw_by_lerp, adamw_in_double, adamw_one_by_one, adamw_not_contiguous)
    ),
    *((ex.learning_rate, way) for way in (rate_by_schedule, rate_by_torch, rate_by_half_angle)),
    *((ex.clip_gradients, way) for way in (clip_by_torch, clip_by_loops, clip_one_vector, clip_einsum)),
    *(
        (ex.train_step, way)
        for way in (step_swapped_axes, step_by_gather, step_by_loops, step_by_course, step_zeroing_afterwards)
    ),
    *((ex.fit_power_law, way) for way in (law_by_polyfit, law_by_lstsq, law_by_loops)),
]


@pytest.mark.parametrize(("exercise", "answer"), OTHER_WAYS, ids=lambda value: getattr(value, "__name__", ""))
def test_other_right_ways_pass(exercise, answer):
    for seed in SEEDS:
        feedback = exercise.judge(answer, seed=seed)
        assert feedback.right, str(feedback)


def gradient_by_backward(logits, targets):
    logits = logits.detach().requires_grad_()
    F.cross_entropy(logits, targets).backward()
    return logits.grad


def gradient_by_func(logits, targets):
    return torch.func.grad(lambda scores: F.cross_entropy(scores, targets))(logits)


@pytest.mark.parametrize("answer", [gradient_by_autograd, gradient_by_backward, gradient_by_func])
def test_torchs_own_gradient_is_right_but_not_what_is_asked_for(answer):
    feedback = ex.cross_entropy_gradient.judge(answer)
    assert (
        feedback.state is State.OTHERWISE and "what the model said, minus what was right" in feedback.message
    )


# What people write ----------------------------------------------------------------------------------------


def means_of_batches(model, batches):
    model.zero_grad()
    total = sum(nn.CrossEntropyLoss()(model(x).flatten(0, 1), y.flatten()) for x, y in batches) / len(batches)
    total.backward()
    return total.item()


def undivided(model, batches):
    losses = []
    for x, y in batches:
        losses.append(F.cross_entropy(model(x).transpose(1, 2), y, reduction="sum"))
        losses[-1].backward()
    return sum(losses).item()


def by_view(model, optimizer, x, y):
    optimizer.zero_grad()
    logits = model(x)
    loss = F.cross_entropy(logits.view(-1, logits.shape[-1]), y.view(-1))
    loss.backward()
    optimizer.step()
    return loss.item()


def no_return(model, optimizer, x, y):
    optimizer.zero_grad()
    F.cross_entropy(model(x).flatten(0, 1), y.flatten()).backward()
    optimizer.step()


def under_no_grad(model, optimizer, x, y):
    with torch.no_grad():
        return ex.train_step.reference(model, optimizer, x, y)


def adam_with_l2(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
    parameter = nn.Parameter(weight.clone())
    parameter.grad = gradient.clone()
    adam = torch.optim.Adam([parameter], lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
    adam.state[parameter] = {
        "step": torch.tensor(step - 1.0),
        "exp_avg": mean.clone(),
        "exp_avg_sq": square.clone(),
    }
    adam.step()
    return parameter.detach(), adam.state[parameter]["exp_avg"], adam.state[parameter]["exp_avg_sq"]


def clip_by_torch_in_place(gradients, max_norm):
    parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    nn.utils.clip_grad_norm_(parameters, max_norm)
    return [parameter.grad for parameter in parameters]


def never_down(step, steps, peak, warmup, floor):
    return peak * step / warmup


def stepping_before_backward(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    optimizer.step()
    loss.backward()
    return loss.item()


def clip_in_place_what_is_long(gradients, max_norm):
    length = math.sqrt(sum(gradient.square().sum().item() for gradient in gradients))
    if length > max_norm:
        for gradient in gradients:
            gradient *= max_norm / length
    return gradients


def stretched(gradients, max_norm):
    length = math.sqrt(sum(gradient.square().sum().item() for gradient in gradients))
    return [gradient * max_norm / length if length else gradient.clone() for gradient in gradients]


def cosine_as_it_is(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * step / warmup
    if step >= steps:
        return floor * peak
    return peak * (floor + (1 - floor) * math.cos(math.pi * (step - warmup) / (steps - warmup)))


def too_long_a_descent(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * step / warmup
    if step >= steps:
        return floor * peak
    return peak * (floor + (1 - floor) * (1 + math.cos(math.pi * (step - warmup) / steps)) / 2)


def law_in_tensors(sizes, losses, floor):
    return tuple(torch.tensor(number) for number in ex.fit_power_law.reference(sizes, losses, floor))


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        (ex.train_step, stepping_before_backward, "when there are no gradients"),
        (ex.clip_gradients, clip_in_place_what_is_long, "the inputs are changed"),
        (ex.clip_gradients, stretched, "short gradients are stretched"),
        (ex.learning_rate, cosine_as_it_is, "from 1 to -1"),
        (ex.learning_rate, too_long_a_descent, "as long as the whole training"),
        (ex.fit_power_law, law_in_tensors, "a and b are tensors"),
        (ex.accumulate, means_of_batches, "the mean of the batches' means"),
        (ex.accumulate, accumulate_at_once, "one `backward` for all batches"),
        (ex.accumulate, accumulate_then_divide, "one `backward` for all batches"),
        (ex.accumulate, undivided, "nothing is divided"),
        (ex.train_step, no_return, "None"),
        (ex.train_step, by_view, "`reshape` and `flatten` work on all of them"),
        (ex.train_step, under_no_grad, "does not require grad"),
        (ex.adamw_step, adam_with_l2, "the decay is mixed into the gradient"),
        (ex.clip_gradients, clip_by_torch_in_place, "the inputs are changed"),
        (ex.learning_rate, never_down, "it is 6, but should be 1"),
        (ex.cross_entropy_gradient, lambda logits, targets: 0 * logits, "4 of 4 entries differ"),
        (ex.momentum_step, lambda w, g, v, lr, momentum: (w, v), "item 0"),
        (ex.fit_power_law, lambda sizes, losses, floor: (1.0, 1.0), "item 0 is 1, but should be 4"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_wrong_answers_are_told_apart(exercise, answer, words):
    feedback = exercise.judge(answer)
    assert not feedback.right and words in str(feedback)


def test_starters_that_do_nothing_are_not_attempted():
    def train_step(model, optimizer, x, y): ...

    def accumulate(model, batches):
        pass

    assert "Not attempted" in str(ex.train_step.judge(train_step))
    assert "Not attempted" in str(ex.accumulate.judge(accumulate))


def test_a_call_names_its_model_and_its_optimizer():
    feedback = ex.train_step.judge(lambda model, optimizer, x, y: 0.5)
    assert feedback.call == "train_step(model, optimizer, tensor([[0, 1]]), tensor([[1, 0]]))"


# By hand --------------------------------------------------------------------------------------------------


def first(exercise):
    return exercise._judge().fresh_cases()[0]


def close(got, *expected):
    pairs = zip(got, expected, strict=True)
    return all(torch.allclose(torch.as_tensor(g), torch.tensor(e), atol=1e-4) for g, e in pairs)


def test_first_cases_can_be_worked_by_hand():
    by_hand = {
        ex.cross_entropy_gradient: ([-0.25, 0.25], [0.25, -0.25]),
        ex.momentum_step: ([0.5, 2.2], [5.0, -2.0]),
        ex.adamw_step: ([0.9, -1.9], [0.4, -0.05], [0.16, 0.0025]),
        ex.clip_gradients: ([0.6], [0.8]),
        ex.fit_power_law: (4.0, 0.5),
    }
    for exercise, expected in by_hand.items():
        assert close(exercise.reference(*first(exercise).args), *expected), exercise.name
    assert ex.learning_rate.reference(*first(ex.learning_rate).args) == 1.0  # half-way up to 2


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW, optim.AdamW])
def test_a_step_of_training_is_torchs(optimizer):
    x, y = torch.randint(5, (2, 2, 3), generator=generator())
    one, other = (small_model(5, 2, 7) for _ in range(2))
    ours, theirs = (optimizer(model.parameters(), lr=0.1) for model in (one, other))
    for _ in range(3):
        loss = ex.train_step.reference(one, ours, x, y)
        assert loss == pytest.approx(step_swapped_axes(other, theirs, x, y), rel=1e-5)
    for mine, torchs in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(mine, torchs, atol=1e-6)


def test_what_stands_for_sgd_is_sgd():
    x, y = torch.randint(5, (2, 2, 3), generator=generator())
    one, other = (small_model(5, 2, 7) for _ in range(2))
    descent, sgd = _Descent(one, 0.3), torch.optim.SGD(other.parameters(), lr=0.3)
    for _ in range(2):
        ex.train_step.reference(one, descent, x, y), ex.train_step.reference(other, sgd, x, y)
    assert all(torch.allclose(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_first_steps_of_training_by_hand():
    # Two tokens, even guesses: log 2. Each row's right logit goes up by a quarter, the other down.
    found = ex.train_step._judge().run(ex.train_step.reference, first(ex.train_step))
    assert math.isclose(found["loss of step 1"], math.log(2), rel_tol=1e-6)
    assert math.isclose(found["loss of step 2"], math.log(1 + math.exp(-0.5)), rel_tol=1e-6)
    # Token 0 is followed by 1. Token 1 by 1, 0 and 0, and by something that doesn't count.
    found = ex.accumulate._judge().run(ex.accumulate.reference, first(ex.accumulate))
    assert math.isclose(found["mean loss"], math.log(2), rel_tol=1e-6)
    assert close(found["gradients"], [[1 / 8, -1 / 8], [-1 / 8, 1 / 8]])


# Oracles --------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 99), st.floats(0.1, 30))
def test_the_gradient_agrees_with_autograd(N, V, seed, scale):
    logits, targets = scale * random(N, V, seed=seed), torch.randint(V, (N,), generator=generator(seed))
    ours = ex.cross_entropy_gradient.reference(logits, targets)
    assert torch.allclose(ours, gradient_by_autograd(logits, targets), atol=1e-5)


def walk(optimizer, gradients, start):
    parameter = nn.Parameter(start.clone())
    stepper = optimizer([parameter])
    for gradient in gradients:
        parameter.grad = gradient.clone()
        stepper.step()
    return parameter.detach()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.floats(0.001, 0.5), st.floats(0, 0.95))
def test_many_steps_agree_with_torch(seed, lr, beta):
    start, gradients = random(2, 3, seed=seed), random(7, 2, 3, seed=seed + 1)
    weight, velocity = start, torch.zeros(2, 3)
    for gradient in gradients:
        weight, velocity = ex.momentum_step.reference(weight, gradient, velocity, lr, beta)
    sgd = walk(lambda p: torch.optim.SGD(p, lr=lr, momentum=beta), gradients, start)
    assert torch.allclose(weight, sgd, atol=1e-5)

    weight, averages, rest = start, (torch.zeros(2, 3),) * 2, (lr, (beta, 0.98), 1e-8, 0.1)
    for step, gradient in enumerate(gradients, start=1):
        weight, *averages = ex.adamw_step.reference(weight, gradient, *averages, step, *rest)
    settings_ = {"lr": lr, "betas": (beta, 0.98), "weight_decay": 0.1}
    assert torch.allclose(
        weight, walk(lambda p: torch.optim.AdamW(p, **settings_), gradients, start), atol=1e-5
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 150), st.integers(0, 40), st.floats(0, 1), st.floats(1e-4, 10))
def test_the_rate_is_the_courses_schedule(step, warmup, floor, peak):
    rate = ex.learning_rate.reference(step, 100, peak, warmup, floor)
    assert math.isclose(rate, rate_by_schedule(step, 100, peak, warmup, floor), rel_tol=1e-9)
    assert 0 <= rate <= peak * (1 + 1e-9)


def test_the_rate_rises_and_falls_once():
    rates = [ex.learning_rate.reference(step, 50, 2.0, 7, 0.3) for step in range(61)]
    rising = [b > a for a, b in pairwise(rates)]
    assert rising == [True] * 7 + [False] * 53 and rates[50:] == pytest.approx([0.6] * 11)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.floats(0.01, 10), st.floats(0.01, 10))
def test_clipping_agrees_with_torch_and_never_exceeds(seed, scale, max_norm):
    gradients = [scale * random(*shape, seed=seed + len(shape)) for shape in ((5,), (2, 3), (7, 1, 2))]
    clipped = ex.clip_gradients.reference(gradients, max_norm)
    for ours, torchs in zip(clipped, clip_by_torch(gradients, max_norm), strict=True):
        assert torch.allclose(ours, torchs, rtol=1e-4, atol=1e-6)
    assert torch.cat([gradient.flatten() for gradient in clipped]).norm() <= max_norm * (1 + 1e-5)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 50), st.floats(0.05, 1), st.floats(0, 3), st.integers(2, 7))
def test_a_power_law_is_found_again(a, b, floor, points):
    sizes = torch.logspace(1, 4, points, dtype=torch.float64)
    found = ex.fit_power_law.reference(sizes, floor + a * sizes**-b, floor)
    assert found == pytest.approx((a, b), rel=1e-4)


def test_the_exercises_pieces_make_the_courses_training():
    config = training.TrainConfig(
        steps=7, lr=0.1, warmup=0.3, final_lr=0.2, weight_decay=0.0, grad_clip=0.5, accumulate=2
    )
    x, y = torch.randint(5, (2, 14, 3, 4), generator=generator())
    y[:, :2, 2:] = -100
    batches = list(zip(x, y, strict=True))

    def model():
        made = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5))
        for seed, weight in enumerate(made.parameters()):
            weight.data = random(*weight.shape, seed=seed)
        return made

    courses, ours, queue = model(), model(), iter(batches)
    training.train(courses, lambda _: next(queue), config)
    weights = list(ours.parameters())
    averages = [(torch.zeros_like(weight), torch.zeros_like(weight)) for weight in weights]
    for step in range(7):
        ours.zero_grad()
        ex.accumulate.reference(ours, batches[2 * step : 2 * step + 2])
        clipped = ex.clip_gradients.reference([weight.grad for weight in weights], 0.5)
        rate = ex.learning_rate.reference(step + 0.5, 7, 0.1, 0.3 * 7, 0.2)
        for i, (weight, gradient) in enumerate(zip(weights, clipped, strict=True)):
            weight.data, *averages[i] = ex.adamw_step.reference(
                weight.data, gradient, *averages[i], step + 1, rate, (0.9, 0.95), 1e-8, 0.0
            )
    for one, other in zip(ours.parameters(), courses.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


# What stands before an exercise ---------------------------------------------------------------------------


def test_the_case_of_adamw_that_the_notebook_works_by_hand():
    weight, mean, square = torch.tensor(1.0), torch.tensor(0.0), torch.tensor(0.0)
    for step, expected in ((1, (0.85, 2, 4)), (2, (0.7075, 3, 7))):
        weight, mean, square = ex.adamw_step.reference(
            weight, torch.tensor(4.0), mean, square, step, 0.1, (0.5, 0.75), 0.0, 0.5
        )
        assert torch.allclose(torch.stack([weight, mean, square]), torch.tensor(expected))


def test_adamw_is_asked_for_before_its_formula_is_printed():
    text = (Path(__file__).parents[2] / "notebooks" / "05_training.ipynb").read_text(encoding="utf-8")
    before, found, after = text.partition('"id": "adamw-step-check"')
    assert found and r"\\beta_1^t" in after
    assert not any(shown in before for shown in (r"\\beta", "1 - beta", "1-beta", "beta1"))


# The clinic -----------------------------------------------------------------------------------------------


def test_the_clinics_answers_are_those_of_its_runs():
    from course_lib.training import clinic

    assert _RUNS == clinic.LETTERS and list(_FAULTS) == list(clinic.FAULTS)
    for question, letter in zip(ex.clinic.questions, clinic.LETTERS, strict=True):
        assert question.text.startswith(f"Run {letter}:")
        right = dict(question.lettered())[question.letter]
        assert right.text == _FAULTS[clinic.LETTERS[letter]][0]


def test_every_option_of_the_clinic_is_explained_and_each_fault_is_right_once():
    assert len({question.letter for question in ex.clinic.questions}) == 6
    for number, question in enumerate(ex.clinic.questions, start=1):
        for letter, option in question.lettered():
            feedback = ex.clinic.judge(number, letter)
            assert feedback.right == option.right and option.why in str(feedback)
            assert option.why.startswith("Then ") != option.right


def test_the_clinic_is_counted_apart_from_the_quiz():
    ex.clinic.judge(1, ex.clinic.questions[0].letter)
    ex.quiz.judge(2, ex.quiz.questions[1].letter)
    kept = _progress.load()[0]["quiz"]
    assert kept == {"training.clinic": {"1": "right"}, "training": {"2": "right"}}
    assert progress().quiz["training"] == (1, 5)
