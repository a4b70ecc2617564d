"""Plays calls through `mcp` of PyPI, in either generation: `client.py ERA stdio PROGRAM ARGUMENT…` or
`client.py ERA http URL TOKEN`. Calls come as lines of JSON, and results go out as such."""

import json
import os
import sys

import anyio
import mcp_types as types
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

era, way, *rest = sys.argv[1:]
lines = anyio.wrap_file(sys.stdin)


def say(value):
    print(json.dumps(value), flush=True)


def plain(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def elicit(_context, params):
    """Asks the test what a person would answer."""
    say({"elicit": plain(params)})
    return types.ElicitResult(**json.loads(await lines.readline()))


def server():
    if way == "stdio":
        return StdioServerParameters(command=rest[0], args=rest[1:], env=dict(os.environ))
    headers = {"authorization": f"Bearer {rest[1]}"}
    return streamable_http_client(rest[0], http_client=create_mcp_http_client(headers))


async def main():
    mode = "auto" if era == "modern" else "legacy"
    callback = elicit if os.environ.get("ELICIT") else None
    async with Client(server(), mode=mode, elicitation_callback=callback) as client:
        listed = await client.list_tools()
        say({"version": client.protocol_version, "tools": [plain(tool) for tool in listed.tools]})
        while line := await lines.readline():
            call = json.loads(line)
            try:
                say({"result": plain(await client.call_tool(call["tool"], call["arguments"]))})
            except MCPError as error:
                say({"error": {"code": error.error.code, "message": error.error.message}})


anyio.run(main)
