"""The kinds of story the little world can tell; each is a function that lets things happen in a `World`.

`STORIES` lists them all. Each module holds a few kinds that belong together; `common` holds the scenes they share.
"""

from course_lib.world.stories import brave, finder, lost, unwell

STORIES = (lost.story, finder.story, unwell.story, brave.story)
