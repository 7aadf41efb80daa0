"""Files of a ladder whose rungs are right in given shares of the pairs."""

from pathlib import Path

from undertone.engine.ladder import LadderPair, NgramScores, Rung, RungScores

COUNT = 60  # pairs of each judgement


def write_ladder(folder: Path, shares: dict[Rung, float], seeds: int = 1) -> Path:
    """Rungs that are right in a share of the pairs, the same ones for all rungs."""
    pairs = [
        LadderPair(judgement=judgement, kind=judgement, cluster=f"{judgement} {number // 2}", good="A", bad="B")
        for judgement in ("words", "grammar", "topics")
        for number in range(COUNT)
    ]
    (folder / "pairs.jsonl").write_text("".join(f"{pair.model_dump_json()}\n" for pair in pairs))
    half = tuple(float(number % 2) for number in range(len(pairs)))
    zeros = (0.5,) * len(pairs)
    ngrams = NgramScores(pairs="p", good=dict.fromkeys((1, 2, 3, 5), half), bad=dict.fromkeys((1, 2, 3, 5), zeros))
    (folder / "ngrams.json").write_text(ngrams.model_dump_json())
    for rung, share in shares.items():
        for seed in range(seeds):
            good = tuple(1.0 if number % COUNT < share * COUNT else -1.0 for number in range(len(pairs)))
            scores = RungScores(
                rung=rung, seed=seed, pairs="p", good=good, bad=(0.0,) * len(pairs), good_tokens=(3,) * len(pairs),
                bad_tokens=(3,) * len(pairs), words_seen=100, tokens_seen=300, vocabulary=9, parameters=10,
                nats_per_word=6.0, minutes=1.0,
            )  # fmt: skip
            (folder / f"{rung}-{seed}").mkdir()
            (folder / f"{rung}-{seed}/scores.json").write_text(scores.model_dump_json())
    return folder
