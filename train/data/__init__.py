"""Prepared data: cleaned clips in flat files or shards, batches over them, and the processes that make them.

`prepare.prepare` makes a prepared folder, `pool.open_corpus` opens one.
"""
