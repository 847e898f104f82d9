"""Large language models, built from nothing: the code that the notebooks of this course build and use.

The map, from the ground up; each module uses only what stands above it:

| module       | what it is                                                                        |
|--------------|-----------------------------------------------------------------------------------|
| `config`     | `GPTConfig`: the numbers that decide what a GPT looks like, with named presets    |
| `runtime`    | seeds, devices, folders, files that are written whole or not at all               |
| `world`      | the little world whose stories, in English and Chinese, are the course's text     |
| `data`       | `load_corpus`: the bundled text, your own file, or a public corpus                |
| `tokens`     | text to token ids and back: characters, byte-pair encoding                        |
| `context`    | windows and batches; n-grams and a recurrent network; where a token stands        |
| `attention`  | how a token chooses what to look at                                               |
| `model`      | `GPT`: token ids in, a score for every possible next token out                    |
| `training`   | the loss, the optimizer, the loop                                                 |
| `generation` | writing, token by token                                                           |
| `interop`    | the same model and tokenizer in Hugging Face's `transformers`, and back           |

What the model is then used for has a module and a notebook each: `finetuning`, `translation`, `sentiment`
and `assistant`.

Beside them: `viz` and `show` draw figures and show source code in a notebook; `exercises` checks answers and
names mistakes; `clinic` has sick trainings to diagnose; `capstone` makes a GPT of a learner's own answers;
`bench` measures the course's speed beside what people use instead; `doctor` says whether everything is in
place. The last two are commands: `python -m course_lib doctor`, `python -m course_lib bench`.

Importing `course_lib` loads none of these: import what you need, such as `from course_lib.model import GPT`.
"""

__version__ = "0.1.0"
