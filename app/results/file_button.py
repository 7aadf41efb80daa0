"""Button that makes a file to be downloaded, with a note that says how far it is or what failed."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from undertone.app.auth.sign_in import Admin
from undertone.app.results.access import ResultsAccess
from undertone.app.results.downloads import ready_html
from undertone.app.shared.widgets import Note
from undertone.engine import UndertoneError
from undertone.studies.store.tables import AdminRole

MakeFile = Callable[[ResultsAccess, Admin, str], Path]
logger = logging.getLogger(__name__)


def bind_file_button(
    access: ResultsAccess, button: gr.Button, study: gr.Dropdown | None, note: gr.HTML, make: MakeFile, role: AdminRole
) -> None:
    """Bind a button to what it makes; the note of an earlier file is replaced at once.

    Args:
        study: whose file it is; None where it is of the whole installation.
        note: says what is going on, and in the end holds the link.
        make: writes the file into a folder of `Downloads`.
        role: that is needed to make the file and to fetch it.
    """

    def run(name: str | None, request: gr.Request) -> Iterator[str]:
        try:
            admin = access.require(request, role)
            if study is not None and not name:
                raise UndertoneError("Choose a study first.")
            yield Note("quiet", "Making the file. It may take a minute.").html()
            path = make(access, admin, name or "")
            yield ready_html(path, access.downloads.offer(path, admin, role))
        except UndertoneError as error:
            yield Note("problem", str(error)).html()
        except Exception:  # a defect of ours: the person is told, and no note of an earlier file stays
            logger.exception("a file for the Results page could not be made")
            text = "The file could not be made. That is our mistake; the server's log says more."
            yield Note("problem", text).html()

    def of_installation(request: gr.Request) -> Iterator[str]:
        yield from run(None, request)

    slow: dict[str, Any] = {"concurrency_id": "results", "concurrency_limit": 1, "show_progress": "hidden"}
    if study is None:
        button.click(of_installation, None, note, **slow)
    else:
        button.click(run, study, note, **slow)
