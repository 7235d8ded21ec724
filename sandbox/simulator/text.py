# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens and texts. Pure but for the random numbers that it is given."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

_TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])")
_MEAN_LENGTH, _LENGTH_DEVIATION = 40, 20

SENTENCES = (
    "The kettle was still warm when the first train left the station.",
    "Nobody counts the stairs of a house they love.",
    "A good map leaves out almost everything.",
    "Rain fell on the market, and the fishmongers sang louder.",
    "The old clock is wrong twice a day, which is better than most of us.",
    "Measure the rope before you praise the well.",
    "In winter the lighthouse keeper reads to the gulls.",
    "Every bridge is an argument with a river.",
    "The baker opened late because the bread was early.",
    "Somewhere between two radio stations there is always a third.",
    "She kept the receipts in the order in which she regretted them.",
    "Snow makes a village honest about its footpaths.",
    "The orchestra tuned for so long that people began to clap.",
    "A short answer is a kindness, a shorter one a habit.",
    "The cat agreed to the plan by falling asleep on it.",
    "What the meter does not see, the bill does not know.",
    "They planted the hedge for their grandchildren's neighbours.",
    "By noon the ferry had forgotten which bank it came from.",
    "The dictionary ends with a word that nobody needed in time.",
    "Two lanterns are enough for one night watchman and his doubts.",
)


def tokenize(text: str) -> list[str]:
    """Cut a text into words and punctuation marks, each with the white space before it; joined, they are the text."""
    tokens = _TOKEN.findall(text)
    tail = text[sum(map(len, tokens)) :]
    if not tail:
        return tokens
    return [*tokens[:-1], tokens[-1] + tail] if tokens else [tail]


def echo(text: str, limit: int) -> tuple[list[str], str]:
    """Return the tokens of a text, at most ``limit``, and the finish reason: ``stop`` or ``length``."""
    tokens = tokenize(text)
    return (tokens, "stop") if len(tokens) <= limit else (tokens[:limit], "length")


def ramble(choice: random.Random, limit: int, *, to_the_limit: bool) -> tuple[list[str], str]:
    """Return tokens of random sentences, at most ``limit`` (exactly so many on demand), and the finish reason."""
    length = limit if to_the_limit else max(1, round(choice.gauss(_MEAN_LENGTH, _LENGTH_DEVIATION)))
    words = _endless(choice)
    tokens = [next(words) for _ in range(min(length, limit))]
    return tokens, "length" if length >= limit else "stop"


def _endless(choice: random.Random) -> Iterator[str]:
    space = ""
    while True:
        yield from tokenize(space + choice.choice(SENTENCES))
        space = " "
