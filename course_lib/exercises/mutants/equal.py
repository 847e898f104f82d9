"""Mutants that survive and should: on every input that the exercise allows, they do what the reference does.

By exercise: a reason, and under it the names of the mutants for which it holds; `*` stands for anything. It
holds nothing else.
"""

from __future__ import annotations

from course_lib.exercises.mutants.listed import read

_LISTED = r"""
start_here.most_likely_next
  Every count is larger, or twice as large, so the largest stays the largest.
    whole number changed: 0 -> 1
    whole number changed: 0 -> -1
    whole number changed: 1 -> 2 #3
tokens.learn_merges
  No UTF-8 text holds the byte 255, so its place may go to the first new token.
    last forgotten: range(256) -> without_last(range(256))
    whole number changed: 256 -> 255
tokens.encode_piece
  A single id has no pair, so the loop ends at `if not known` just the same.
    condition forced: while len(ids) > 1: -> while True:
    comparison changed: len(ids) > 1 -> len(ids) >= 1
    whole number changed: 1 -> 0
  Only the pair that was learned first is taken, and no two were learned at the same time.
    repeats forgotten: pairwise(ids) -> without_repeats(pairwise(ids))
    walked backwards: pairwise(ids) -> backwards(pairwise(ids))
    tie broken the other way: min(known, key=merges.get) -> min(reversed(list(k...ey=merges.get)
  The ids have the same values in the list that was given.
    call dropped: list: list(ids) -> ids
tokens.decode_ids
  UTF-8 is Python's default.
    last argument dropped: b''.join((vocabular...ors='replace') -> b''.join((vocabular...ors='replace')
  Python knows UTF-8 by this name too.
    text changed: 'utf-8' -> 'utf-'
tokens.bytes_per_token
  Nothing is kept of the order in which things are added up.
    list sorted: texts
    list reversed: texts
  The result is never empty or 0.
    result spoilt: None for what is falsy
tokens.digit_tokenizer
  The part before it has taken all spaces but one.
    text changed: "'(?:[sdmt]|ll|ve|r...+(?!\\S)|\\s+" -> "'(?:[sdmt]|ll|ve|r...s+(?!\\S)|\\s"
context.cross_entropy
  The tensor has two axes, so the last one is number 1.
    not, ~ or - dropped: -1 -> 1
    not, ~ or - dropped: -1 -> 1 #2
context.bigram_probabilities
  Nothing is kept of the order in which things are added up.
    walked backwards: for before, after in pairwise(ids): -> for before, after i...airwise(ids)):
  The counts are divided by their sum, which is twice as large too.
    whole number changed: 1 -> 2
  Where a sum is 0, `where` takes the other side.
    call dropped: clamp: totals.clamp(min=1) -> totals
    whole number changed: 1 -> 0 #3
context.nearest
  The tensor has two axes, so the last one is number 1.
    not, ~ or - dropped: -1 -> 1
  A cosine is at least -1, so this is below all of them.
    infinity replaced: -torch.inf -> -100.0
    infinity replaced: -torch.inf -> -1000000000.0
  `topk` gives every index once.
    result spoilt: list's repeats lost
context.sinusoidal_positions
  The division makes floats of whole numbers.
    call dropped: float: torch.arange(T).float() -> torch.arange(T)
    call dropped: float: torch.arange(0, width, 2).float() -> torch.arange(0, width, 2)
  Every place of the table is filled afterwards.
    function exchanged: torch.zeros(T, width) -> torch.ones(T, width)
  A slice begins at 0 if nothing is said.
    slice open: 0::2 -> ::2
attention.scaled_dot_product
  e to this power is 0 in floats too, and every query sees a key.
    infinity replaced: float('-inf') -> -1000000000.0
attention.multi_head_attention
  e to this power is 0 in floats too, and every query sees a key.
    infinity replaced: float('-inf') -> -1000000000.0
  There are four axes, so the last but one is number 2.
    not, ~ or - dropped: -2 -> 2
  A mask is always given here.
    condition forced: if mask is not None: -> if True:
model.count_parameters
  Both count rows of the same width.
    arguments swapped: vocab_size, context_length
training.clip_gradients
  Nothing is kept of the order in which things are added up.
    walked backwards: gradients -> backwards(gradients)
  It guards against a length of 0, where a factor of 1 or infinity, cut to 1, gives 0 too.
    operand dropped: length + 1e-06 -> length
    number changed: 1e-06 -> 0.0
    number changed: 1e-06 -> 2e-06
    number changed: 1e-06 -> 1e-07
training.accumulate
  Nothing is kept of the order in which things are added up.
    walked backwards: for x, y in batches: -> for x, y in backwards(batches):
    tensor rows reversed: batches
    list sorted: batches
    list reversed: batches
  A tensor with one number divides as that number does.
    call dropped: int: int((y != -100).sum()) -> (y != -100).sum()
training.fit_power_law
  The distances of x from its mean sum to 0, so whatever is the same for all y has no effect.
    operator changed: y - y.mean() -> y + y.mean()
    operand dropped: y - y.mean() -> y
    function exchanged: y.mean() -> y.sum()
generation.temperature
  Nothing can be divided by a temperature of 0.
    float 0 taken for 1: value
    falsy refused: value
generation.top_k
  The tensor has two axes, so the last one is number 1.
    not, ~ or - dropped: -1 -> 1
generation.top_p
  The tensor has two axes, so the last one is number 1.
    not, ~ or - dropped: -1 -> 1*
generation.draw
  The tensor has two axes, so the last one is number 1.
    not, ~ or - dropped: -1 -> 1
    not, ~ or - dropped: -1 -> 1 #2
    not, ~ or - dropped: -1 -> 1 #4
  A die lies between 0 and 1.
    floats cut at 50: dice
generation.repetition_penalty
  The tensor has two axes, so the last one is number 1.
    not, ~ or - dropped: -1 -> 1
    not, ~ or - dropped: -1 -> 1 #2
  0 stays 0, divided or multiplied.
    comparison changed: seen < 0 -> seen <= 0
  Each token that was seen is written to its own place, in whatever order.
    tensor rows sorted: ids
  Nothing can be divided by a penalty of 0.
    float 0 taken for 1: penalty
    falsy refused: penalty
generation.cache_bytes
  A product has the same value in any order.
    arguments swapped: *
interop.agreement
  The sign is taken away afterwards.
    operands exchanged: ours - theirs -> theirs - ours
  Two models agree as much one way as the other.
    arguments swapped: ours, theirs
interop.our_name
  A digit follows, which is not among the letters that are taken away.
    function exchanged: part.removeprefix('transformer.h.') -> part.lstrip('transformer.h.')
  GPT-2's names are short and hold small letters, digits, underscores and full stops only.
    text *: theirs
    long text cut at 64: theirs
    result spoilt: stripped
    result spoilt: in small letters
  The result is never empty or 0.
    result spoilt: None for what is falsy
interop.byte_letters
  The list is asked for bytes only, and 256 is none.
    whole number changed: 256 -> 257
  The result is never empty or 0.
    result spoilt: None for what is falsy
interop.weight_bytes
  Sums and products have the same value in any order.
    list sorted: shapes
    list reversed: shapes
    inner tuple sorted: shapes
    inner tuple reversed: shapes
interop.chat_request
  The result is never empty or 0.
    result spoilt: None for what is falsy
finetuning.pad_batch
  The longest is the longest in any order.
    walked backwards: examples -> backwards(examples)
  Each row is filled by its own number.
    walked backwards: for row, (ids, targ...ate(examples): -> for row, (ids, targ...te(examples)):
finetuning.lora_forward
  W is a matrix.
    tensor one axis refused: weight
finetuning.merge
  W and B are matrices.
    tensor one axis refused: weight
    tensor one axis refused: b
finetuning.lora_count
  A sum has the same value in any order, and out and in count alike.
    list sorted: shapes
    list reversed: shapes
    inner tuple sorted: shapes
    inner tuple reversed: shapes
finetuning.exact_match
  Both answers are turned round.
    walked backwards: kept.split() -> backwards(kept.split())
  Only letters, digits and spaces are left by then.
    other words: kept.split() -> __import__('re').fi...('\\w+', kept)
  Equal is equal both ways.
    arguments swapped: answer, right
finetuning.token_f1
  It can't be below 0.
    comparison changed: shared == 0 -> shared <= 0
  Precision and recall change places, and F1 treats them alike.
    arguments swapped: answer, right
  Words are counted, wherever they stand.
    list sorted: answer
    list sorted: right
    list reversed: answer
    list reversed: right
translation.clipped_precision
  The pieces at the end are shorter than n words, and no n-gram equals one.
    range one longer: range(len(reference) - n + 1) -> range(len(reference) - n + 1 + 1)
    operator changed: len(reference) - n -> len(reference) + n
    operand dropped: len(reference) - n -> len(reference)
    whole number changed: 1 -> 2 #2
  An n-gram has at least one word.
    whole 0 taken for 1: n
    falsy refused: n
translation.brevity_penalty
  It can't be below 0.
    comparison changed: hypothesis_length == 0 -> hypothesis_length <= 0
  Where both are as long, the penalty is exp(0), which is 1 as well.
    comparison changed: hypothesis_length >...ference_length -> hypothesis_length > reference_length
translation.bleu_score
  It can't be below 0.
    comparison changed: hypothesis_length == 0 -> hypothesis_length <= 0
    comparison changed: matches == 0 -> matches <= 0
  Nothing is kept of the order in which things are added up.
    walked backwards: precisions -> backwards(precisions)
    list sorted: precisions
    list reversed: precisions
  There are never more matches than n-grams, so each pair is sorted already.
    inner tuple sorted: precisions
translation.chrf_score
  Nothing is kept of the order in which things are added up.
    walked backwards: for k in range(1, n + 1): -> for k in backwards(range(1, n + 1)):
  It can't be below 0.
    comparison changed: sum(precisions) == 0 -> sum(precisions) <= 0
translation.strongest_source
  The tensor has two axes, so the last one is number 1.
    not, ~ or - dropped: -1 -> 1
  Attention lies between 0 and 1.
    floats cut at 50: attn
sentiment.bag_of_words
  Words are counted, wherever they stand.
    walked backwards: text.lower().split() -> backwards(text.lower().split())
sentiment.logistic_gradient
  y holds 0 and 1 only.
    floats rounded: y
    floats half precision: y
    floats tiny made 0: y
    floats cut at 50: y
sentiment.last_hidden
  A text has at least one token.
    wholes 0 taken for 1: lengths
sentiment.label_scores
  Nothing is kept of the order in which things are added up.
    inner list sorted: logprobs
    inner list sorted: prior
    inner list reversed: logprobs
    inner list reversed: prior
sentiment.confusion_matrix
  Nothing is kept of the order in which things are added up.
    walked backwards: for label, guess in... strict=True): -> for label, guess in...strict=True)):
sentiment.calibration_error
  Nothing is kept of the order in which things are added up.
    walked backwards: for number in range(bins): -> for number in backw...(range(bins)):
  No confidence is above 1, so the bin behind the last is empty.
    range one longer: for number in range(bins): -> for number in range(bins + 1):
  The sign is taken away afterwards.
    operands exchanged: right[inside].float...inside].mean() -> confidences[inside]...float().mean()
  A tensor with one number is taken for that number.
    call dropped: float: float(inside.float(...) * gap.abs()) -> inside.float().mean() * gap.abs()
  A confidence lies between 0 and 1.
    floats cut at 50: confidences
assistant.render_chat
  A conversation begins with its mark, so the text is never empty.
    result spoilt: None for what is falsy
assistant.encode_safely
  A conversation begins with its mark, so the list is never empty.
    result spoilt: None for what is falsy
assistant.keep_recent
  There is one message at most in that slice.
    loop run once: messages[:1] -> only_first(messages[:1])
    repeats forgotten: messages[:1] -> without_repeats(messages[:1])
    walked backwards: messages[:1] -> backwards(messages[:1])
assistant.cut_at_stop
  The words are "stop" and "length", as they stand.
    result spoilt: in small letters
    result spoilt: stripped
assistant.points_covered
  Nothing is kept of the order in which things are added up.
    walked backwards: for point in points: -> for point in backwards(points):
    list sorted: points
    list reversed: points
"""

EQUAL = read(_LISTED)
