"""A static folder that continues a recording in the visitor's browser: page, graphs and runtime; nothing is served.

The scripts beside these files are copied as they are; `write_site` puts everything in one folder.
"""
