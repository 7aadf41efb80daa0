"""Paths of the API for programs, and the header by which the front process says who calls."""

HTTP_PREFIX = "/v1"
GRADIO_PREFIX = "/api"  # for gradio_client: Client("https://host/api/")
MCP_PREFIX = "/mcp"
API_PREFIXES = (HTTP_PREFIX, GRADIO_PREFIX, MCP_PREFIX)
CALLER_SCOPE = "undertone.caller"  # key of a request's scope, where `app/api` puts who calls
CALLER_HEADER = b"x-undertone-caller"  # set by the front process alone, which takes it off every request from outside


def is_api_path(path: str) -> bool:
    """Return whether a path of the site is of the API for programs."""
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in API_PREFIXES)
