"""An assistant: the chat template, conversations as examples, and a chat that remembers what was said.

A conversation is a list of messages, `{"role": "user", "content": "..."}`, as every chat API has it. Here it
becomes token ids, with a mark before each message and one after it; only what the assistant says is learned.
The same template, in Jinja, is what `transformers` reads from an exported tokenizer. The instructions come
from `course_lib.world.instructions`. This module does not know what the model looks like inside.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "chat": ["Chat", "replies"],
        "conversations": ["ChatBatches", "MIX", "as_messages", "drawn"],
        "tasks": ["KINDS", "TEST_SEEDS", "Task", "fulfilled", "tasks"],
        "template": [
            "CHAT_TEMPLATE",
            "END",
            "FRIENDLY",
            "Message",
            "ROLES",
            "SPEAK",
            "encode_chat",
            "encode_conversation",
            "mark",
            "render",
        ],
    },
)
