"""`uvicorn --factory service.app:create_app`: the HTTP service."""

import os
from pathlib import Path
from typing import Annotated

import openai
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from .answers import answer
from .documents import read_folder
from .index import Index

DOCUMENTS = Path(__file__).parents[1] / "documents"


class Question(BaseModel):
    """What a client asks, and how many passages the model may read."""

    question: Annotated[str, Field(min_length=1, max_length=2000)]
    passages: Annotated[int, Field(ge=1, le=10)] = 3


class Source(BaseModel):
    """A passage that the model read; `cited` says whether its answer names the number."""

    number: int
    document: str
    section: str
    text: str
    cited: bool


class Answered(BaseModel):
    """The answer and what it rests on."""

    answer: str
    sources: list[Source]


class Health(BaseModel):
    """How much the service knows."""

    passages: int


def create_app() -> FastAPI:
    """Reads the documents and makes the service.

    Variables: DOCUMENTS, the folder (default: the one beside this package); OPENAI_BASE_URL and
    OPENAI_API_KEY, the model server and a key for it; MODEL, the name to ask for (default: the first that
    the server lists).
    Raises ValueError for a folder without text.
    """
    index = Index(read_folder(Path(os.environ.get("DOCUMENTS") or DOCUMENTS)))
    client = openai.AsyncOpenAI(api_key=os.environ.get("OPENAI_API_KEY") or "none", timeout=120)
    app = FastAPI(title="Answers from documents")

    async def model() -> str:
        return os.environ.get("MODEL") or (await client.models.list()).data[0].id

    @app.get("/health")
    def health() -> Health:
        return Health(passages=len(index))

    @app.post("/ask")
    async def ask(question: Question) -> Answered:
        passages = index.find(question.question, question.passages)
        try:
            told = await answer(client, await model(), question.question, passages)
        except openai.APIStatusError as error:
            # Too many requests is for the client to slow down; anything else is between us and the model.
            status = error.status_code if error.status_code in (429, 503) else 502
            retry = error.response.headers.get("retry-after")
            headers = {"retry-after": retry} if retry else None
            raise HTTPException(status, f"The model server answers {error.status_code}.", headers) from error
        except openai.APIError as error:
            raise HTTPException(502, "The model server does not answer.") from error
        sources = [
            Source(
                number=number,
                document=passage.document,
                section=passage.section,
                text=passage.text,
                cited=number in told.cited,
            )
            for number, passage in enumerate(passages, 1)
        ]
        return Answered(answer=told.text, sources=sources)

    return app
