"""The Prosody page: a recording's latents moved by hand, heard, seen and measured while its words stay."""

from undertone.app.prosody.page import build_prosody_page

__all__ = ["build_prosody_page"]
