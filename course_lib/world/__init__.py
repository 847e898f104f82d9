"""The little world: a program that simulates small events and tells them in English and in Chinese.

Its stories are the corpus of the course. Because a program wrote them, everything about them is known: what happened,
what holds at the end, and how probable each text is. So a model trained on them can be measured against the truth.

| module | what it does |
|---|---|
| `arguments` | what a person may ask for, checked |
| `chance` | makes every random choice, and counts what it cost in nats |
| `words` | people, things, places, feelings: what they are called in both languages |
| `names` | people's and pets' names made by rule, thousands of them, in both languages at once |
| `state` | what is true while a story happens; its verbs refuse the impossible |
| `telling` | turns events into sentences, from the paired lines in `tellings/*.txt` |
| `simulation` | one world: chance, state and teller together, and the knobs (`WorldConfig`) |
| `stories`, `texts` | the kinds of story, and the other kinds of text |
| `documents` | a seed becomes a document with its truth |
| `oracle` | the exact probability of a text, and so the entropy floor |
| `checker` | is this a story of the world, and if not, what breaks it? |
| `questions`, `tasks`, `instructions` | questions with answers; translation pairs and labels; instructions and conversations |
| `corpus` | the bundled files, the fresh stream, the floor |

**The entropy floor.** The world draws a document x with probability p(x). Whatever model q predicts such documents, its
expected loss is E[-log q(x)] = H(p) + KL(p || q), and the divergence is never negative: no model can be below the
entropy H(p) on average. `oracle` computes p(x) exactly, by summing over every path of choices that tells x, so the
mean of -log p(x) over fresh documents estimates H(p) without bias. Divided by the mean number of tokens or characters
of a document it is a floor per token or per character. (A model may still beat -log p(x) on single documents, and on
documents it has been trained on.) Source: Shannon 1948, "A Mathematical Theory of Communication", sections 6 and 7;
Cover and Thomas 2006, "Elements of Information Theory", section 2.6.
"""
