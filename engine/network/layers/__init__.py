"""Layers that the parts of the network are built from: norms, convolutions, attention and the transformer."""
