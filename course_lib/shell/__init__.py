"""The commands for a shell, `python -m course_lib ...`, and what they ask the machine.

| file                | what it holds                                                       |
|---------------------|---------------------------------------------------------------------|
| `commands`          | the list of commands                                                |
| `doctor`            | is everything here that the course needs?                           |
| `fetch`             | get a real language model                                           |
| `train`, `generate` | train a GPT, let it write                                           |
| `bench`             | the course's speed beside what people use instead                   |
| `common`            | a person's mistake in one sentence; where a model's tokenizer lies  |
| `machine`           | cores, GPU, speed, a browser                                        |
| `packages`          | what is installed, and in which version                             |

What a command does is elsewhere, and is loaded only when it runs, so that `--help` is quick.
"""
