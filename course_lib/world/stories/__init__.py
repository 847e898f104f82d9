"""The kinds of story the little world can tell; each is a function that lets things happen in a `World`.

`STORIES` lists them all. Each module holds a few kinds that belong together; `common` holds the scenes they share.
"""

from course_lib.world.stories import (
    animal,
    astray,
    brave,
    broken,
    contest,
    finder,
    gift,
    lesson,
    lost,
    mistaken,
    outing,
    promise,
    trade,
    unwell,
    wish,
)

STORIES = tuple(
    module.story
    for module in (
        lost,
        finder,
        wish,
        trade,
        gift,
        broken,
        outing,
        astray,
        animal,
        contest,
        unwell,
        brave,
        promise,
        mistaken,
        lesson,
    )
)
