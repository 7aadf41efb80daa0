"""The manifest of a corpus."""

from pathlib import Path

from tests.train.corpora.test_layouts import librispeech
from undertone.train.corpora.manifest import Manifest, cuts_of_corpus, write_manifest


def test_a_manifest_lists_every_clip_once_and_names_what_is_broken(tmp_path: Path) -> None:
    folder = librispeech(tmp_path / "corpus")
    (folder / "train-clean-100" / "19" / "1" / "19-1-0001.flac").write_bytes(b"no audio")
    out = tmp_path / "out"
    write_manifest(cuts_of_corpus(folder, "auto"), out, "corpus", ("train", "dev"), shard_hours=1.0 / 3600)
    manifest = Manifest(out)
    assert [row["clip_id"] for row in manifest.rejected()] == ["19-1-0001"]
    assert manifest.clips == {"train": 1, "dev": 2}
    assert manifest.shards["dev"] == 2
    in_shards = [cut.id for number in range(2) for cut in manifest.shard("dev", number)]
    assert sorted(in_shards) == ["84-1-0000", "84-1-0001"]
    assert {cut.id for cut in manifest.cuts()} == {"19-1-0000", *in_shards}
