"""The Prosody page: a recording's latents moved by hand, heard, seen and measured while its words stay.

`*_widgets` lay a step out and show it, `*_events` bind it; `edit_changes` and `editing_session` do what it asks for,
and `tasks` carries heavy work to the model and back. `page.build_prosody_page` is public.
"""

from undertone.app.prosody.page import build_page_without_latents, build_prosody_page

__all__ = ["build_page_without_latents", "build_prosody_page"]
