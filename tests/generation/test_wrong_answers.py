"""Wrong answers to the exercises of notebook 06, of the kinds that pass thin cases: each must be refused."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from course_lib.exercises import Mistake, State
from course_lib.generation import exercises as ex

INF = math.inf
KEPT = {}


def kept_by(key, value):
    """The first value that was computed for a key."""
    return KEPT.setdefault(key, value)


# The draw -------------------------------------------------------------------------------------------------


def ends_of(logits):
    return logits.softmax(-1).cumsum(-1)


def drawn(ends, dice):
    return (ends <= dice[:, None] * ends[:, -1:]).sum(-1)


def right_draw(logits, dice):
    return drawn(ends_of(logits), dice)


def draw_ruled_out_moved(logits, dice):
    return drawn(ends_of(logits[:, logits[0] > -INF]), dice)


def draw_last_for_all_below_a_percent(logits, dice):
    each = logits.softmax(-1)
    return drawn(each.where(each > 0.01, torch.tensor(0.0)).cumsum(-1), dice)


def draw_unstable(logits, dice):
    shares = logits.exp()
    return drawn((shares / shares.sum(-1, keepdim=True)).cumsum(-1), dice)


def draw_in_place(logits, dice):
    ends = logits.softmax(-1).cumsum(-1)
    dice *= ends[:, -1]
    return (ends <= dice[:, None]).sum(-1)


def draw_the_first_row_only(logits, dice):
    return drawn(ends_of(logits[:1]).expand_as(logits), dice)


DRAW = {
    "die on a border": lambda logits, dice: (ends_of(logits) < dice[:, None]).sum(-1),
    "left side of searchsorted": lambda logits, dice: torch.searchsorted(ends_of(logits), dice[:, None])[
        :, 0
    ],
    "dice rounded": lambda logits, dice: right_draw(logits, (dice * 1000).round() / 1000),
    "half precision": lambda logits, dice: right_draw(logits.bfloat16().float(), dice),
    "softmax without a shift": draw_unstable,
    "small ones forgotten": draw_last_for_all_below_a_percent,
    "columns ruled out in the first row dropped": draw_ruled_out_moved,
    "first 64 tokens": lambda logits, dice: right_draw(logits[:, :64], dice),
    "dice of 0.99 at most": lambda logits, dice: right_draw(logits, dice.clamp(max=0.99)),
    "dice of 0.9999 at most": lambda logits, dice: right_draw(logits, dice.clamp(max=0.9999)),
    "dice of 0.02 at least": lambda logits, dice: right_draw(logits, dice.clamp(min=0.02)),
    "dice of 0.0001 at least": lambda logits, dice: right_draw(logits, dice.clamp(min=1e-4)),
    "first row": draw_the_first_row_only,
    "dice changed": draw_in_place,
    "multinomial": lambda logits, dice: torch.multinomial(logits.softmax(-1), 1)[:, 0],
    "its own die": lambda logits, dice: right_draw(logits, torch.rand(len(logits))),
    "kept": lambda logits, dice: kept_by(("draw", logits.shape), right_draw(logits, dice)),
    "from 1 down": lambda logits, dice: right_draw(logits, 1 - dice),
    "highest die not caught": lambda logits, dice: (ends_of(logits) <= dice[:, None]).sum(-1),
    "highest die gives 0": lambda logits, dice: right_draw(logits, dice) * (dice < 0.9999),
    "one id": lambda logits, dice: int(right_draw(logits, dice)[0]),
    "0 counts as no die": lambda logits, dice: torch.where(
        dice == 0, logits.argmax(-1), right_draw(logits, dice)
    ),
}


# The loop -------------------------------------------------------------------------------------------------


def writing(*, seen=lambda text, context: text[-context:], ends=lambda token, stop, text: token == stop):
    """The loop with one part done in another way."""

    def answer(model, ids, max_new_tokens, context_length, choose, stop):
        text = list(ids)
        for _ in range(max_new_tokens):
            text.append(int(choose(model(torch.tensor([seen(text, context_length)]))[:, -1])))
            if ends(text[-1], stop, text):
                break
        return text

    return answer


def choose_twice_where_it_stops(model, ids, max_new_tokens, context_length, choose, stop):
    text = list(ids)
    for _ in range(max_new_tokens):
        logits = model(torch.tensor([text[-context_length:]]))[:, -1]
        if stop is not None and int(choose(logits)) == stop:
            return [*text, stop]
        text.append(int(choose(logits)))
    return text


def choose_once_more_at_the_end(model, ids, max_new_tokens, context_length, choose, stop):
    text = list(ids)
    token = int(choose(model(torch.tensor([text[-context_length:]]))[:, -1]))
    for _ in range(max_new_tokens):
        text.append(token)
        if token == stop:
            break
        token = int(choose(model(torch.tensor([text[-context_length:]]))[:, -1]))
    return text


def window_of_the_prompt(model, ids, max_new_tokens, context_length, choose, stop):
    return writing(seen=lambda text, context: text[max(0, len(ids) - context) :])(
        model, ids, max_new_tokens, context_length, choose, stop
    )


def logits_changed(model, ids, max_new_tokens, context_length, choose, stop):
    return writing()(model, ids, max_new_tokens, context_length, lambda x: choose(x.softmax(-1) > 0.5), stop)


def prompt_extended(model, ids, max_new_tokens, context_length, choose, stop):
    ids.extend(writing()(model, ids, max_new_tokens, context_length, choose, stop)[len(ids) :])
    return ids


def kept_default(model, ids, max_new_tokens, context_length, choose, stop, text=[]):  # noqa: B006
    if not text:
        text.extend(ids)
    return writing()(model, text, max_new_tokens, context_length, choose, stop)


def stop_dropped(model, ids, max_new_tokens, context_length, choose, stop):
    text = writing()(model, ids, max_new_tokens, context_length, choose, stop)
    return [id for i, id in enumerate(text) if i < len(ids) or id != stop]


def at_least_one(model, ids, max_new_tokens, context_length, choose, stop):
    return writing()(model, ids, max(1, max_new_tokens), context_length, choose, stop)


def prompt_cut(model, ids, max_new_tokens, context_length, choose, stop):
    return writing()(model, ids[-context_length:], max_new_tokens, context_length, choose, stop)


def batched_result(model, ids, max_new_tokens, context_length, choose, stop):
    return [writing()(model, ids, max_new_tokens, context_length, choose, stop)]


GENERATE = {
    "one id too few seen": writing(seen=lambda text, context: text[-(context - 1) :]),
    "one id too many seen": writing(seen=lambda text, context: text[-(context + 1) :]),
    "the context never moves": window_of_the_prompt,
    "1024 ids seen at most": writing(seen=lambda text, context: text[-min(context, 1024) :]),
    "512 new ids at most": lambda model, ids, new, *rest: ex.generate.reference(
        model, ids, min(new, 512), *rest
    ),
    "64 ids seen at most": writing(seen=lambda text, context: text[-min(context, 64) :]),
    "repeats left out": writing(seen=lambda text, context: list(dict.fromkeys(text[-context:]))),
    "zeros left out": writing(seen=lambda text, context: [id for id in text[-context:] if id] or [0]),
    "is for ==": writing(ends=lambda token, stop, text: token is stop),
    "id 0 never stops": writing(ends=lambda token, stop, text: bool(stop) and token == stop),
    "id 0 always stops": writing(ends=lambda token, stop, text: token == (stop or 0)),
    "above the stop": writing(ends=lambda token, stop, text: stop is not None and token >= stop),
    "a stop seen before": writing(ends=lambda token, stop, text: stop in text[:-1] or token == stop),
    "the same id twice": writing(ends=lambda token, stop, text: token == stop or text[-1] == text[-2]),
    "choose called twice": choose_twice_where_it_stops,
    "choose called once more": choose_once_more_at_the_end,
    "logits made flags": logits_changed,
    "prompt extended": prompt_extended,
    "default that is kept": kept_default,
    "stop dropped": stop_dropped,
    "at least one": at_least_one,
    "prompt cut": prompt_cut,
    "a batch comes back": batched_result,
}


# Temperature ----------------------------------------------------------------------------------------------


def centred(logits, value):
    return (logits - logits.amax(-1, keepdim=True)) / value


def divided_and_cut(logits, value):
    return (logits / value).clamp(-100, 100)


TEMPERATURE = {
    "whole division": lambda logits, value: logits // value,
    "at least 0.1": lambda logits, value: logits / max(value, 0.1),
    "at most 2": lambda logits, value: logits / min(value, 2.0),
    "only below 1": lambda logits, value: logits / value if value < 1 else logits * 1,
    "value as a whole number": lambda logits, value: logits / (int(value) or value),
    "centred": centred,
    "cut at 100": divided_and_cut,
    "first row": lambda logits, value: (logits[:1] / value).expand_as(logits),
    "ruled out made large": lambda logits, value: (logits / value).nan_to_num(neginf=-1e9),
    "half precision": lambda logits, value: (logits.bfloat16() / value).float(),
    "rounded": lambda logits, value: ((logits / value) * 100).round() / 100,
    "in place": lambda logits, value: logits.div_(value),
    "64 tokens": lambda logits, value: torch.cat([logits[:, :64] / value, logits[:, 64:]], 1),
    "one axis": lambda logits, value: (logits / value)[0],
    "kept": lambda logits, value: kept_by(("temperature", str(logits)), logits / value),
    "square": lambda logits, value: logits / value**2,
}


# Top-k and top-p ------------------------------------------------------------------------------------------


def right_top_k(logits, k):
    return logits.masked_fill(logits < logits.topk(min(k, logits.shape[-1])).values[:, -1:], -INF)


def nearly_top_k(logits, k):
    return logits.masked_fill(logits < right_top_k(logits, k).amax(-1, keepdim=True) - k, -INF)


def top_k_drops_ties(logits, k):
    result = torch.full_like(logits, -INF)
    best = logits.topk(min(k, logits.shape[-1]))
    return result.scatter_(-1, best.indices, best.values)


def top_k_with_a_margin(logits, k):
    bar = logits.topk(min(k, logits.shape[-1])).values[:, -1:]
    return logits.masked_fill(logits < bar - 0.01, -INF)


def top_k_values_by_value(logits, k):
    bar = logits.unique().topk(min(k, len(logits.unique()))).values[-1]
    return logits.masked_fill(logits < bar, -INF)


def top_k_of_different_values(logits, k):
    rows = []
    for row in logits:
        different = row.unique(sorted=True)
        rows.append(row.masked_fill(row < different[-min(k, len(different))], -INF))
    return torch.stack(rows)


TOP_K = {
    "of all rows": top_k_values_by_value,
    "of the different values": top_k_of_different_values,
    "ties dropped": top_k_drops_ties,
    "a margin": top_k_with_a_margin,
    "a distance": nearly_top_k,
    "10 at most": lambda logits, k: right_top_k(logits, min(k, 10)),
    "k - 1 where k > V": lambda logits, k: right_top_k(logits, min(k, max(1, logits.shape[-1] - 1))),
    "-1e9 for minus infinity": lambda logits, k: right_top_k(logits, k).clamp(min=-1e9),
    "absolute": lambda logits, k: logits.where(right_top_k(logits.abs(), k) > -INF, torch.tensor(-INF)),
    "first row's bar": lambda logits, k: logits.masked_fill(
        logits < logits.topk(min(k, logits.shape[-1])).values[0, -1], -INF
    ),
    "below 0 ruled out": lambda logits, k: right_top_k(logits, k).where(logits >= 0, torch.tensor(-INF)),
    "probabilities' logarithms": lambda logits, k: right_top_k(logits, k).log_softmax(-1),
    "only the best for k = 1": lambda logits, k: (
        top_k_drops_ties(logits, k) if k == 1 else right_top_k(logits, k)
    ),
    "in place": lambda logits, k: logits.copy_(right_top_k(logits, k)),
    "half precision": lambda logits, k: right_top_k(logits.half().float(), k),
    "k of 1024 at most": lambda logits, k: right_top_k(logits, min(k, 1024)),
    "cut at 64": lambda logits, k: torch.cat([right_top_k(logits[:, :64], k), logits[:, 64:]], 1),
    "kept": lambda logits, k: kept_by(("top_k", str(logits)), right_top_k(logits, k)),
}


def nucleus(logits, p, *, before=True, drop=lambda sums, p: sums >= p, rescue=True):
    likeliest, order = logits.softmax(-1).sort(descending=True)
    needless = drop(likeliest.cumsum(-1) - likeliest if before else likeliest.cumsum(-1), p)
    if rescue:
        needless[:, 0] = False
    return logits.masked_fill(needless.scatter(-1, order, needless), -INF)


def nucleus_without_shift(logits, p):
    shares = logits.exp() / logits.exp().sum(-1, keepdim=True)
    likeliest, order = shares.sort(descending=True)
    needless = likeliest.cumsum(-1) - likeliest >= p
    needless[:, 0] = False
    return logits.masked_fill(needless.scatter(-1, order, needless), -INF)


def nucleus_of_the_first_row(logits, p):
    return logits.masked_fill(nucleus(logits[:1], p) == -INF, -INF)


def nucleus_of_different_logits(logits, p):
    rows = []
    for row in logits:
        values, inverse = row.unique(return_inverse=True)
        rows.append(nucleus(values[None], p)[0][inverse])
    return torch.stack(rows)


TOP_P = {
    "a sum that is exactly p": lambda logits, p: nucleus(logits, p, drop=lambda sums, p: sums > p),
    "nothing rescued": lambda logits, p: nucleus(logits, p, rescue=False),
    "without the one that crosses": lambda logits, p: nucleus(logits, p, before=False),
    "without the one that crosses, by >": lambda logits, p: nucleus(
        logits, p, before=False, drop=lambda sums, p: sums > p
    ),
    "two at least": lambda logits, p: nucleus(logits, max(p, 1e-9)).where(
        logits < logits.topk(min(2, logits.shape[1])).values[:, -1:], logits
    ),
    "p at least 0.1": lambda logits, p: nucleus(logits, max(p, 0.1)),
    "p at most 0.9": lambda logits, p: nucleus(logits, min(p, 0.9)),
    "0 means everything": lambda logits, p: nucleus(logits, p or 1.0),
    "1 means everything, the ruled out too": lambda logits, p: (
        logits.nan_to_num(neginf=-1e4) if p >= 1 else nucleus(logits, p)
    ),
    "softmax without a shift": nucleus_without_shift,
    "the first row's": nucleus_of_the_first_row,
    "of the different logits": nucleus_of_different_logits,
    "rounded probabilities": lambda logits, p: nucleus((logits * 10).round() / 10, p).where(
        nucleus((logits * 10).round() / 10, p) == -INF, logits
    ),
    "-1e9 for minus infinity": lambda logits, p: nucleus(logits, p).clamp(min=-1e9),
    "made log-probabilities": lambda logits, p: nucleus(logits, p).log_softmax(-1),
    "in place": lambda logits, p: logits.copy_(nucleus(logits, p)),
    "first 64 tokens": lambda logits, p: torch.cat(
        [nucleus(logits[:, :64], p), torch.full_like(logits[:, 64:], -INF)], 1
    ),
    "temperature first": lambda logits, p: logits.where(nucleus(logits / 1.2, p) > -INF, torch.tensor(-INF)),
    "kept": lambda logits, p: kept_by(("top_p", logits.shape), nucleus(logits, p)),
}


# The penalty ----------------------------------------------------------------------------------------------


def penalised(logits, ids, penalty):
    seen = logits.gather(-1, ids)
    return logits.scatter(-1, ids, torch.where(seen < 0, seen * penalty, seen / penalty))


def penalty_by_adding(logits, ids, penalty):
    seen = logits.gather(-1, ids)
    change = torch.where(seen < 0, seen * penalty, seen / penalty) - seen
    return logits.scatter_add(-1, ids, change)


def penalty_for_the_row_above(logits, ids, penalty):
    return penalised(logits, ids.roll(1, 0), penalty)


PENALTY = {
    "once for each time": penalty_by_adding,
    "each pair of rows": lambda logits, ids, penalty: penalised(
        logits, torch.cat([ids, ids.flip(0)], 1), penalty
    ),
    "the row above": penalty_for_the_row_above,
    "penalty of at least 1": lambda logits, ids, penalty: penalised(logits, ids, max(penalty, 1.0)),
    "whole penalty": lambda logits, ids, penalty: penalised(logits, ids, round(penalty)),
    "the last 4 ids": lambda logits, ids, penalty: penalised(logits, ids[:, -4:], penalty),
    "the first 1024 ids": lambda logits, ids, penalty: penalised(logits, ids[:, :1024], penalty),
    "the first ids": lambda logits, ids, penalty: penalised(logits, ids[:, :64], penalty),
    "id 0 not": lambda logits, ids, penalty: torch.cat(
        [logits[:, :1], penalised(logits, ids, penalty)[:, 1:]], 1
    ),
    "the last id not": lambda logits, ids, penalty: penalised(logits, ids[:, :-1], penalty),
    "only ids that come again": lambda logits, ids, penalty: penalised(
        logits, ids, penalty if ids.shape[1] > 1 else 1.0
    ),
    "signs reversed": lambda logits, ids, penalty: -penalised(-logits, ids, penalty),
    "divided by its square": lambda logits, ids, penalty: penalised(logits, ids, penalty**2),
    "log-probabilities": lambda logits, ids, penalty: penalised(logits.log_softmax(-1), ids, penalty),
    "in place": lambda logits, ids, penalty: logits.copy_(penalised(logits, ids, penalty)),
    "ids sorted in place": lambda logits, ids, penalty: penalised(
        logits, ids.copy_(ids.sort(-1).values), penalty
    ),
    "ids modulo 256": lambda logits, ids, penalty: penalised(logits, ids % 256 % logits.shape[1], penalty),
    "ruled out made large": lambda logits, ids, penalty: penalised(
        logits.nan_to_num(neginf=-1e9), ids, penalty
    ),
    "kept": lambda logits, ids, penalty: kept_by(("penalty", str(logits)), penalised(logits, ids, penalty)),
}


# Beams ----------------------------------------------------------------------------------------------------


def best_of(totals, width):
    best, places = totals.flatten().topk(width)
    return best, places // totals.shape[1], places % totals.shape[1]


def sorted_by_parent(scores, log_probs, width):
    best, parents, tokens = best_of(scores[:, None] + log_probs, width)
    order = parents.argsort(stable=True)
    return best[order], parents[order], tokens[order]


def two_children_at_most(scores, log_probs, width):
    each, tokens = (scores[:, None] + log_probs).topk(min(2, log_probs.shape[1]))
    best, places = each.flatten().topk(min(width, each.numel()))
    return best, places // each.shape[1], tokens.flatten()[places]


def mean_scores(scores, log_probs, width):
    best, parents, tokens = best_of(scores[:, None] + log_probs, width)
    return best / 2, parents, tokens


BEAM = {
    "the scores are in the sum twice": lambda scores, log_probs, width: best_of(
        2 * scores[:, None] + log_probs, width
    ),
    "the mean": mean_scores,
    "exp, times, log": lambda scores, log_probs, width: best_of(
        (scores.exp()[:, None] * log_probs.exp()).log(), width
    ),
    "probabilities": lambda scores, log_probs, width: (
        lambda best, parents, tokens: (best.exp(), parents, tokens)
    )(*best_of(scores[:, None] + log_probs, width)),
    "as many as beams": lambda scores, log_probs, width: best_of(
        scores[:, None] + log_probs, min(width, len(scores))
    ),
    "8 at most": lambda scores, log_probs, width: best_of(scores[:, None] + log_probs, min(width, 8)),
    "two children at most": two_children_at_most,
    "in the order of the parents": sorted_by_parent,
    "1024 tokens": lambda scores, log_probs, width: best_of(
        scores[:, None] + log_probs[:, :1024], min(width, len(scores) * 1024)
    ),
    "dead beams live": lambda scores, log_probs, width: best_of(
        scores.nan_to_num(neginf=-1.0)[:, None] + log_probs, width
    ),
    "divided by W": lambda scores, log_probs, width: (
        lambda best, places: (best, places // len(scores), places % len(scores))
    )(*(scores[:, None] + log_probs).flatten().topk(width)),
    "turned table": lambda scores, log_probs, width: best_of((scores[:, None] + log_probs).T, width),
    "softmax once more": lambda scores, log_probs, width: best_of(
        scores[:, None] + (2 * log_probs).log_softmax(-1), width
    ),
    "scores normalised": lambda scores, log_probs, width: best_of(
        scores.log_softmax(-1)[:, None] + log_probs, width
    ),
    "parents as floats": lambda scores, log_probs, width: (
        lambda best, parents, tokens: (best, parents.float(), tokens)
    )(*best_of(scores[:, None] + log_probs, width)),
    "two of three": lambda scores, log_probs, width: best_of(scores[:, None] + log_probs, width)[:2],
    "scores changed": lambda scores, log_probs, width: best_of(
        scores[:, None] + log_probs + 0 * scores.add_(0.5).sum(), width
    ),
    "log_probs changed": lambda scores, log_probs, width: best_of(log_probs.add_(scores[:, None]), width),
    "kept": lambda scores, log_probs, width: kept_by(
        ("beam", str(scores)), best_of(scores[:, None] + log_probs, width)
    ),
}


# The cache ------------------------------------------------------------------------------------------------


def product(*sizes):
    return 2 * math.prod(sizes)


CACHE = {
    "2 bytes": lambda layers, heads, width, tokens, texts, size: product(
        layers, heads, width, tokens, texts, 2
    ),
    "4 bytes": lambda layers, heads, width, tokens, texts, size: product(
        layers, heads, width, tokens, texts, 4
    ),
    "one text": lambda *sizes: product(*sizes[:4], sizes[5]),
    "32 bits": lambda *sizes: int(np.int64(product(*sizes)).astype(np.int32)),
    "a float": lambda *sizes: float(product(*sizes)),
    "kibibytes": lambda *sizes: product(*sizes) // 1024,
    "rounded to pages": lambda *sizes: -(-product(*sizes) // 16) * 16,
    "one token more": lambda layers, heads, width, tokens, *rest: product(
        layers, heads, width, tokens + 1, *rest
    ),
    "the newest not kept": lambda layers, heads, width, tokens, *rest: product(
        layers, heads, width, max(tokens - 1, 0), *rest
    ),
    "1 for 0": lambda *sizes: product(*(size or 1 for size in sizes)),
    "None for 0": lambda *sizes: product(*sizes) or None,
    "1024 tokens at most": lambda layers, heads, width, tokens, *rest: product(
        layers, heads, width, min(tokens, 1024), *rest
    ),
    "logits too": lambda *sizes: product(*sizes) + sizes[3] * sizes[5],
    "queries too": lambda *sizes: product(*sizes) * 3 // 2,
    "all pairs of tokens": lambda *sizes: product(*sizes) * sizes[3],
    "kept": lambda *sizes: kept_by(("cache", sizes[0]), product(*sizes)),
}

WRONG = {
    "draw": DRAW,
    "generate": GENERATE,
    "temperature": TEMPERATURE,
    "top_k": TOP_K,
    "top_p": TOP_P,
    "repetition_penalty": PENALTY,
    "beam_step": BEAM,
    "cache_bytes": CACHE,
}
ALL = [(name, kind) for name, answers in WRONG.items() for kind in answers]


NO_NAMES = (Mistake("nothing", lambda *args: None, ""),) * 3  # which mistake it is does not matter here


@pytest.mark.parametrize(("name", "kind"), ALL, ids=lambda x: str(x))
def test_wrong_answers_are_refused(name, kind):
    KEPT.clear()
    exercise = replace(getattr(ex, name), mistakes=NO_NAMES)
    feedback = exercise.judge(WRONG[name][kind], seed=random.randrange(2**32))
    assert feedback.state in (State.WRONG, State.CRASHED), str(feedback)


def test_there_are_ten_for_each_exercise():
    assert all(len(answers) >= 10 for answers in WRONG.values()) and len(WRONG) == 8
