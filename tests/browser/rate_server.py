"""Serves the rater's page on a database: `python -m tests.browser.rate_server DATA PORT`."""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from undertone.app.auth.sign_in import SignIn
from undertone.app.auth.sign_in_page import sign_in_router
from undertone.app.rate import rate_router
from undertone.studies.sessions import Sessions, load_secret
from undertone.studies.store import Database, StorageLocations

if __name__ == "__main__":
    places = StorageLocations.at(Path(sys.argv[1]))
    db, secret = Database(places.url), load_secret(places.data)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(rate_router(Sessions(db, places.media, secret, places.backups)))
    app.include_router(sign_in_router(SignIn(db, secret)))
    uvicorn.run(app, port=int(sys.argv[2]), log_level="error")
