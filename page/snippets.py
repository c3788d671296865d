"""The calls that "Use via API" shows, where Gradio's own do not work as they are.

Its curl calls lose the event id in any shell but zsh and know no lists of files, as little as its
JavaScript does.
"""

import json
from typing import Any

import gradio.routes
from gradio_client.snippet import generate_code_snippets
from gradio_client.utils import is_http_url_like

from fer_core import __version__

Parameter = dict[str, Any]
JAVASCRIPT = """import {{ Client, handle_file }} from "@gradio/client";

const client = await Client.connect("{server}");
const result = await client.predict("{endpoint}", {{
\t{name}: [{files}],
}});

console.log(result.data);"""
UPLOAD = """FILE=$(curl -s {root}{prefix}upload -F "files=@{file}" | tr -d '[]"')
"""
CURL = """EVENT=$(curl -s {root}{prefix}call/v2{endpoint} -H "Content-Type: application/json" \\
  -d '{body}' | cut -d '"' -f 4)
curl -s -N {root}{prefix}call/v2{endpoint}/$EVENT"""


def set_up() -> None:
    """Have Gradio show these, and tell our own version in its OpenAPI document."""
    vars(gradio.routes).update(generate_code_snippets=snippets, VERSION=__version__)


def snippets(
    api_name: str,
    endpoint_info: dict[str, Any],
    root: str,
    space_id: str | None = None,
    api_prefix: str = "/",
) -> dict[str, str]:
    """Calls of an endpoint with one parameter in Python, JavaScript and the shell, as Gradio's."""
    told: dict[str, str] = generate_code_snippets(
        api_name, endpoint_info, root, space_id, api_prefix
    )
    (parameter,) = endpoint_info["parameters"]
    told["bash"] = curl(api_name, parameter, root.rstrip("/"), api_prefix)
    if isinstance(parameter["example_input"], list):
        told["javascript"] = javascript(api_name, parameter, space_id or root)
    return told


def javascript(endpoint: str, parameter: Parameter, server: str) -> str:
    """A call with a list of files by their addresses."""
    files = ", ".join(f'handle_file("{file["url"]}")' for file in parameter["example_input"])
    name = parameter["parameter_name"]
    return JAVASCRIPT.format(server=server, endpoint=endpoint, name=name, files=files)


def curl(endpoint: str, parameter: Parameter, root: str, prefix: str) -> str:
    """A call with files by their addresses, or with a file that is uploaded before."""
    given, example = parameter["example_input"], ""
    where = {"root": root, "prefix": prefix}
    if isinstance(given, list):
        files: Any = [_file(file["path"]) for file in given]
    elif is_http_url_like(given["path"]):
        files = _file(given["path"])
    else:
        files, example = _file("'\"$FILE\"'"), UPLOAD.format(file=given["path"], **where)
    body = json.dumps({parameter["parameter_name"]: files}).replace(r"\"", '"')
    return example + CURL.format(endpoint=endpoint, body=body, **where)


def _file(path: str) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}
