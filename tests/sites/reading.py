"""Pages of the directory as their readers find them: an HTML parser, and nothing that runs a script."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

VOID = {"meta", "input", "br", "link", "img", "hr", "path"}


@dataclass
class Element:
    """One element: its name, its attributes, what is in it."""

    name: str
    attributes: dict[str, str]
    within: tuple[str, ...]
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return the words in it."""
        return " ".join("".join(self.words).split())


class Reader(HTMLParser):
    """Reads a page into its elements, and fails where one is left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[Element] = []
        self.elements: list[Element] = []
        self.feed(page)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        given = {name: value or "" for name, value in attrs}
        element = Element(tag, given, tuple(each.name for each in self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element that may close itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        if tag not in VOID:
            assert self.open.pop().name == tag, f"{tag} closes what it opened"

    def handle_data(self, data: str) -> None:
        """Give words to everything they are in."""
        for each in self.open:
            each.words.append(data)

    def all(self, name: str, **attributes: str) -> list[Element]:
        """Return the elements of a name that have these attributes."""
        return [
            each
            for each in self.elements
            if each.name == name and all(each.attributes.get(key) == value for key, value in attributes.items())
        ]

    def one(self, name: str, **attributes: str) -> Element:
        """Return the only such element."""
        [found] = self.all(name, **attributes)
        return found

    @property
    def cards(self) -> list[str]:
        """The names of the services that a list shows, in its order."""
        return [
            each.text
            for each in self.all("bdi")
            if each.within[-3:] in {("article", "h2", "a"), ("article", "h3", "a")}
        ]


async def read(
    caller: httpx.AsyncClient, path: str = "", status: int = 200, **query: Any
) -> tuple[Reader, httpx.Response]:
    """Return a page of the directory, read, and the answer it came in."""
    answer = await caller.get(f"/directory{path}", params=query or None, follow_redirects=True)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Reader(answer.text), answer
