"""Fine-tuning: a model that goes on with texts learns to answer, in full or through a few added weights.

Examples become ids and targets in which only the answers count (`course_lib.finetuning.examples`); LoRA is
written out for any model made of `nn.Linear`. The training itself is `course_lib.training`; the questions and
their scores are in `course_lib.finetuning.question_answering`. It does not know what the model looks like
inside.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "answering": ["QuizBatches", "answers", "encode_quiz"],
        "lora": ["LoRALinear", "TARGETS", "add_lora", "merge_lora", "trainable_count"],
    },
)
