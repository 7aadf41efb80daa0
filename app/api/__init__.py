"""The API for programs: what the pages do, over HTTP, `gradio_client` and the Model Context Protocol (MCP).

`parameters` says what may be asked, `jobs` does it in the queue of all visitors; `http_routes`, `gradio_app` and
`mcp_tools` are three ways to ask. The front process lets in who may (`app/server/api_access.py`).
"""
