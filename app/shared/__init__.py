"""The parts that several pages use: visitor's state, prompt panel, players, plots, notes, look, guard of events.

Each page is given a `context.Context`.
"""
