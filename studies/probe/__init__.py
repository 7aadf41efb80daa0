"""The probe: what each latent dimension does to pitch, energy, duration and timbre, measured on held-out speech.

`run.probe` measures an engine and returns a report, `run.probe_bundle` also stores it as the bundle's `probe.json`,
`run.stored_report` reads that, and `plot.write_plot` draws it.
"""
