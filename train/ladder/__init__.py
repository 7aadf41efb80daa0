"""The modality ladder: one text as seven token streams, a language model of each, and the pairs it is judged on.

`streams.Streams` makes the tokens, `pair_file.make_ladder_pairs` the pairs, `rung.train_rung` trains and scores one rung.
"""
