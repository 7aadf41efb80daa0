"""The endings of the names of sound files: what a page offers to choose and what a folder is searched for.

Others are read too, by their first bytes, where somebody names the file (`undertone.engine.audio.reading.read_audio`).
"""

SUFFIXES = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".caf", ".w64",
    ".m4a", ".mp4", ".mov", ".3gp", ".aac", ".webm", ".mka", ".mkv", ".amr",
)  # fmt: skip
