"""A folder of Markdown and text files, cut into passages of a few sentences."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KINDS = {".md", ".txt"}
# Words of a passage: small enough that several fit a prompt, large enough to stand alone.
LONGEST = 150

_HEADING = re.compile(r"^#{1,6}\s+(?P<title>.+?)\s*#*$")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document: the file's path in the folder, the heading above it, and its text."""

    document: str
    section: str
    text: str


def read_folder(folder: Path) -> list[Passage]:
    """All passages of the folder's files, in the order of their names.

    Raises ValueError when there are none.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix in KINDS and path.is_file())
    passages = [
        Passage(str(path.relative_to(folder)), section, text)
        for path in files
        for section, text in cut(path.read_text(encoding="utf-8"))
    ]
    if not passages:
        raise ValueError(f"{folder} holds no text: put files in it that end in {' or '.join(sorted(KINDS))}")
    return passages


def cut(text: str) -> Iterator[tuple[str, str]]:
    """Headings and passages: paragraphs below one heading are joined up to `LONGEST` words."""
    section, words = "", list[str]()
    for block in re.split(r"\n\s*\n|(?<=\n)(?=#)", text):
        lines = block.strip().splitlines()
        heading = _HEADING.match(lines[0]) if lines else None
        if heading:
            if words:
                yield section, " ".join(words)
            section, words, lines = heading["title"], [], lines[1:]
        more = " ".join(lines).split()
        if words and len(words) + len(more) > LONGEST:
            yield section, " ".join(words)
            words = []
        words += more
        while len(words) > LONGEST:
            yield section, " ".join(words[:LONGEST])
            words = words[LONGEST:]
    if words:
        yield section, " ".join(words)
