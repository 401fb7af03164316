"""The manifest digest, worked by hand, and names of samples."""

import hashlib

from bench.data.dataset import files_digest, manifest_digest, sample_name


class TwoFiles:
    name = "two"
    split = "val"
    classes = ("a", "b")
    palette = ((0, 0, 0), (1, 1, 1))
    synthetic = False

    def __len__(self):
        return 2

    def read(self, index):
        raise NotImplementedError

    def manifest(self):
        return {"b.png": "22", "a.png": "11"}


def test_files_digest_is_the_sha256_of_the_sorted_lines():
    assert files_digest(TwoFiles()) == hashlib.sha256(b"a.png 11\nb.png 22\n").hexdigest()


def test_manifest_digest_is_the_sha256_of_the_rows_in_order_and_names_its_version():
    rows = b'[["b.png", "22"], ["a.png", "11"]]'
    assert manifest_digest(TwoFiles()) == f"v2:{hashlib.sha256(rows).hexdigest()}"


def test_a_sample_without_a_known_name_is_named_by_its_place():
    assert sample_name(TwoFiles(), 1) == "two/val[1]"
