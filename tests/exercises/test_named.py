"""Mistakes as people write them, from tokens to generation: each gets its own name, and no other."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F

from course_lib.attention import exercises as attention
from course_lib.context import exercises as context
from course_lib.generation import exercises as generation
from course_lib.model import exercises as model
from course_lib.tokens import exercises as tokens
from course_lib.training import exercises as training

INFINITY = math.inf

# Tokens -----------------------------------------------------------------------------------------------------


def merge_without_jumping(ids, pair, new_id):
    merged = []
    for i in range(len(ids)):
        merged.append(new_id if tuple(ids[i : i + 2]) == pair else ids[i])
    return merged


def merge_with_a_jump_that_a_for_forgets(ids, pair, new_id):
    merged = []
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
    return merged


def learn_with_a_byte_for_each_id(pieces, how_many):
    vocabulary = [bytes([id]) for id in range(256 + how_many)]
    ids, merges = [id for piece in pieces for id in (*piece, -1)], []
    for new_id in range(256, 256 + how_many):
        counts = tokens.count_pairs.reference(ids)
        if not counts:
            break
        pair = max(counts, key=counts.get)
        ids = tokens.merge_pair.reference(ids, pair, new_id)
        merges.append((vocabulary[pair[0]], vocabulary[pair[1]]))
    return merges


def encode_until_one_is_left(ids, merges):
    while len(ids) > 1:
        first = min((pair for pair in pairwise(ids) if pair in merges), key=lambda pair: merges[pair])
        ids = tokens.merge_pair.reference(ids, first, merges[first])
    return list(ids)


SAME_ONE_STAYS = "the right one of the pair stays behind"
TOKENS = [
    (tokens.merge_pair, merge_without_jumping, SAME_ONE_STAYS),
    (tokens.merge_pair, merge_with_a_jump_that_a_for_forgets, SAME_ONE_STAYS),
    (
        tokens.encode_piece,
        encode_until_one_is_left,
        "it has no way out when no known pair is left",
    ),
    (tokens.learn_merges, learn_with_a_byte_for_each_id, "the bytes of new tokens are not looked up"),
]

# Context ----------------------------------------------------------------------------------------------------


def windows_by_view(ids, T):
    count = len(ids) // T
    return ids[: count * T].view(-1, T), ids[1 : count * T + 1].view(-1, T)


def windows_by_stacking(ids, T):
    rows = [(ids[i * T : (i + 1) * T], ids[i * T + 1 : (i + 1) * T + 1]) for i in range(len(ids) // T)]
    return torch.stack([x for x, _ in rows]), torch.stack([y for _, y in rows])


def windows_to_the_end(ids, T):
    starts = range(0, len(ids), T)
    return torch.stack([ids[s : s + T] for s in starts]), torch.stack(
        [ids[s + 1 : s + T + 1] for s in starts]
    )


def windows_less_one(ids, T):
    count = len(ids) // T - 1
    return ids[: count * T].view(count, T), ids[1 : count * T + 1].view(count, T)


def pair_counts(ids, vocab_size):
    counts = torch.zeros(vocab_size, vocab_size)
    for before, after in pairwise(ids.tolist()):
        counts[before, after] += 1
    return counts


def bigram_with_rows_mended(ids, vocab_size):
    counts = pair_counts(ids, vocab_size)
    totals = counts.sum(1)
    shares = counts / totals
    shares[totals == 0] = 1 / vocab_size
    return shares


def bigram_with_holes_filled(ids, vocab_size):
    counts = pair_counts(ids, vocab_size)
    return torch.nan_to_num(counts / counts.sum(-1), 1 / vocab_size)


def backed_off(part_of, longest_first=False):
    def backoff(ids, context, vocab_size):
        line, recent = ids.tolist(), context.tolist()
        probabilities = torch.ones(vocab_size) / vocab_size
        for n in sorted(range(len(recent) + 1), reverse=longest_first):
            part, counts = part_of(recent, n), torch.zeros(vocab_size)
            for i in range(n, len(line)):
                counts[line[i]] += line[i - n : i] == part
            probabilities = (counts + probabilities) / (counts.sum() + 1)
        return probabilities

    return backoff


def backoff_to_nothing_that_was_counted(ids, context, vocab_size):
    line, recent = ids.tolist(), context.tolist()
    probabilities = torch.ones(vocab_size) / vocab_size
    for n in range(1, len(recent) + 1):
        counts = torch.zeros(vocab_size)
        for i in range(n, len(line)):
            counts[line[i]] += line[i - n : i] == recent[-n:]
        probabilities = (counts + probabilities) / (counts.sum() + 1)
    return probabilities


def one_hot_of(count):
    return lambda ids, table: F.one_hot(ids, count(ids, table)).to(table.dtype) @ table


def nearest_after_the_first(vectors, index, k):
    unit = F.normalize(vectors, dim=-1)
    return (unit @ unit[index]).topk(k + 1).indices[1:].tolist()


BACKWARDS, NOT_COUNTED = "the context is read backwards", "how frequent the tokens are is not counted"
OF_THE_BATCH = "the size of the batch is taken for the number of tokens"
CONTEXT = [
    (context.windows, windows_by_view, "there are `len(ids) // T` windows"),
    (context.windows, windows_by_stacking, "there are `len(ids) // T` windows"),
    (context.windows, windows_less_one, "there are `len(ids) // T - 1` windows"),
    (context.windows, windows_to_the_end, "the short last piece is kept"),
    (context.bigram_probabilities, bigram_with_rows_mended, "the totals have lost their axis"),
    (context.bigram_probabilities, bigram_with_holes_filled, "the totals have lost their axis"),
    (context.backoff, backed_off(lambda recent, n: recent[::-1][:n]), BACKWARDS),
    (context.backoff, backed_off(lambda recent, n: recent[::-1][len(recent) - n :]), BACKWARDS),
    (context.backoff, backed_off(lambda recent, n: recent[:n]), "the wrong end of the context counts"),
    (context.backoff, backed_off(lambda recent, n: recent[-n:]), NOT_COUNTED),
    (context.backoff, backoff_to_nothing_that_was_counted, NOT_COUNTED),
    (
        context.backoff,
        backed_off(lambda recent, n: recent[len(recent) - n :], longest_first=True),
        "the shortest context has the last word",
    ),
    (
        context.embedding_lookup,
        one_hot_of(lambda ids, table: len(table) + 1),
        "the one-hot rows are not as long as the table",
    ),
    (context.embedding_lookup, one_hot_of(lambda ids, table: len(ids)), OF_THE_BATCH),
    (context.embedding_lookup, one_hot_of(lambda ids, table: ids.shape[1]), OF_THE_BATCH),
    (
        context.embedding_lookup,
        one_hot_of(lambda ids, table: table.shape[1]),
        "the width of the vectors is taken for the number of tokens",
    ),
    (
        context.nearest,
        nearest_after_the_first,
        "the first in the order is taken for the vector itself",
    ),
]

# Attention and model ----------------------------------------------------------------------------------------


def window_of(may_look):
    return lambda T, window: may_look(torch.arange(T)[:, None], torch.arange(T), window)


def heads_that_attend_to_each_other(mask_of):
    def multi_head_attention(x, w_q, w_k, w_v, w_out, n_heads):
        B, T, C = x.shape
        q, k, v = ((x @ w).view(B, T, n_heads, C // n_heads) for w in (w_q, w_k, w_v))
        return attention.scaled_dot_product.reference(q, k, v, mask_of(T)).reshape(B, T, C) @ w_out

    return multi_head_attention


def norm_without_axes(x, weight, bias, eps=1e-5):
    return (x - x.mean(-1)) / torch.sqrt(x.var(-1, correction=0) + eps) * weight + bias


def norm_whose_spread_has_no_axis(x, weight, bias, eps=1e-5):
    centred = x - x.mean(-1, True)
    return centred / torch.sqrt((centred**2).mean(-1) + eps) * weight + bias


def norm_over(dim, eps_of=lambda eps: eps):
    def layer_norm(x, weight, bias, eps=1e-5):
        centred = x - x.mean(dim, keepdim=True)
        return centred / torch.sqrt((centred**2).mean(dim, keepdim=True) + eps_of(eps)) * weight + bias

    return layer_norm


def half_of_the_keys(vocab_size, context_length, width, n_layers):
    return 2 * width * (12 * n_layers * width + vocab_size + n_layers * (context_length + 1))


APART, ITSELF = "each token attends to its own heads", "the token itself is left out"
SHAPES = [
    (attention.causal_window, window_of(lambda q, k, w: (k < q) & (k > q - w)), ITSELF),
    (attention.causal_window, window_of(lambda q, k, w: (k < q) & (q - k <= w)), ITSELF),
    (attention.causal_window, window_of(lambda q, k, w: (k <= q) & (q - k < w - 1)), "one key too few"),
    (attention.multi_head_attention, heads_that_attend_to_each_other(lambda T: None), APART),
    (
        attention.multi_head_attention,
        heads_that_attend_to_each_other(lambda T: torch.ones(T, T).tril().bool()),
        APART,
    ),
    (model.layer_norm, norm_without_axes, "`keepdim=True` is missing"),
    (model.layer_norm, norm_whose_spread_has_no_axis, "`keepdim=True` is missing"),
    (model.layer_norm, norm_over(0), "mean and variance are taken over the axis 0"),
    (model.layer_norm, norm_over(-1, lambda eps: 1e-6), "eps is always 1e-6"),
    (
        model.rms_norm,
        lambda x, weight, eps=1e-5: x * ((x * x).mean(1, True) + eps).rsqrt() * weight,
        "the mean square is taken over the axis 1",
    ),
    (model.flops_per_token, half_of_the_keys, "only half of attention's products"),
]

# Training and generation ------------------------------------------------------------------------------------


def accumulate_whole_means(model, batches):
    losses = []
    for x, y in batches:
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        loss.backward()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def nucleus_left_in_sorted_order(logits, p):
    sums = logits.softmax(-1).sort(descending=True).values.cumsum(-1)
    return logits.masked_fill(sums > p, -INFINITY)


def beams_by_themselves(scores, log_probs, width):
    each, tokens = log_probs.topk(width)
    best, places = (scores[:, None] + each).flatten().topk(width)
    return best, places.div(width, rounding_mode="floor"), tokens.flatten()[places]


def drawn_from(heights, passed=torch.le):
    return lambda logits, dice: passed(heights(logits).cumsum(-1), dice[:, None]).sum(-1)


GENERATION = [
    (training.accumulate, accumulate_whole_means, "the loss is divided, the gradients are not"),
    (
        generation.beam_step,
        beams_by_themselves,
        "a beam is asked for more tokens than there are",
    ),
    (generation.top_p, nucleus_left_in_sorted_order, "the mask stays in sorted order"),
    (generation.draw, drawn_from(lambda logits: logits, torch.lt), "the softmax is left out"),
    (generation.draw, drawn_from(torch.exp), "the softmax is not finished"),
]

ALL = [*TOKENS, *CONTEXT, *SHAPES, *GENERATION]


def titled(value):
    return value if isinstance(value, str) else getattr(value, "name", "")


@pytest.mark.parametrize(("exercise", "answer", "name"), ALL, ids=titled)
def test_mistakes_are_named_as_people_write_them(exercise, answer, name):
    assert replace(exercise, draws=4).judge(answer, seed=1).mistake == name
