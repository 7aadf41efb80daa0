"""The Ladder page: what a modality ladder has measured, and the same sentences as the tokens of every rung.

`page.build_ladder_page` lays it out; `undertone ladder` makes what it shows.
"""
