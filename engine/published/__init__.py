"""Import of the checkpoints that the authors of VAE-GSLM publish."""

from undertone.engine.published.convert import Published, import_bundle, import_published
from undertone.engine.published.names import published_name, to_published
from undertone.engine.published.random_weights import published_size

__all__ = [
    "Published",
    "import_bundle",
    "import_published",
    "published_name",
    "published_size",
    "to_published",
]
