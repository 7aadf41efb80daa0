"""Undertone on other people's machines: what a Hugging Face Space needs, and how it gets there.

`space_files` writes the folder, `space_upload` sends it, `space_app` is what runs there.
"""
