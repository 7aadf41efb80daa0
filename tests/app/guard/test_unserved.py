"""Blocks are built without an application of their own, and are served by the one that they are mounted with."""

from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio.routes import App

from undertone.app.guard.mount import mount_page
from undertone.app.guard.unserved import unserved_blocks
from undertone.app.guard.visitors import Visitors


def build() -> gr.Blocks:
    with gr.Blocks() as blocks:
        gr.Markdown("A page")
    return blocks.queue()


def test_no_application_is_made_until_blocks_are_mounted_and_then_one(tmp_path: Path) -> None:
    create_app = App.create_app
    with unserved_blocks():
        blocks = build()
    assert blocks.app is None
    assert App.create_app is create_app
    assert isinstance(build().app, App)  # as Gradio does it elsewhere
    site = FastAPI()
    mount_page(site, blocks, "/page", Visitors(tmp_path))
    assert isinstance(blocks.app, App)
    with TestClient(site) as client:
        assert "A page" in client.get("/page/").text


def test_gradio_is_as_before_when_building_fails() -> None:
    create_app = App.create_app
    try:
        with unserved_blocks():
            raise ValueError
    except ValueError:
        pass
    assert App.create_app is create_app
