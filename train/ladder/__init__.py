"""The modality ladder: one text as seven token streams, a language model of each, and the pairs it is judged on.

`streams.make_stream` gives the tokens, `pair_file.make_ladder_pairs` the pairs, and `rung.train_rung` trains and scores
one rung.
"""
