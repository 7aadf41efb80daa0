"""The diffusion decoder: its U-Net, noise schedule and solvers, and the decoders that put others in their place.

`Diffusion` is public; `build.build_decoder` makes the kind that a configuration asks for.
"""
