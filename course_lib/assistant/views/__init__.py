"""Views of notebook 11: a talk on the page, its way round, what is learned of it, what fits into the context,
and a chat to type in.

| file       | what it holds                                                              |
|------------|----------------------------------------------------------------------------|
| `talks`    | a talk on the page, message by message, and how each role looks            |
| `pictures` | its way round, what is learned of it, what fits into the context           |
| `chat`     | `ChatBox`, a chat to type in                                               |

Messages, numbers and callables come in; `Html`, Axes or a widget go out. None of it knows models, templates
or how an answer is written; matplotlib and ipywidgets are loaded when they are needed.
"""

from course_lib.assistant.views.chat import ChatBox
from course_lib.assistant.views.pictures import fitting, masked_talk, talk_loop
from course_lib.assistant.views.talks import transcript

__all__ = ["ChatBox", "fitting", "masked_talk", "talk_loop", "transcript"]
