"""The reference pages, written from the code itself: `python -m deploy.reference`. A test says whether they are up to date."""

import json
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase
from typer.core import TyperGroup

from deploy.cli import COMMANDS, _program
from services.reporting.catalogue import document as measures
from shared import telemetry
from shared.events import contracts
from shared.events.event import PREFIX, STREAM, Envelope
from shared.problems import Problem
from shared.settings import Settings

DOCS = Path(__file__).parent.parent / "docs"
WRITTEN_BY = "<!-- Written by `python -m deploy.reference`. Change the code, not this page. -->\n"


def page(title: str, about: str, *parts: str) -> str:
    """Return a page."""
    return "\n".join([f"# {title}\n", WRITTEN_BY, about, "", *parts]).rstrip() + "\n"


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table; a bar inside a cell does not end it."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in line) + " |\n" for line in lines
    )


def events() -> str:
    """Return the page of every event contract."""
    parts = []
    for subject, contract in sorted(contracts().items()):
        schema = contract.model_json_schema()
        needed = schema.get("required", [])
        rows = [
            (f"`{name}`", kind(field), "yes" if name in needed else "", described(field))
            for name, field in schema["properties"].items()
        ]
        parts += [
            f"## {subject}\n",
            f"{contract.__doc__}\n",
            f"Applied in the order of versions of one `{contract.aggregate}`.\n",
            table(("field", "form", "always", "meaning"), rows),
        ]
    return page(
        "Events",
        "What services tell each other, and all they know of each other. Each travels as a CloudEvent in the stream "
        f"`{STREAM}` under `{PREFIX}<subject>`; its `aggregateversion` counts 1, 2, 3 … without gaps. A field may be "
        "added if it may be absent; anything else is a new version of the event, beside the old one. "
        "`docs/asyncapi.json` says the same to programs.",
        *parts,
    )


def kind(field: Mapping[str, Any]) -> str:
    """Return the form of a field, in a few words."""
    match field:
        case {"anyOf": several}:
            words = " or ".join(kind(each) for each in several if each.get("type") != "null")
        case {"x-code-list": name}:
            words = f"code of [{name}](../shared/codes/{name}.csv)"
        case {"type": "array", "items": item}:
            words = f"list of {kind(item)}"
        case {"type": "object", "additionalProperties": item}:
            words = f"{kind(item)} by name"
        case {"enum": values}:
            words = ", ".join(f"`{value}`" for value in values)
        case {"pattern": pattern}:
            words = f"text like `{pattern}`"
        case _:
            words = str(field.get("format") or {"string": "text"}.get(field["type"], field["type"]))
    return words


def described(field: Mapping[str, Any]) -> str:
    """Return a field's own description; a code list's is in its file."""
    return "" if "x-code-list" in field else str(field.get("description", ""))


def settings() -> str:
    """Return the page of every environment variable."""
    rows = [
        (f"`ROUNDTABLE_{name.upper()}`", "" if field.default is None else f"`{field.default}`", field.description)
        for name, field in sorted(Settings.model_fields.items())
    ]
    return page(
        "Settings",
        "Environment variables, read once when a process starts. `roundtable up` gives each service what it needs.",
        table(("variable", "default", "meaning"), rows),
    )


def problems() -> str:
    """Return the page of every refusal."""
    for package in ("shared", "services", "deploy"):
        for module in modules(package):
            import_module(module)
    ours = [
        each for each in Problem.known.values() if each.__module__.split(".")[0] in {"shared", "services", "deploy"}
    ]
    ordered = sorted(ours, key=lambda each: (int(each.status), each.slug()))
    rows = [(f"`/problems/{each.slug()}`", int(each.status), f"{each.title()}.") for each in ordered]
    return page(
        "Problems",
        "Every answer that is not a success is `application/problem+json` (RFC 9457): `type`, `title`, `status`, often "
        "`detail`, always `trace_id`; malformed requests add `errors`, each with `pointer`, `code` and `message`. No answer "
        "repeats what was sent. 429 and 503 mean that nothing happened.",
        table(("type", "status", "meaning"), rows),
    )


def modules(package: str) -> Iterator[str]:
    """Yield every module of a package, but for migrations and programs that run when imported."""
    for found in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
        if "migrations" not in found.name and "alembic" not in found.name and not found.name.endswith("__main__"):
            yield found.name


def metrics() -> str:
    """Return the page of every metric."""
    rows = []
    for metric in vars(telemetry).values():
        if isinstance(metric, MetricWrapperBase):
            (shown,) = metric.describe()
            name = f"{shown.name}_total" if isinstance(metric, Counter) else shown.name
            labels = ", ".join(metric._labelnames)  # noqa: SLF001 - not public, and nowhere else
            rows.append((f"`{name}`", shown.type, labels, shown.documentation))
    return page(
        "Metrics", "What `GET /metrics` of every service shows.", table(("name", "kind", "by", "meaning"), rows)
    )


def commands() -> str:
    """Return the page of every command."""
    root = typer.main.get_command(_program(*COMMANDS))
    parts = [part for name in COMMANDS for part in command(f"roundtable {name}", subcommands(root)[name])]
    return page("Commands", "What `roundtable` can do. `--help` after any of them says the same.", *parts)


def command(name: str, one: Any) -> Iterator[str]:  # noqa: ANN401 - typer brings its own click, unnamed
    """Yield what a command does, and its own commands after it."""
    words = (one.help or "").partition("\f")[0].replace("\b\n", "").strip()
    yield f"## {name}\n\n{words}\n"
    options = [
        (", ".join(f"`{word}`" for word in each.opts), getattr(each, "help", None) or "")
        for each in one.params
        if each.name != "help" and not getattr(each, "hidden", False)
    ]
    if options:
        yield table(("option", "meaning"), options)
    for below, inner in subcommands(one).items():
        yield from command(f"{name} {below}", inner)


def subcommands(one: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as above
    """Return a command's own commands by name."""
    return one.commands if isinstance(one, TyperGroup) else {}


def asyncapi() -> str:
    """Return the AsyncAPI 3 document of the stream."""
    schemas: dict[str, Any] = {}
    document: dict[str, Any] = {
        "asyncapi": "3.0.0",
        "info": {"title": "Roundtable events", "version": "1", "description": "CloudEvents 1.0 in NATS JetStream."},
        "defaultContentType": "application/json",
        "channels": {},
        "operations": {},
        "components": {"messages": {}, "schemas": schemas},
    }
    envelope = Envelope.model_json_schema()
    for subject, contract in sorted(contracts().items()):
        name = subject.replace(".", "_")
        schemas[name] = contract.model_json_schema()
        document["channels"][name] = {
            "address": f"{PREFIX}{subject}",
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        }
        document["operations"][f"send_{name}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{name}"},
            "summary": contract.__doc__,
        }
        data = {**envelope["properties"], "data": {"$ref": f"#/components/schemas/{name}"}}
        document["components"]["messages"][name] = {
            "name": subject,
            "summary": contract.__doc__,
            "payload": {"type": "object", "properties": data, "required": envelope["required"]},
        }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "events.md": events,
    "settings.md": settings,
    "problems.md": problems,
    "measures.md": measures,
    "metrics.md": metrics,
    "commands.md": commands,
    "asyncapi.json": asyncapi,
}


def main() -> None:
    """Write every page."""
    for name, content in PAGES.items():
        (DOCS / name).write_text(content())
        print(f"docs/{name}")


if __name__ == "__main__":
    main()
