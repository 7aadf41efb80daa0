"""A shorter import and first event of Gradio, which otherwise spends seconds on what no server needs."""

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from types import ModuleType

_STUBS, _TOOLS = "gradio.component_meta", "gradio.mcp"


def shorten_gradio_import() -> None:
    """Let a later `import gradio` neither rewrite its stubs nor load `mcp`, and its events not look for a window.

    Gradio parses the source of each of its components at every import to renew `.pyi` files, which is half of the
    time that it takes. It loads `mcp` where it is installed, though the site's tools are not Gradio's
    (`undertone.app.api.mcp_tools`). At each event it asks Matplotlib for its backend; unless one is named, Matplotlib
    then imports pyplot and lists the fonts of the machine, while the first visitor waits. What is imported already
    stays as it is.
    """
    os.environ.setdefault("MPLBACKEND", "agg")  # Gradio's own choice
    if not any(isinstance(finder, _ShorterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _ShorterImport())


class _ShorterImport(importlib.abc.MetaPathFinder):
    """Finder of the two modules, which are Gradio's own but for what is left out."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the specification with a loader that leaves something out; None for every other module."""
        if fullname not in (_STUBS, _TOOLS):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            loader = _WithoutStubs if fullname == _STUBS else _WithoutTools
            spec.loader = loader(fullname, spec.loader.path)
        return spec


class _WithoutStubs(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        if hasattr(module, "create_or_modify_pyi"):  # a later Gradio may have none
            module.__dict__["create_or_modify_pyi"] = lambda *_args: None


class _WithoutTools(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        """Run Gradio's module as where `mcp` is not installed, which it allows for."""
        if "mcp" in sys.modules:
            super().exec_module(module)
            return
        sys.modules["mcp"] = None  # type: ignore[assignment]  # Python's own way to say that it cannot be imported
        try:
            super().exec_module(module)
        finally:
            del sys.modules["mcp"]
