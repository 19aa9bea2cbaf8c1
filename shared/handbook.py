"""`/docs`: the OpenAPI document as a page, without script and without anybody else's server."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

Document = Mapping[str, Any]

STYLE = files("shared").joinpath("handbook.css").read_text(encoding="utf-8")


def content_security_policy(style: str) -> str:
    """Return the policy of a page with this style and nothing else: no script, no frame, no form, no other server."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


CONTENT_SECURITY_POLICY = content_security_policy(STYLE)
CODE = re.compile(r"`([^`]+)`")
METHODS = ("get", "post", "put", "patch", "delete")


def page(document: Document) -> str:
    """Return a service's handbook: every operation, who may call it, what it takes, what it tells, and the shapes."""
    info = document["info"]
    operations = [
        (method, path, given[method])
        for path, given in document["paths"].items()
        for method in METHODS
        if method in given
    ]
    listed = "".join(
        f'<li><a href="#{_anchor(method, path)}"><code>{method.upper()} {escape(path)}</code></a> '
        f"{_words(operation['summary'])}</li>"
        for method, path, operation in operations
    )
    told = "".join(_operation(document, *each) for each in operations)
    shapes = "".join(_shape(document, name) for name in sorted(document["components"]["schemas"]))
    return (
        f'<!doctype html><html lang="en-GB"><head><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body>'
        f"<header><p>{escape(info['title'])}</p></header><main><h1>{escape(info['title'])}</h1>"
        f'<p class="lead">{_words(info["description"])}</p>'
        '<p>Send <code>Authorization: Bearer …</code>; on one machine <code>roundtable token --scope "…"</code> makes a token. '
        "Refusals are <code>application/problem+json</code> and never repeat what was sent. "
        'The same as data: <a href="/openapi.json">openapi.json</a>.</p>'
        f'<nav aria-label="Operations"><ul class="plain">{listed}</ul></nav>{told}<h2 id="shapes">Shapes</h2>{shapes}'
        "</main></body></html>"
    )


def _operation(document: Document, method: str, path: str, operation: Document) -> str:
    scopes = [scope for each in operation.get("security", []) for scope in each.get("bearer", [])]
    needs = f"Needs {', '.join(f'<code>{escape(scope)}</code>' for scope in scopes)}." if scopes else "Needs no token."
    if operation.get("security") and not scopes:
        needs = "Needs a token."
    more = operation.get("description", "")
    about = f"<p>{_words(more)}</p>" if more.rstrip(".") != operation["summary"] else ""
    return (
        f'<section id="{_anchor(method, path)}"><h2><code><b>{method.upper()}</b> {escape(path)}</code></h2>'
        f"<p><strong>{_words(operation['summary'])}.</strong> {needs}</p>{about}"
        f"{''.join(_parameters(operation))}{''.join(_body(document, operation))}{''.join(_answers(operation))}</section>"
    )


def _parameters(operation: Document) -> Iterator[str]:
    given = operation.get("parameters", [])
    if not given:
        return
    yield "<div class=wide><table><thead><tr><th>Parameter<th>In<th>What</tr></thead><tbody>"
    for parameter in given:
        what = parameter.get("description") or parameter["schema"].get("description", "")
        must = " <b>required</b>" if parameter.get("required") else ""
        yield (
            f"<tr><th scope=row><code>{escape(parameter['name'])}</code>{must}<td>{parameter['in']}"
            f"<td>{_words(what)} <span class=kind>{_kind(parameter['schema'])}</span></tr>"
        )
    yield "</tbody></table></div>"


def _body(document: Document, operation: Document) -> Iterator[str]:
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<h3>Body, <code>{escape(media)}</code>: {_kind(content.get('schema', {}))}</h3>"
        example = _example(document, content)
        if example is not None:
            yield f"<pre tabindex=0>{escape(json.dumps(example, indent=2, ensure_ascii=False))}</pre>"


def _answers(operation: Document) -> Iterator[str]:
    yield "<div class=wide><table><thead><tr><th>Answer<th>When</tr></thead><tbody>"
    for status, answer in sorted(operation["responses"].items()):
        content = answer.get("content", {})
        shown = ", ".join(_kind(each.get("schema", {})) for media, each in content.items() if "problem" not in media)
        problems = content.get("application/problem+json", {}).get("examples", {})
        when = "<br>".join(
            f"<code>{escape(slug)}</code> {_words(each['value']['title'])}" for slug, each in problems.items()
        )
        said = when or _words(answer.get("description", ""))
        yield f"<tr><th scope=row>{status}<td>{said} <span class=kind>{shown}</span></tr>"
    yield "</tbody></table></div>"


def _shape(document: Document, name: str) -> str:
    schema = document["components"]["schemas"][name]
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><th scope=row><code>{escape(field)}</code>{' <b>required</b>' if field in required else ''}"
        f"<td>{_kind(of)}<td>{_words(of.get('description', ''))}</tr>"
        for field, of in schema.get("properties", {}).items()
    )
    table = f"<div class=wide><table><tbody>{rows}</tbody></table></div>" if rows else f"<p>{_kind(schema)}</p>"
    about = _words(schema.get("description", ""))
    return f'<section id="shape-{escape(name)}"><h3>{escape(name)}</h3><p>{about}</p>{table}</section>'


def _kind(schema: Document) -> str:
    """Return a schema in a few words, with a link to the shape it names."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#shape-{escape(name)}">{escape(name)}</a>'
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(_kind(each) for each in schema[choice] if each.get("type") != "null")
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if "x-code-list" in schema:
        return f"code of {escape(schema['x-code-list'])}"
    if "enum" in schema or "const" in schema:
        return " · ".join(escape(str(each)) for each in schema.get("enum", [schema.get("const")]))
    return escape(" ".join(str(schema[key]) for key in ("type", "format") if key in schema))


def _example(document: Document, content: Document) -> Any:  # noqa: ANN401 - any JSON
    """Return the first example given for a body or for the shape it names."""
    if "example" in content:
        return content["example"]
    for each in content.get("examples", {}).values():
        return each["value"]
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    found = document["components"]["schemas"].get(name, {}).get("examples", [])
    return found[0] if found else None


def _words(text: str) -> str:
    """Return prose as HTML, its `code` marked."""
    return CODE.sub(r"<code>\1</code>", escape(text))


def _anchor(method: str, path: str) -> str:
    return method + "".join(char if char.isalnum() else "-" for char in path)
