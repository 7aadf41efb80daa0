"""What several pages use: the visitor's state, the prompt panel, players, plots, notes, look, and the guard of events.

`context.Context` is what each page is given.
"""
