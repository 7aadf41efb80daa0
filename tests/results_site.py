"""A site with nothing but sign-in and the Results page: `python -m tests.results_site DATA PORT`."""

import sys
from pathlib import Path

import gradio as gr
import numpy as np
import soundfile
import uvicorn
from fastapi import FastAPI
from gradio.utils import get_upload_folder

from tests.judged_study import add_judged_study
from undertone.app.auth.passphrases import add_admin
from undertone.app.auth.sign_in import SignIn
from undertone.app.auth.sign_in_page import sign_in_router
from undertone.app.guard.mount import mount_page
from undertone.app.guard.visitors import Visitors
from undertone.app.results import page as results_page
from undertone.app.results.access import ResultsAccess
from undertone.app.results.routes import results_router
from undertone.app.shared.theme import STYLE_PATH, theme
from undertone.studies.store import Database, StorageLocations, migrate

ADMIN, READER, PASSPHRASE = "ada", "rita", "four words will do"


def add_people(db: Database) -> None:
    migrate(db)
    add_admin(db, ADMIN, "admin", PASSPHRASE)
    add_admin(db, READER, "reader", PASSPHRASE)


def filled_places(folder: Path) -> StorageLocations:
    """A data folder with people who may sign in and a study that was judged."""
    places = StorageLocations.at(folder)
    places.data.mkdir(parents=True)
    db = Database(places.url, places.events)
    add_people(db)
    study = add_judged_study(db)
    db.close()
    folder = places.media_of(study)
    folder.mkdir(parents=True)
    noise = 0.05 * np.random.default_rng(1).standard_normal(16_000)
    soundfile.write(folder / "x.flac", noise, 16_000, format="FLAC", subtype="PCM_16")  # of every clip
    return places


def results_app(db: Database, places: StorageLocations) -> FastAPI:
    sign_in = SignIn(db, "a secret of the server")
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    access = ResultsAccess(sign_in, places, places.data / "downloads")
    app.include_router(sign_in_router(sign_in))
    app.include_router(results_router(access))
    with gr.Blocks(title="Results", analytics_enabled=False, fill_width=True) as page, gr.Column(elem_id="page"):
        results_page.build_results_page(access, page)
    for event in page.fns.values():
        event.api_visibility = "private"
    page.queue(default_concurrency_limit=4, max_size=64, api_open=False)
    visitors = Visitors(Path(get_upload_folder()))
    mount_page(app, page, "/results", visitors, sign_in.require_admin, theme=theme(), css_paths=STYLE_PATH)
    return app


if __name__ == "__main__":
    places = StorageLocations.at(Path(sys.argv[1]))
    site = results_app(Database(places.url, places.events), places)
    uvicorn.run(site, port=int(sys.argv[2]), log_level="error", timeout_graceful_shutdown=2)
