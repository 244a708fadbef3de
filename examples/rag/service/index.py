"""Finds the passages that have a question's words: BM25 over stemmed words."""

from collections.abc import Sequence
from typing import Any

import bm25s  # type: ignore[import-untyped]
import Stemmer  # type: ignore[import-not-found]

from .documents import Passage


class Index:
    """Passages in memory; searching it is safe from several threads."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._bm25 = bm25s.BM25()
        # A document's name and headings say what its passages are about.
        texts = [f"{passage.document} {passage.section} {passage.text}" for passage in passages]
        self._bm25.index(_words(texts), show_progress=False)

    def __len__(self) -> int:
        return len(self._passages)

    def find(self, question: str, most: int) -> list[Passage]:
        """The best passages first, at most `most`; none that shares no word with the question."""
        found, scores = self._bm25.retrieve(
            _words([question]), k=min(most, len(self._passages)), show_progress=False
        )
        return [
            self._passages[number] for number, score in zip(found[0], scores[0], strict=True) if score > 0
        ]


def _words(texts: list[str]) -> Any:
    return bm25s.tokenize(texts, stopwords="en", stemmer=Stemmer.Stemmer("english"), show_progress=False)
