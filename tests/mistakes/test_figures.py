"""Mistakes that people make with figures, and their sentences: said before anything is drawn."""

from __future__ import annotations

import math
from types import SimpleNamespace as Thing

import matplotlib
import numpy
import pytest
import torch
from matplotlib import pyplot

from course_lib import figures
from course_lib.assistant import views as assistant
from course_lib.attention import views as attention
from course_lib.context import views as context
from course_lib.figures.arguments import checked
from course_lib.finetuning import views as finetuning
from course_lib.generation import views as generation
from course_lib.interop import views as interop
from course_lib.model import views as model
from course_lib.sentiment import views as sentiment
from course_lib.start_here import views as start_here
from course_lib.tokens import CharTokenizer
from course_lib.tokens import views as tokens
from course_lib.training import views as training
from course_lib.translation import views as translation

matplotlib.use("Agg")
TOKENIZER = CharTokenizer.train("no yes", ["<|endoftext|>"])
RUN = Thing(steps=[1, 2], train_losses=[3.0, 2.0], val_steps=[2], val_losses=[2.5])


def nothing(*_):
    return []


MISTAKES = {
    "lines of nothing": (
        lambda: figures.curves(None, "n", "loss"),
        "curves got lines=None; it must be a dictionary of names with tuples (a list of "
        "numbers, a list of numbers).",
    ),
    "a point without its height": (
        lambda: figures.curves({"a": ([1, 2], [3])}, "n", "loss"),
        "curves, in 'a', got x for 2, y for 1; give equally many.",
    ),
    "a text as a height": (
        lambda: figures.curves({"a": ([1], ["3"])}, "n", "loss"),
        "curves got lines['a'][1][0]='3'; it must be a finite number.",
    ),
    "an unknown axis": (
        lambda: figures.curves({}, "n", "loss", log="z"),
        "curves got log='z'; it must be one of '', 'x', 'y', 'xy', 'yx'.",
    ),
    "a floor in words": (
        lambda: figures.curves({}, "n", "loss", floor="low"),
        "curves got floor='low'; it must be a finite number.",
    ),
    "axes that are none": (
        lambda: figures.curves({}, "n", "loss", ax=5),
        "ax is 5, but it must be Axes, as matplotlib's subplots() gives them, or None",
    ),
    "a live curve over epochs": (
        lambda: figures.LiveCurve(x="epoch"),
        "LiveCurve got x='epoch'; it must be one of 'step', 'tokens', 'seconds'.",
    ),
    "a live curve that looks back": (
        lambda: figures.LiveCurve(every=-1),
        "LiveCurve got every=-1; it must be a number of seconds, 0 or more.",
    ),
    "a curve of nothing": (
        lambda: figures.loss_curve(None),
        "loss_curve got history=None; it must be a History, as train gives it, or a list of "
        "its records.",
    ),
    "a curve of numbers": (
        lambda: figures.loss_curve([3.0, 2.0]),
        "loss_curve got history=[3.0, 2.0]; it must be a History, as train gives it, or a "
        "list of its records.",
    ),
    "no losses": (
        lambda: figures.loss_ladder({}, 0.5),
        "loss_ladder got losses={}; it must be a dictionary of names with numbers, at least one.",
    ),
    "a loss that is NaN on a ladder": (
        lambda: figures.loss_ladder({"a": math.nan}, 0.5),
        "loss_ladder got losses['a']=nan; it must be a finite number.",
    ),
    "a share without its interval": (
        lambda: figures.shares({"a": (1, 2)}, {}, "right"),
        "shares got intervals={}; it must be a dictionary of names with tuples (a number, a "
        "number), at least one.",
    ),
    "an interval upside down": (
        lambda: figures.shares({"a": (1, 2)}, {"a": (0.9, 0.1)}, "right"),
        "shares got intervals=(0.9, 0.1); it must be a lower and an upper end from 0 to 1.",
    ),
    "four scores in a row": (
        lambda: figures.scores({"a": dict.fromkeys("wxyz", (2, 1, 3))}, "chrF"),
        "scores got 4 scores in a row; it has colours for 3: give fewer.",
    ),
    "a picture of a number": (
        lambda: figures.picture(5),
        "picture got drawn=5; it must be Axes or a figure of matplotlib, as the course's "
        "figures are.",
    ),
    "a number as HTML": (
        lambda: figures.Html(5),
        "Html got html=5; it must be a text.",
    ),
    "a quote of nothing": (
        lambda: figures.quote(None),
        "quote got text=None; it must be a text.",
    ),
    "one row of numbers in a table": (
        lambda: figures.number_table([1.0], ["a"], ["b"]),
        "number_table got values[0]=1.0; it must be a list of numbers.",
    ),
    "fewer than no digits": (
        lambda: figures.number_table([[1.0]], ["a"], ["b"], digits=-1),
        "number_table got digits=-1; it must be a whole number from 0 to 30.",
    ),
    "tables in a list": (
        lambda: figures.beside(["a"]),
        "beside got tables=['a']; it must be a dictionary of names with several Html.",
    ),
    "a number in a table of texts": (
        lambda: figures.table(["a"], [[5]]),
        "table got rows[0][0]=5; it must be a text.",
    ),
    "tokens without a tokenizer": (
        lambda: figures.tokens_html("no", None),
        "tokens_html got tokenizer=None; it must be an object with token_bytes.",
    ),
    "tokens of nothing": (
        lambda: figures.tokens_html(None, TOKENIZER),
        "tokens_html got None; it needs a list of token ids, e.g. [3, 1].",
    ),
    "labels of a text": (
        lambda: figures.token_labels("no", TOKENIZER),
        "token_labels got 'no', a text; it needs token ids: tokenizer.encode(text) gives them.",
    ),
    "probabilities of nothing": (
        lambda: figures.token_probabilities_html([0], None, TOKENIZER),
        "token_probabilities_html got probabilities=None; it must be a list of numbers or None.",
    ),
    "bars without labels": (
        lambda: figures.probability_bars([0.5, 0.5], ["a"]),
        "probability_bars got labels=['a']; it must be a tokenizer, or a list of one text per "
        "probability.",
    ),
    "marks that are words": (
        lambda: figures.learned(["a"], ["yes"]),
        "learned got counts[0]='yes'; it must be True or False.",
    ),
    "a talk of a text": (
        lambda: assistant.transcript("Hi!"),
        'A conversation got \'Hi!\'; needed a list of messages, [{"role": "user", "content": '
        '"Hello!"}].',
    ),
    "a message longer than nothing": (
        lambda: assistant.fitting(["user"], [-1], [True], 8),
        "fitting got a length=-1; it must be a whole number of at least 0.",
    ),
    "more roles than lengths": (
        lambda: assistant.fitting(["user"], [], [], 8),
        "fitting got roles for 1, lengths for 0, kept for 0; give equally many.",
    ),
    "a chat that can't be sent": (
        lambda: assistant.ChatBox(5, nothing, nothing),
        "ChatBox got send=5; it must be a function.",
    ),
    "a chat with an unknown button": (
        lambda: assistant.ChatBox(nothing, nothing, nothing, words={"sned": "Go"}),
        "ChatBox got words for 'sned', which it does not have; it has send, stop, clear, hint.",
    ),
    "rows for other tokens": (
        lambda: attention.heads_table([[1, 2]], ["a", "b"], 2),
        "heads_table got 2 tokens and 1 rows of numbers, the first of 2; give a row for each "
        "token, all equally long.",
    ),
    "no heads": (
        lambda: attention.heads_table([[1, 2]], ["a"], 0),
        "heads_table got n_heads=0; it must be a whole number of at least 1.",
    ),
    "a place behind the text": (
        lambda: attention.reading(["a"], [1.0], 1),
        "reading got place=1; it must be a whole number from 0 to 0.",
    ),
    "a weight below 0": (
        lambda: attention.reading(["a"], [-1.0], 0),
        "reading got weights=-1.0; it must be a number from 0 to 1.",
    ),
    "a mask of a text": (
        lambda: attention.masks_picture({"all": "x"}),
        "masks_picture got masks['all']='x'; it must be a list of lists of numbers.",
    ),
    "a mask of numbers": (
        lambda: attention.masks_picture({"all": [[0.5]]}),
        "masks_picture got masks['all']=[[0.5]]; it must be (T, S), True or False.",
    ),
    "an arrow in space": (
        lambda: attention.arrows(("a", (1, 2, 3)), {"b": (1, 2)}),
        "arrows got query[1]=(1, 2, 3); it must be (a number, a number).",
    ),
    "bars up to nothing": (
        lambda: attention.weight_bars({"a": [1.0]}, top=0),
        "weight_bars got top=0; it must be a number above 0.",
    ),
    "steps with too few keys": (
        lambda: attention.attention_steps(["a", "b"], 1, [1], [[1]], [1, 1], [1, 0], [[1], [1]], [1]),
        "attention_steps got 1 keys for 2 tokens; give one each.",
    ),
    "a mask that is not square": (
        lambda: attention.masking([[1]], [[True, False]], [[1]], ["a"]),
        "masking got mask=[[True, False]]; it must be (1, 1), a row and a column for each token.",
    ),
    "a mask of other numbers": (
        lambda: attention.masking([[1]], [[2]], [[1]], ["a"]),
        "masking got mask=[[2]]; it must be (1, 1), True or False.",
    ),
    "heads that don't divide the width": (
        lambda: attention.split_picture([[1, 2, 3]], ["a"], 2),
        "split_picture got 3 numbers for 2 heads; give a multiple.",
    ),
    "rows of different length": (
        lambda: attention.split_picture([[1, 2], [3]], ["a", "b"], 2),
        "split_picture got x=[[1, 2], [3]]; it must be (2, C), as many numbers for each token.",
    ),
    "a plan with too many heads": (
        lambda: attention.multi_head_plan(7),
        "multi_head_plan got n_heads=7; it must be a whole number from 1 to 6.",
    ),
    "a stacked matrix of no heads": (
        lambda: attention.stacked_matrix(0),
        "stacked_matrix got n_heads=0; it must be a whole number from 1 to 6.",
    ),
    "attention of one token": (
        lambda: attention.attention_map([1.0], ["a"]),
        "attention_map got attn[0]=1.0; it must be a list of numbers.",
    ),
    "a map of another size than its tokens": (
        lambda: attention.head_maps({"a": [[1]]}, ["x", "y"]),
        "head_maps got maps['a']=[[1]]; it must be (2, 2), a row and a column for each token.",
    ),
    "maps below 0": (
        lambda: attention.head_maps({"a": [[-1]]}, ["x"]),
        "head_maps got maps['a']=-1; it must be a number from 0 to 1.",
    ),
    "inputs without targets": (
        lambda: context.window_table(["a", "b"], ["b"]),
        "window_table got inputs for 2, targets for 1; give equally many.",
    ),
    "a reach below 0": (
        lambda: context.reach_table(["a"], {"bigram": -1}),
        "reach_table got reach['bigram']=-1; it must be a whole number of at least 0.",
    ),
    "neighbours without a number": (
        lambda: context.neighbours_table({"red": ["blue"]}),
        "neighbours_table got neighbours['red'][0]='blue'; it must be (a text, a number).",
    ),
    "a surprise at 0": (
        lambda: context.surprise_curve([0]),
        "surprise_curve got marked=0; it must be probabilities above 0 and up to 1.",
    ),
    "words in space": (
        lambda: context.word_map([[0.0, 0.0, 0.0]], {"days": ["Monday"]}),
        "word_map got points[0]=[0.0, 0.0, 0.0]; it must be (a number, a number).",
    ),
    "a table with a gap": (
        lambda: context.position_waves([[0.0, 1.0], [0.0]]),
        "position_waves got rows of different lengths; give a table (T, C).",
    ),
    "a pair of three": (
        lambda: context.turned_pairs([1, 0, 0], [0, 1], (3, 1), 0.0),
        "turned_pairs got query=[1, 0, 0]; it must be (a number, a number).",
    ),
    "an unknown label": (
        lambda: finetuning.side_path(words={"frosen": "gefroren"}),
        "side_path got words for 'frosen', which it does not have; it has frozen, learned, sum.",
    ),
    "a rate of 0": (
        lambda: finetuning.rates([0.0], [1.0], [1.0], 1.0),
        "rates got 0.0; give numbers above 0.",
    ),
    "a rank that is not there": (
        lambda: finetuning.lora_sizes([1, 2], [100, 200], 1000, here=3),
        "lora_sizes got here=3; it must be one of the ranks 1, 2.",
    ),
    "fewer labels than probabilities": (
        lambda: generation.reshaped([0.5, 0.5], {"a": [1.0, 0.0]}, ["hat"]),
        "reshaped got before for 2, labels for 1, after a for 2; give equally many.",
    ),
    "half a distribution": (
        lambda: generation.end_to_end([0.5], ["hat"]),
        "end_to_end got probabilities with the sum 0.5; it must be 1.",
    ),
    "a die of 2": (
        lambda: generation.end_to_end([1.0], ["hat"], dice=[2]),
        "end_to_end got dice=2; it must be a number from 0 to 1.",
    ),
    "a branch without its beginning": (
        lambda: generation.beam_tree([[("a b", 0.5)]], []),
        "beam_tree got 'a b' in step 1, but no 'a' before it.",
    ),
    "a histogram of nothing": (
        lambda: generation.chances_histogram([], {}, "nats"),
        "chances_histogram got values=[]; it must be a list of numbers, at least one.",
    ),
    "a cache without a prompt": (
        lambda: generation.cache_picture(0, 3),
        "cache_picture got prompt=0; it must be a whole number of at least 1.",
    ),
    "a batch of empty rows": (
        lambda: generation.batch_table([[]]),
        "batch_table got rows=[[]]; it must be a list of lists of texts, at least one of them "
        "with a text.",
    ),
    "a variety of 1": (
        lambda: generation.quality_curve({"a": [("T", 1.0, 0.3, (0.2, 0.4))]}, ("b", 0.9, 1.0)),
        "quality_curve got variety=1.0; it must be a number between 0 and 1.",
    ),
    "an unknown box": (
        lambda: interop.bridge(words={"file": "Datei"}),
        "bridge got words for 'file', which it does not have; it has ours, folder, classes, "
        "pipeline, server, client, out, in.",
    ),
    "letters of nothing": (
        lambda: interop.letter_grid(None),
        "letter_grid got letters=None; it must be a dictionary of names with texts.",
    ),
    "a tolerance of 0": (
        lambda: interop.difference_bars({"a": 1e-6}, {"a": 1.0}, 0),
        "difference_bars got tolerance=0; it must be a number above 0.",
    ),
    "a model of no size": (
        lambda: interop.memory_lines({"half": 16}, {"small": 0}, {}),
        "memory_lines got size of 'small'=0; it must be a number above 0.",
    ),
    "an unknown part of the plan": (
        lambda: model.gpt_plan(words={"x": "y"}),
        "gpt_plan got words for 'x', which it does not have; it has ids, norm, attention, "
        "head, logits, embed, stream, mlp, layers.",
    ),
    "a stage that is a number": (
        lambda: model.shape_table([5]),
        "shape_table got stages[0]=5; it must be an object with name, kind, parameters, "
        "shape_in, shape_out.",
    ),
    "parts that are texts": (
        lambda: model.part_bars({"toy": {"mlp": "1"}}),
        "part_bars got counts['toy']['mlp']='1'; it must be a whole number.",
    ),
    "weights of no words": (
        lambda: sentiment.weights(["a"], None),
        "weights got values=None; it must be a list of numbers.",
    ),
    "no trials": (
        lambda: sentiment.by_group({"a": {"b": (0, 0)}}, {"a": {"b": (0, 1)}}),
        "by_group got (0, 0); needed (hits, trials), e.g. (3, 10).",
    ),
    "fewer shares than counts": (
        lambda: sentiment.by_labels([20, 80], {"a": [(3, 4)]}, {"a": [(0.3, 0.9)]}),
        "by_labels, of 'a', got counts for 2, shares for 1, intervals for 1; give equally many.",
    ),
    "a confusion of other labels": (
        lambda: sentiment.confusion([[3, 1], [0, 4]], ["bad"]),
        "confusion got a table of 2 rows, the first of 2, and 1 labels; give a row and a "
        "column for each label.",
    ),
    "a bin without texts": (
        lambda: sentiment.sureness({"a": [(0.9, 0.6, 0)]}),
        "sureness got the count of 'a'=0; it must be a number of at least 1.",
    ),
    "a probability of 7": (
        lambda: sentiment.unfolding(["a"], {"GPT": [7]}),
        "unfolding got curves=7; it must be a number from 0 to 1.",
    ),
    "a value in words": (
        lambda: sentiment.marked(["a"], ["much"]),
        "marked got values[0]='much'; it must be a finite number.",
    ),
    "an unknown station": (
        lambda: start_here.llm_life(words={"x": ("a", "b")}),
        "llm_life got words for 'x', which it does not have; it has data, tokens, model, "
        "training, generation.",
    ),
    "a notebook that is not there": (
        lambda: start_here.course_map(here="99"),
        "course_map got here for '99', which it does not have; it has 00, 01, 02, 03, 04, 05, "
        "06, 07, 08, 09, 10, 11.",
    ),
    "bits of a number": (
        lambda: tokens.utf8_table(5),
        "utf8_table got text=5; it must be a text.",
    ),
    "merges of texts": (
        lambda: tokens.after_merges([b"ab"], [("a", "b")]),
        "after_merges got merges[0][0]='a'; it must be bytes, such as b'ug'.",
    ),
    "no pairs at the top": (
        lambda: tokens.pair_counts([[b"a", b"b"]], top=0),
        "pair_counts got top=0; it must be a whole number of at least 1.",
    ),
    "a step that was not made": (
        lambda: tokens.merge_step([b"ab"], [], step=1),
        "merge_step got step=1; it must be a whole number from 0 to 0.",
    ),
    "a curve without points": (
        lambda: tokens.length_curves({"a": {"b": (256, 4.0)}}, {"a": []}),
        "length_curves got curves={'a': []}; it must be at least one (vocabulary, tokens) for "
        "each title.",
    ),
    "a negative length": (
        lambda: tokens.token_bars({"a": {"English": -1}}),
        "token_bars got a length=-1; it must be a number of at least 0.",
    ),
    "a path of numbers": (
        lambda: training.valley({"a": [1.0, 2.0]}),
        "valley got paths['a'][0]=1.0; it must be (a number, a number).",
    ),
    "a history of nothing": (
        lambda: training.train_and_validation({"a": None}),
        "train_and_validation got histories['a']=None; it must be an object with steps, "
        "train_losses, val_steps, val_losses.",
    ),
    "a chart of a number": (
        lambda: training.charts([5], Thing(letter="", history=RUN), 0.5),
        "charts got cases[0]=5; it must be an object with letter, history.",
    ),
    "findings without a sample": (
        lambda: training.findings([], Thing(letter="", again=[1.0], fresh_loss=1.0)),
        "findings got healthy=namespace(letter='', again=[1.0], fresh_loss=1.0); it must be "
        "an object with letter, again, fresh_loss, sample.",
    ),
    "a recipe without its note": (
        lambda: training.recipe_steps({"a": 1.5}, {}),
        "recipe_steps got notes={}; it must be a dictionary of names with texts, at least one.",
    ),
    "a loss below its floor": (
        lambda: training.power_law([1], [0.5], 1.0, 4.0, 0.5, "tokens"),
        "power_law got sizes, a or losses above the floor=-0.5; it must be above 0, for "
        "logarithmic axes.",
    ),
    "a number as a row": (
        lambda: translation.texts({"English": 5}),
        "texts got rows['English']=5; it must be a text or an Html.",
    ),
    "a text in place of tokens": (
        lambda: translation.shared("a red hat", ["hat"]),
        "shared got tokens='a red hat'; it must be a list of texts.",
    ),
    "a pair that is not there": (
        lambda: translation.penalty_curve([(0.5, 0.4)], {"half": 1}),
        "penalty_curve got marked['half']=1; it must be a whole number from -1 to 0.",
    ),
    "rows of other scores": (
        lambda: translation.score_bars({"a": {"BLEU": 1}, "b": {"chrF": 2}}),
        "score_bars got rows={'a': {'BLEU': 1}, 'b': {'chrF': 2}}; it must be rows that all "
        "have the same scores, three at most.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_its_sentence_and_leaves_no_figure_open(name):
    make, sentence = MISTAKES[name]
    before = pyplot.get_fignums()
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == sentence
    assert pyplot.get_fignums() == before


def test_a_view_that_fails_in_the_middle_closes_its_own_figure_only():
    @checked()
    def broken(name: str):
        pyplot.figure()
        raise RuntimeError(name)

    kept = pyplot.figure().number
    with pytest.raises(RuntimeError, match="half"):
        broken("half")
    assert kept in pyplot.get_fignums() and kept + 1 not in pyplot.get_fignums()


def test_a_missing_or_unknown_argument_is_said_by_python():
    with pytest.raises(TypeError, match="loss_ladder.. missing 1 required positional argument: 'floor'"):
        figures.loss_ladder({"a": 1.0})
    with pytest.raises(TypeError, match="unexpected keyword argument 'flor'"):
        figures.loss_ladder({"a": 1.0}, flor=1.0)


def test_what_is_no_mistake():
    wanted = figures.number_table([[1.0, 2.0]], ["a"], ["x", "y"]).text
    for values in (torch.tensor([[1, 2]]), numpy.array([[1.0, 2.0]]), [torch.tensor([1.0, 2.0])], ((1, 2),)):
        assert figures.number_table(values, ("a",), iter("xy")).text == wanted
    assert figures.number_table([[math.nan, True]], ["a"], ["x", "y"], shade=True).text.split()[-2:] == [
        "nan",
        "1.00",
    ]
    line = (range(2), numpy.float32([1, 2]))
    alt = figures.curves({3: line}, "n", "loss", floor=torch.tensor(1.0), log="yx").course_alt
    assert alt == "Loss over n. 3 goes from 1 to 2. The dashed floor is at 1."
    assert figures.curves({"a": ([1, 2], [3.0, math.inf])}, "n", "loss").course_alt.endswith("from 3 to inf.")
    assert (
        figures.probability_bars(torch.tensor([0.25, 0.75]), "ab", top=numpy.int64(1)).text[:8] == "b  0.750"
    )
    assert len(attention.head_maps({3: torch.full((4, 4), 0.25)}, iter("abcd")).axes) == 1
