"""Prepared data: cleaned clips in flat files or shards, batches over them, and the processes that make them.

`prepare.prepare` and `shards.prepare_shards` make a prepared folder, `pool.open_corpus` opens one of either kind;
`engine.worker_pool.map_in_workers` is how work is spread over processes.
"""
