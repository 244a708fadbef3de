"""Asks the model, with the passages that it may use."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from openai import AsyncOpenAI

from .documents import Passage

INSTRUCTIONS = (
    "Answer the question in one or two sentences, with what the numbered passages say and nothing else. "
    "Put the number of each passage that you used behind your answer, like [1]. "
    "If the passages do not hold the answer, say that the documents do not tell."
)
NOTHING_FOUND = "The documents do not tell."


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's text, and the numbers of the passages that it names, counted from 1."""

    text: str
    cited: frozenset[int]


def prompt(question: str, passages: Sequence[Passage]) -> str:
    """The question below the numbered passages."""
    told = "\n\n".join(
        f"[{number}] {passage.section} ({passage.document})\n{passage.text}"
        for number, passage in enumerate(passages, 1)
    )
    return f"{told}\n\nQuestion: {question}"


async def answer(client: AsyncOpenAI, model: str, question: str, passages: Sequence[Passage]) -> Answer:
    """The model's answer; without passages nothing is asked. Raises openai.APIError."""
    if not passages:
        return Answer(NOTHING_FOUND, frozenset())
    completion = await client.chat.completions.create(
        model=model,
        messages=[
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": prompt(question, passages)},
        ],
        temperature=0,
        max_tokens=256,
    )
    text = (completion.choices[0].message.content or "").strip()
    named = {int(number) for number in re.findall(r"\[(\d{1,3})\]", text)}
    return Answer(text, frozenset(named & set(range(1, len(passages) + 1))))
