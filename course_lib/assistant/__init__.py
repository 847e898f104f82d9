"""An assistant: the chat template, conversations as examples, a chat that remembers (notebook 11).

| file            | what it holds                                                           |
|-----------------|-------------------------------------------------------------------------|
| `messages`      | what was said, as people and programs send it                           |
| `template`      | a conversation as token ids, with marks around each message             |
| `models`        | the same by the template that came with a model                         |
| `sandbox`       | where templates are carried out, which nobody has read                  |
| `budget`        | how much such a template may use                                        |
| `conversations` | conversations to learn from                                             |
| `chat`          | replies, and `Chat`, which remembers                                    |
| `measuring`     | instructions whose fulfilment can be judged                             |
| `checks`        | what a note must say, and its form                                      |

None of it knows what the model looks like inside.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "chat": ["Chat", "replies"],
        "conversations": ["ChatBatches", "MIX", "as_messages", "drawn"],
        "models": ["ModelTemplate", "template_from_gguf"],
        "measuring": ["KINDS", "TEST_SEEDS", "Task", "fulfilled", "tasks"],
        "template": [
            "CHAT_TEMPLATE",
            "END",
            "FRIENDLY",
            "Message",
            "OWN",
            "ROLES",
            "SPEAK",
            "encode_chat",
            "encode_conversation",
            "mark",
            "render",
        ],
    },
)
