"""The Continue page: a recording, the settings of a continuation, its takes with player and figure, quick ratings.

`page.build_continue_page` lays it out.
"""
