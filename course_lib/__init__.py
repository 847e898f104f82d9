"""Large language models, built from nothing: the code that the notebooks of this course build and use.

Each notebook has a folder here, named for its topic. In it: its code, in files named for what they hold;
`views`, its figures; `exercises`, its exercises and quiz. `COURSE` lists the topics in their order.
Everything else is shared:

| where        | what it is                                                                         |
|--------------|------------------------------------------------------------------------------------|
| `config`     | `GPTConfig`: the numbers that decide what a GPT looks like, with named presets     |
| `arguments`  | what a function is given, looked at before any work                                |
| `files`      | what people name as a file, and what stands there without being one                |
| `runtime`    | seeds, devices, folders, files that are written whole or not at all                |
| `files`      | what people name as a file, and what stands there without being one                |
| `intervals`  | how sure a measured number is                                                      |
| `world`      | the little world whose stories, in English and Chinese, are the course's text      |
| `data`       | `load_corpus`: the bundled text, your own file, or a public corpus                 |
| `pretrained` | `load_pretrained`: a real language model in the course's own GPT                   |
| `figures`    | what all drawings share; notebooks call it `viz`                                   |
| `exercises`  | the machine that judges answers and names mistakes; it knows no topic              |
| `shell`      | the commands: `python -m course_lib doctor`, `fetch`, `train`, `generate`, `bench`... |

A topic's code uses what is in this table, but not the last three rows, and the topics before it in
`COURSE`; its views and exercises may use `figures` and `exercises` too. Importing `course_lib` loads none
of these: import what you need, such as `from course_lib.model import GPT`.
"""

from typing import NamedTuple

__version__ = "0.1.0"


class Topic(NamedTuple):
    """One notebook of the course: where it stands, the question that it answers, and what one has at the end.

    >>> COURSE[3].notebook, COURSE[3].part
    ('03_attention.ipynb', 'I')
    """

    number: str
    name: str  # of its folders, here and in the tests, and in its notebook's file name
    title: str
    part: str  # "I", "II", ...; "" for what comes before the parts
    question: str
    gain: str

    @property
    def notebook(self) -> str:
        """The notebook's file in `notebooks/`."""
        return f"{self.number}_{self.name}.ipynb"


PARTS = {"I": "Build it", "II": "Use it", "III": "Question it, push it"}

COURSE = (
    Topic(
        "00", "start_here", "Start here", "",
        "What is a large language model, and can I train one on this computer?",
        "a GPT, trained for a minute, and its first story",
    ),
    Topic(
        "01", "tokens", "Tokens", "I",
        "What does a language model read, and why neither letters nor words?",
        "byte-pair encoding, written, trained on two languages, and taken apart",
    ),
    Topic(
        "02", "context", "Context", "I",
        "What can a model know about the next token from what came before, and what does more context buy?",
        "n-grams, word vectors and a recurrent network, measured against the entropy floor",
    ),
    Topic(
        "03", "attention", "Attention", "I",
        "How does a token choose what to look at?",
        "attention from a plain average, and the head of a trained model that looks back to a name",
    ),
    Topic(
        "04", "model", "Model", "I",
        "What is a GPT made of, and what does each part buy?",
        "GPT-2, built from its parts, its cost on paper, and each part's worth measured by taking it away",
    ),
    Topic(
        "05", "training", "Training", "I",
        "How does a model learn from text, and how do I know that it does?",
        "optimizers written out, a loop that trains your GPT, and a clinic of sick trainings to diagnose",
    ),
    Topic(
        "06", "generation", "Generation", "I",
        "How does a model that only gives probabilities write a text?",
        "every way to choose a token, measured for quality and variety, and a GPT made of your own answers",
    ),
    Topic(
        "07", "interop", "Interop", "II",
        "How does a model of your own join the tools that others use?",
        "your GPT in `transformers` and back, GPT-2's weights in yours, and a server that any program can "
        "call",
    ),
    Topic(
        "08", "finetuning", "Fine-tuning", "II",
        "How does a model that only goes on with texts learn to answer?",
        "a model that answers questions about stories, LoRA, and a count of what it makes up",
    ),
    Topic(
        "09", "translation", "Translation", "II",
        "How does a model learn to say the same in another language, and how does one know that it did?",
        "a translator between English and Chinese, BLEU and chrF written out, and attention read as an "
        "alignment",
    ),
    Topic(
        "10", "sentiment", "Sentiment", "II",
        "Is this text glad or sad, and how sure may the model be?",
        "five classifiers on the same texts, their calibration, and what each of them keys on",
    ),
    Topic(
        "11", "assistant", "Assistant", "II",
        "How does a completer become an assistant?",
        "a chat that follows instructions, remembers what was said, and is measured kind by kind",
    ),
    Topic(
        "13", "modern", "Modern", "III",
        "How does the model that talks to me differ from the GPT that I wrote?",
        "every part of a Llama written and measured, and a real model that answers out of your own classes",
    ),
)  # fmt: skip
