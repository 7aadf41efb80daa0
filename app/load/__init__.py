"""A rehearsal of many people at once on a server of its own: raters, visitors, and connections that only hold on.

`rehearse` starts `undertone serve`, plays them, and counts in the database what was acknowledged.
"""
