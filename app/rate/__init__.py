"""The rater's page: JSON routes, sounds without names, and one page with its own script; no Gradio, no queue."""

from undertone.app.rate.prolific_webhook import prolific_router
from undertone.app.rate.routes import rate_router

__all__ = ["prolific_router", "rate_router"]
