"""The diffusion decoder: its U-Net, its noise schedule and the solvers that sample from it; `Diffusion` is public."""
