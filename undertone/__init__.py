"""The one package that an installation occupies: `undertone.engine`, `.studies`, `.train` and `.app`.

In the repository the four folders lie at the top, and this folder holds links to them; a wheel holds them as
ordinary folders.
"""
