"""Fine-tuning: a model that goes on with texts learns to answer (notebook 08).

| file                 | what it holds                                                      |
|----------------------|--------------------------------------------------------------------|
| `examples`           | ids and targets in which only the answers count                    |
| `question_answering` | questions about stories, and their scores                          |
| `answering`          | the questions as examples to learn from, and as a test             |
| `lora`               | a model learns through a few added weights                         |
| `adapter_files`      | these weights alone in a file, for the model that they belong to   |
| `talks`              | the questions as talks with a chat model                           |

None of it knows what the model looks like inside.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "adapter_files": ["adapter_metadata", "load_adapter", "save_adapter", "weights_fingerprint"],
        "answering": ["QuizBatches", "answers", "encode_quiz"],
        "examples": ["Example", "complete", "masked", "pad_batch"],
        "lora": ["LoRALinear", "TARGETS", "add_lora", "merge_lora", "remove_lora", "trainable_count"],
        "talks": ["TalkBatches", "talk", "talk_answers"],
    },
)
