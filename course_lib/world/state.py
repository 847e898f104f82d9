"""What is true in one small world while a story happens: who owns what, where it is, who feels how and why.

Every verb of the world is a method that first asserts that it is possible (nobody can give what they do not have) and
then changes the state and writes a `Deed` into the history. Tellings and questions are made from the same history, so
what is told and what is asked cannot contradict each other.

Knows nothing of words, languages or chance.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Deed:
    """One thing that happened: a verb and who or what took part.

    >>> Deed("lose", {"A": "Tom", "o": "kite"}).verb
    'lose'
    """

    verb: str
    roles: dict[str, Any]


@dataclass
class State:
    """The state of one small world, changed only by its verbs.

    Raises: AssertionError when a verb is not possible in this state (an error in a story's program, never a reader's).

    >>> world = State()
    >>> world.own("Tom", "kite")
    >>> world.give("Tom", "Mia", "kite")
    >>> world.owner["kite"], [deed.verb for deed in world.history]
    ('Mia', ['own', 'give'])
    """

    owner: dict = field(default_factory=dict)
    holder: dict = field(default_factory=dict)  # who has it in hand now; nobody when it is lost
    whereabouts: dict = field(default_factory=dict)  # of people and of things that lie somewhere
    coins: dict = field(default_factory=dict)
    feeling: dict = field(default_factory=dict)
    broken: set = field(default_factory=set)
    unwell: dict = field(default_factory=dict)  # person or animal -> what is wrong
    astray: set = field(default_factory=set)  # who has lost the way
    promises: set = field(default_factory=set)  # (who, to whom) not yet kept or broken
    skills: set = field(default_factory=set)  # (who, what)
    weather: Any = None
    history: list = field(default_factory=list)

    def note(self, verb: str, **roles) -> None:
        """Write down a deed that changes nothing else."""
        self.history.append(Deed(verb, roles))

    # -- places and people
    def go(self, A, p):
        self.whereabouts[A] = p
        self.note("go", A=A, p=p)

    def become(self, w):
        self.weather = w
        self.note("weather", w=w)

    def meet(self, A, B, r):
        assert A is not B
        self.note("meet", A=A, B=B, r=r)

    def feel(self, A, f, good: bool):
        self.feeling[A] = f
        self.note("feel", A=A, f=f, good=good)

    def get_lost(self, A, p):
        assert A not in self.astray
        self.astray.add(A)
        self.note("get_lost", A=A, p=p)

    def be_found(self, A, F):
        assert A in self.astray and F is not A
        self.astray.remove(A)
        self.note("be_found", A=A, F=F)

    # -- things
    def own(self, A, o):
        assert o not in self.owner
        self.owner[o] = self.holder[o] = A
        self.note("own", A=A, o=o)

    def lose(self, A, o):
        assert self.holder.get(o) is A
        self.holder[o] = None
        self.note("lose", A=A, o=o)

    def find(self, F, o, s):
        assert self.holder.get(o) is None
        self.holder[o] = F
        self.whereabouts[o] = s
        self.note("find", F=F, o=o, s=s)

    def pick_up(self, A, o, s):
        """`A` finds a thing whose owner is not known to them."""
        assert self.holder.get(o) is None and self.owner[o] is not A
        self.holder[o] = A
        self.note("discover", A=A, o=o, s=s)

    def return_found(self, A, B, o):
        """`A` gives a found thing back to `B`, its owner."""
        assert self.holder[o] is A and self.owner[o] is B
        self.holder[o] = B
        self.note("return_found", A=A, B=B, o=o)

    def hand_back(self, F, o):
        assert self.holder[o] is F
        self.holder[o] = self.owner[o]
        self.note("hand_back", F=F, A=self.owner[o], o=o)

    def give(self, G, R, o):
        assert self.owner.get(o) is G and self.holder[o] is G and o not in self.broken and G is not R
        self.owner[o] = self.holder[o] = R
        self.note("give", G=G, R=R, o=o)

    def lend(self, G, R, o):
        assert self.owner.get(o) is G and self.holder[o] is G and G is not R
        self.holder[o] = R
        self.note("lend", G=G, R=R, o=o)

    def trade(self, A, o1, B, o2):
        assert self.owner[o1] is A and self.owner[o2] is B and A is not B
        self.owner[o1] = self.holder[o1] = B
        self.owner[o2] = self.holder[o2] = A
        self.note("trade", A=A, B=B, o1=o1, o2=o2)

    def damage(self, A, o):
        """`A` breaks `o`; `A` may be a person or an animal."""
        assert o not in self.broken
        self.broken.add(o)
        self.note("damage", A=A, o=o)

    def mend(self, J, o):
        assert o in self.broken
        self.broken.remove(o)
        self.note("mend", J=J, o=o)

    # -- money (amounts are whole coins)
    def have(self, A, n: int):
        assert n >= 0
        self.coins[A] = n

    def earn(self, A, n: int):
        assert n > 0
        self.coins[A] = self.coins.get(A, 0) + n

    def buy(self, A, o, n: int):
        assert self.coins[A] >= n and o not in self.owner
        self.coins[A] -= n
        self.owner[o] = self.holder[o] = A
        self.note("buy", A=A, o=o)

    # -- bodies
    def suffer(self, A, what):
        """`A` falls ill or is hurt."""
        assert A not in self.unwell
        self.unwell[A] = what
        self.note("suffer", A=A, what=what)

    def recover(self, A):
        assert A in self.unwell
        del self.unwell[A]
        self.note("recover", A=A)

    # -- what people do for, to and with each other
    def help(self, H, A):
        assert H is not A
        self.note("help", H=H, A=A)

    def promise(self, A, B):
        assert A is not B and (A, B) not in self.promises
        self.promises.add((A, B))
        self.note("promise", A=A, B=B)

    def settle(self, A, B, kept: bool):
        assert (A, B) in self.promises
        self.promises.remove((A, B))
        self.note("keep" if kept else "break_promise", A=A, B=B)

    def learn(self, A, skill, teacher):
        assert (A, skill) not in self.skills
        self.skills.add((A, skill))
        self.note("learn", A=A, skill=skill, B=teacher)

    def win(self, A, over):
        assert A is not over
        self.note("win", A=A, B=over)

    def blame(self, A, B):
        """`A` believes, wrongly, that `B` did it."""
        assert A is not B
        self.note("blame", A=A, B=B)
