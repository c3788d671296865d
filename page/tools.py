"""What language models call: the MCP tools `predict` and `annotate`.

Gradio makes tools of endpoints. Here they answer in JSON, as text and as structured content, where
Gradio gives Python's own notation; and pictures go to the endpoints as they were given, which know
how to read data URIs and addresses, where Gradio would open addresses without a limit.
"""

import inspect
import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import gradio.mcp
from gradio.block_function import BlockFunction
from gradio_client.utils import is_file_obj
from mcp import types
from mcp.server import Server

SCHEMA_FILE = Path(__file__).resolve().parent.parent / "docs" / "answer.schema.json"
TITLES = {"predict": "Read the emotions of faces", "annotate": "Mark the emotions of faces"}
HOW_TO_GIVE = (
    " Give the picture as http or https address that anybody can open, or as data URI. For a file "
    "of the user's, call the tool upload_file_to_gradio, if there is one, and give the address "
    "that it returns."
)


def set_up() -> None:
    """Have Gradio serve these tools; before the app is launched."""
    vars(gradio.mcp)["GradioMCPServer"] = Tools


class Tools(gradio.mcp.GradioMCPServer):
    """Gradio's tools with answers in JSON."""

    def create_mcp_server(self) -> Server[Any, Any]:
        """As Gradio does, with structured content and its schema."""
        server = super().create_mcp_server()
        call = server.request_handlers[types.CallToolRequest]
        describe = server.request_handlers[types.ListToolsRequest]

        async def call_tool(request: types.CallToolRequest) -> types.ServerResult:
            answer = await call(request)
            result: Any = answer.root
            if not result.isError and self._endpoint(request.params.name) == "predict":
                result.structuredContent = json.loads(result.content[0].text)
            return answer

        async def list_tools(request: types.ListToolsRequest) -> types.ServerResult:
            answer = await describe(request)
            described: Any = answer.root
            for tool in described.tools:
                endpoint = self._endpoint(tool.name)
                tool.annotations = types.ToolAnnotations(title=TITLES[endpoint], readOnlyHint=True)
                if endpoint == "predict":
                    tool.outputSchema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
            return answer

        server.request_handlers[types.CallToolRequest] = call_tool
        server.request_handlers[types.ListToolsRequest] = list_tools
        return server

    def get_tool_to_endpoint(self) -> dict[str, str]:
        """One picture alone: a table of a minute is too much for a language model."""
        found: dict[str, str] = super().get_tool_to_endpoint()
        return {tool: name for tool, name in found.items() if name.lstrip("/") in TITLES}

    def _endpoint(self, tool: str) -> str:
        return self.tool_to_endpoint[tool].lstrip("/")

    def get_fn_description(
        self,
        block_fn: BlockFunction,
        tool_name: str,  # noqa: ARG002
    ) -> tuple[str, dict[str, str]]:
        """The docstring's first paragraph and its arguments, of which Gradio takes single lines."""
        what, parameters, returns = docstring_parts(block_fn.fn)
        return f"{what}{HOW_TO_GIVE} Returns: {returns}", parameters

    def convert_strings_to_filedata(
        self, value: Any, filedata_positions: list[list[str | int]]
    ) -> Any:
        """Hand on what was given in the place of a file."""
        files = {position[0] for position in filedata_positions if len(position) == 1}
        return {
            key: {"path": None, "url": given, "meta": {"_type": "gradio.FileData"}}
            if key in files
            else given
            for key, given in value.items()
        }

    def postprocess_output_data(
        self, data: Sequence[Any], root_url: str
    ) -> list[types.TextContent | types.ImageContent]:
        """Pictures as Gradio gives them, all else in JSON."""
        if any(is_file_obj(output) for output in data):
            return list(super().postprocess_output_data(data, root_url))
        return [
            types.TextContent(type="text", text=json.dumps(output, ensure_ascii=False))
            for output in data
        ]


def docstring_parts(function: Any) -> tuple[str, dict[str, str], str]:
    """What a docstring tells: the first paragraph, each argument, and what is returned."""
    text = inspect.getdoc(function) or ""
    what, _, rest = text.partition("\n\nArgs:\n")
    arguments, _, returns = rest.partition("\n\nReturns:\n")
    told: dict[str, str] = {}
    name = ""
    for line in dedent(arguments).splitlines():
        if not line.startswith(" "):
            name, _, line = line.partition(": ")  # noqa: PLW2901
            told[name] = ""
        told[name] = f"{told[name]} {line.strip()}".strip()
    return " ".join(what.split()), told, " ".join(returns.split())
