"""Undertone on other people's machines: what a Hugging Face Space and a container need.

`space_files` writes the folder of a Space from pyproject and the code that serves, `space_upload` sends it to the Hub,
`bundle_upload` a bundle;
`healthcheck` is what a container asks.
"""
