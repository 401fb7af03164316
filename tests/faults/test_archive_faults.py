"""Faults 33 and 34: archives that climb out, link out or unpack to more than the disk holds."""

import io
import stat
import tarfile
import zipfile

import pytest

from bench.data import archive
from bench.data.archive import plan, unpack
from bench.errors import RefusedInput


def place(name):
    """Everything that ends in .png belongs into one folder, whatever stands before."""
    return f"kept/{name.rpartition('/')[2]}" if name.endswith(".png") else None


def write_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return path


def write_tar(path, members, mode="w"):
    with tarfile.open(path, mode) as opened:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if not isinstance(content, tarfile.TarInfo):
                info.size = len(content)
            opened.addfile(info, io.BytesIO(b"" if isinstance(content, tarfile.TarInfo) else content))
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def refuse(path, message, **options):
    """Plan the archive, see it refused, and see that nothing was written beside it."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(RefusedInput, match=message) as caught:
        unpack([plan(path, place, **options)], path.parent / "out")
    assert path.name in str(caught.value) or "out" in str(caught.value)
    assert sorted(path.parent.rglob("*")) == before


CLIMBING = ["../out.png", "a/../../out.png", "a\\..\\..\\out.png", ".."]
ABSOLUTE = ["/etc/out.png", "\\windows\\out.png", "C:\\out.png", "C:out.png"]


@pytest.mark.parametrize("write", [write_zip, write_tar])
@pytest.mark.parametrize("name", CLIMBING)
def test_fault_33_a_name_that_climbs_out_refuses_the_archive(tmp_path, write, name):
    refuse(write(tmp_path / "data.bin", {"good.png": b"1", name: b"2"}), "climbs out of the folder")


@pytest.mark.parametrize("write", [write_zip, write_tar])
@pytest.mark.parametrize("name", ABSOLUTE)
def test_fault_33_an_absolute_name_refuses_the_archive(tmp_path, write, name):
    refuse(write(tmp_path / "data.bin", {"good.png": b"1", name: b"2"}), "is an absolute path")


@pytest.mark.parametrize("name", ["../folder/", "/folder/"])
def test_fault_33_folders_are_looked_at_too(tmp_path, name):
    refuse(write_zip(tmp_path / "data.zip", {"good.png": b"1", name: b""}), "climbs|absolute")
    folder = special(name, tarfile.DIRTYPE)
    refuse(write_tar(tmp_path / "data.tar", {"good.png": b"1", name: folder}), "climbs|absolute")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (tarfile.SYMTYPE, "is a link"),
        (tarfile.LNKTYPE, "is a link"),
        (tarfile.CHRTYPE, "is a special file"),
        (tarfile.FIFOTYPE, "is a special file"),
    ],
)
def test_fault_33_a_link_or_device_in_a_tar_refuses_the_archive(tmp_path, kind, message):
    members = {"good.png": b"1", "link.png": special("link.png", kind, "/etc/passwd")}
    refuse(write_tar(tmp_path / "data.tar", members), message)


def test_fault_33_a_link_in_a_zip_refuses_the_archive(tmp_path):
    info = zipfile.ZipInfo("link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as opened:
        opened.writestr("good.png", b"1")
        opened.writestr(info, "/etc/passwd")
    refuse(tmp_path / "data.zip", "link.png is a link")


def test_fault_33_a_zero_byte_in_a_name_refuses_the_archive(tmp_path):
    path = write_zip(tmp_path / "data.zip", {"goodX.png": b"1"})
    path.write_bytes(path.read_bytes().replace(b"goodX.png", b"good\0.png"))
    refuse(path, "absolute path|not a whole zip")


def test_fault_33_two_members_for_one_place_are_refused_even_when_only_cases_differ(tmp_path):
    refuse(write_zip(tmp_path / "data.zip", {"a/x.png": b"1", "b/X.png": b"2"}), "both belong at kept/X.png")
    refuse(write_tar(tmp_path / "data.tar", {"a/x.png": b"1", "b/x.png": b"2"}), "both belong at kept/x.png")


def test_fault_34_a_zip_bomb_is_refused_by_what_it_declares(tmp_path):
    path = write_zip(tmp_path / "bomb.zip", {"zeros.png": bytes(1_000_000)})
    assert path.stat().st_size < 2_000
    refuse(path, "1 files declare 1000000 bytes unpacked, .* 100000 bytes", limit_bytes=100_000)


def test_fault_34_files_that_are_not_needed_count_too(tmp_path):
    path = write_zip(tmp_path / "bomb.zip", {"x.png": b"1", "zeros.bin": bytes(1_000_000)})
    refuse(path, "2 files declare 1000001 bytes", limit_bytes=100_000)


def test_fault_34_a_compressed_tar_bomb_is_refused_at_its_header(tmp_path):
    path = write_tar(tmp_path / "bomb.tar.gz", {"zeros.png": bytes(1_000_000)}, "w:gz")
    refuse(path, "declare 1000000 bytes", limit_bytes=100_000)


def test_fault_34_a_header_that_claims_a_terabyte_is_refused_though_the_file_is_short(tmp_path):
    info = tarfile.TarInfo("huge.png")
    info.size = 1 << 40
    path = tmp_path / "huge.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT))
    refuse(path, "declare 1099511627776 bytes")


def test_fault_34_too_many_files_and_too_large_a_file_are_refused(tmp_path, monkeypatch):
    path = write_zip(tmp_path / "data.zip", {f"{number}.png": b"12345" for number in range(4)})
    monkeypatch.setattr(archive, "LARGEST_FILE_BYTES", 4)
    refuse(path, r"0\.png has 5 bytes, allowed for one file are 4")
    monkeypatch.setattr(archive, "MOST_MEMBERS", 3)
    monkeypatch.setattr(archive, "LARGEST_FILE_BYTES", 5)
    refuse(path, "4 files declare 20 bytes unpacked, expected at most 3 files")


def test_fault_34_the_free_disk_is_asked_before_anything_is_written(tmp_path, monkeypatch):
    path = write_zip(tmp_path / "data.zip", {"x.png": b"12345", "left-out.txt": bytes(100)})
    monkeypatch.setattr(
        archive.shutil, "disk_usage", lambda folder: archive.shutil._ntuple_diskusage(9, 5, 4)
    )
    refuse(path, "5 bytes to unpack, 4 free on its disk")
    monkeypatch.setattr(
        archive.shutil, "disk_usage", lambda folder: archive.shutil._ntuple_diskusage(9, 4, 5)
    )
    assert unpack([plan(path, place)], tmp_path / "out").written == 1


def test_an_encrypted_member_is_refused(tmp_path):
    path = write_zip(tmp_path / "data.zip", {"x.png": b"1"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    refuse(path, "x.png is encrypted")


def test_what_is_no_archive_or_of_something_else_is_refused(tmp_path):
    (tmp_path / "data.zip").write_bytes(b"PK" + bytes(500))
    refuse(tmp_path / "data.zip", "not a whole zip or tar archive")
    refuse(
        write_zip(tmp_path / "other.zip", {"README": b"1"}), "none of its 1 files belongs to this data set"
    )
    with pytest.raises(RefusedInput, match=r"gone\.zip: no such file"):
        plan(tmp_path / "gone.zip", place)


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_a_good_archive_is_unpacked_and_unpacking_goes_on_where_it_was_stopped(tmp_path, suffix):
    members = {"top/a.png": b"aaa", "top/b.png": b"bbb", "top/readme.txt": b"no"}
    path = tmp_path / f"data{suffix}"
    write_zip(path, members) if suffix == ".zip" else write_tar(
        path, members, "w:gz" if "gz" in suffix else "w"
    )
    out = tmp_path / "out"
    first = unpack([plan(path, place)], out)
    assert (first.written, first.kept, first.left_out) == (2, 0, 1)
    assert {file.name: file.read_bytes() for file in (out / "kept").iterdir()} == {
        "a.png": b"aaa",
        "b.png": b"bbb",
    }
    (out / "kept" / "a.png").write_bytes(b"xxx")  # same size, other bytes
    second = unpack([plan(path, place)], out)
    assert (second.written, second.kept) == (1, 1)
    assert (out / "kept" / "a.png").read_bytes() == b"aaa"


def test_a_damaged_member_is_refused_and_what_was_written_before_is_whole(tmp_path):
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as opened:  # stored, so that no decoder stumbles
        opened.writestr("a.png", b"a" * 50)
        opened.writestr("b.png", b"b" * 50)
    path.write_bytes(path.read_bytes().replace(b"b" * 50, b"b" * 49 + b"c"))
    with pytest.raises(RefusedInput, match=r"data\.zip: damaged \(Bad CRC-32.*1 files were written before"):
        unpack([plan(path, place)], tmp_path / "out")
    assert [file.name for file in (tmp_path / "out" / "kept").iterdir()] == ["a.png"]


def test_a_tar_that_was_cut_off_is_refused(tmp_path):
    path = write_tar(tmp_path / "data.tar", {"a.png": b"a" * 5000, "b.png": b"b" * 5000})
    path.write_bytes(path.read_bytes()[:7000])
    refuse(path, "not a whole zip or tar|damaged")


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_a_damaged_member_is_refused_however_it_is_packed(tmp_path, packing):
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w", packing) as opened:
        opened.writestr("a.png", bytes(range(256)) * 20)
    content = bytearray(path.read_bytes())
    start = content.index(b"a.png") + 5
    content[start + 9 : start + 40] = b"\xff" * 31
    path.write_bytes(content)
    with pytest.raises(RefusedInput, match=r"data\.zip: damaged"):
        unpack([plan(path, place)], tmp_path / "out")


@pytest.mark.parametrize("method", [1, 9, 93, 99])
def test_a_packing_that_python_does_not_know_is_refused(tmp_path, method):
    path = write_zip(tmp_path / "data.zip", {"a.png": b"1"})
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        place_of = content.index(mark) + offset
        content[place_of : place_of + 2] = method.to_bytes(2, "little")
    path.write_bytes(content)
    with pytest.raises(RefusedInput, match=r"data\.zip: damaged"):
        unpack([plan(path, place)], tmp_path / "out")


def test_a_name_that_claims_to_be_utf_8_and_is_not_is_refused(tmp_path):
    path = write_zip(tmp_path / "data.zip", {"caf\u00e9.png": b"1"})
    path.write_bytes(path.read_bytes().replace("\u00e9".encode(), b"\xe9\xe9"))
    refuse(path, "not a whole zip or tar archive")


def test_back_slashes_between_folders_are_read_as_slashes(tmp_path):
    names = []
    info = zipfile.ZipInfo()
    info.filename = "set\\images\\a.png"  # the constructor would change it
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as opened:
        opened.writestr(info, b"1")
    plan(tmp_path / "data.zip", lambda name: names.append(name) or "a.png")
    assert names == ["set/images/a.png"]
