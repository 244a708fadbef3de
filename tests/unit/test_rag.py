"""The example that answers from documents: what it finds, and its prompt for the model."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from examples.rag.service.answers import prompt
from examples.rag.service.app import DOCUMENTS
from examples.rag.service.documents import LONGEST, Passage, cut, read_folder
from examples.rag.service.index import Index

pytestmark = pytest.mark.unit

EXAMPLE = Path(__file__).parents[2] / "examples" / "rag"


@pytest.fixture(scope="module")
def index() -> Index:
    return Index(read_folder(DOCUMENTS))


@pytest.mark.parametrize(
    ("question", "document", "section"),
    [
        ("How many days of holidays do I have?", "leave.md", "Holidays"),
        ("Do I need a note from a doctor?", "leave.md", "Illness"),
        ("Who pays for my meal?", "travel.md", "Expenses"),
        ("When may I take a flight?", "travel.md", "Booking"),
        ("I lost my phone, whom do I call?", "it.md", "Lost devices"),
        ("Where do I keep a password?", "it.md", "Passwords"),
    ],
)
def test_the_right_passage_comes_first(index: Index, question: str, document: str, section: str) -> None:
    best = index.find(question, 3)[0]
    assert (best.document, best.section) == (document, section)


def test_a_question_about_something_else_finds_nothing(index: Index) -> None:
    assert index.find("Zebras?", 3) == []


def test_no_more_passages_come_than_there_are() -> None:
    only = Passage("a.md", "", "one thing")
    assert Index([only, Passage("b.md", "", "another matter")]).find("thing", 10) == [only]


def test_passages_keep_their_heading_and_end_where_the_next_begins() -> None:
    text = "# Top\nIntroduction.\n## First\nOne.\n\nTwo.\n## Second\nThree.\n"
    assert list(cut(text)) == [("Top", "Introduction."), ("First", "One. Two."), ("Second", "Three.")]


def test_long_texts_are_cut_and_nothing_is_lost() -> None:
    words = [str(number) for number in range(1000)]
    pieces = [text for _, text in cut(" ".join(words[:700]) + "\n\n" + " ".join(words[700:]))]
    assert " ".join(pieces).split() == words
    assert max(len(piece.split()) for piece in pieces) <= LONGEST


def test_a_folder_without_text_is_text_of(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"holds no text: put files in it that end in \.md or \.txt"):
        read_folder(tmp_path)


def test_the_model_reads_numbered_passages() -> None:
    text = prompt("Why?", [Passage("a.md", "One", "First text."), Passage("b.md", "Two", "Second text.")])
    assert "[1] One (a.md)\nFirst text." in text
    assert "[2] Two (b.md)\nSecond text." in text
    assert text.endswith("Question: Why?")


def test_what_is_pinned_is_what_is_tested() -> None:
    pins = dict(re.findall(r"^(\S+)==(\S+)$", (EXAMPLE / "requirements.txt").read_text(), re.MULTILINE))
    assert len(pins) == 5
    assert pins == {name: version(name) for name in pins}
