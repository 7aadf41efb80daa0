"""The shorter import of Gradio: nothing is written, `mcp` is left for who needs it, and the components are whole."""

import subprocess
import sys

CODE = """
import sys
from pathlib import Path
from importlib.util import find_spec
from undertone.app.shared.gradio_import import shorten_gradio_import
shorten_gradio_import()
shorten_gradio_import()
written = []
write_text = Path.write_text
Path.write_text = lambda path, *more, **named: written.append(path.suffix) or write_text(path, *more, **named)
import ast
parsed = []
parse = ast.parse
ast.parse = lambda source, *more, **named: parsed.append(len(source)) or parse(source, *more, **named)
import gradio
ast.parse = parse
print(sum(size > 10_000 for size in parsed), written.count(".pyi"), "mcp" in sys.modules)
with gradio.Blocks() as blocks:
    button, text = gradio.Button("Go"), gradio.Textbox()
    button.click(lambda: "gone", None, text)
from gradio.utils import MatplotlibBackendMananger
with MatplotlibBackendMananger():  # about every event
    print("matplotlib.pyplot" in sys.modules)
print(len(blocks.fns), callable(gradio.Audio().stop_recording), find_spec("mcp") is not None)
"""


def test_gradio_is_whole_without_its_stubs_its_tools_and_the_windows_of_matplotlib() -> None:
    ran = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["0 0 False", "False", "1 True True"]
