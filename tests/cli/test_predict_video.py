"""``predict`` of a video file: every frame, what of the file is bad, and the extra that it needs."""

import json
import sys

import numpy as np
import pytest
from made_weights import make_weights
from PIL import Image

from bench.data.video import Video
from bench.errors import RefusedInput

FRAMES, SIZE_HW = 10, (129, 160)


@pytest.fixture
def av():
    return pytest.importorskip("av", reason="the extra video is not installed")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "camvid.safetensors"
    return make_weights(path, note="a note", data="camvid", data_options={})


def pictures():
    rng = np.random.Generator(np.random.PCG64(0))
    return [rng.integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8) for _ in range(FRAMES)]


def write_video(av, path, *, sound=False, pts=None, codec="ffv1", pixels="bgr0"):
    """Write a video of 5 frames per second, without loss in ffv1."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=5)
        stream.height, stream.width, stream.pix_fmt = *SIZE_HW, pixels
        tone = container.add_stream("pcm_s16le", rate=8000, layout="mono") if sound else None
        for number, picture in enumerate(pictures()):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number if pts is None else pts[number]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.int16), "s16", "mono")
            silence.sample_rate = 8000
            container.mux(tone.encode(silence))
            container.mux(tone.encode(None))
    return path


def frames_of(av, path):
    with av.open(str(path)) as container:
        assert not container.streams.audio
        return [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="rgb24"))
            for frame in container.decode(video=0)
        ]


def test_the_overlay_has_every_frame_at_its_time_and_shares_are_those_of_the_frames_as_images(
    av, carnet_bench, weights, tmp_path
):
    times = [0, 1, 2, 3, 4, 5, 7, 8, 9, 12]
    video = write_video(av, tmp_path / "drive.mkv", sound=True, pts=times)
    (tmp_path / "photos").mkdir()
    for number, pixels in enumerate(pictures()):
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    words = ("--out", tmp_path / "out", "--threads", 1, "--json")
    code, stdout, stderr = carnet_bench("predict", weights, video, *words)
    assert code == 0, stderr
    assert "drive.mkv: the overlay has no sound" in stderr
    document = json.loads(stdout)
    row = document["video"]
    assert (row["frames"], row["size_hw"], row["faults"]) == (FRAMES, list(SIZE_HW), [])
    assert (document["data"], document["files"], document["notes"]) == ("camvid", [], ["a note"])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["drive_overlay.mp4"]
    shown = frames_of(av, row["overlay"])
    assert [when for when, _ in shown] == pytest.approx([one / 5 for one in times], abs=1e-3)
    # 160 pixels wide as a picture, 320 with its legend, and even
    height, width, _ = shown[0][1].shape
    assert (width, height % 2) == (320, 0)
    assert height > SIZE_HW[0] + 13

    _, stdout, _ = carnet_bench("predict", weights, tmp_path / "photos", *words)
    each = [one["shares"] for one in json.loads(stdout)["files"]]
    mean = {title: sum(one.get(title, 0) for one in each) / FRAMES for one in each for title in one}
    assert row["shares"] == pytest.approx(mean)


def test_the_picture_of_a_frame_is_its_overlay(av, carnet_bench, weights, tmp_path):
    video = write_video(av, tmp_path / "drive.mkv")
    Image.fromarray(pictures()[3]).save(tmp_path / "third.png")
    for source in (video, tmp_path / "third.png"):
        assert carnet_bench("predict", weights, source, "--out", tmp_path / "out", "--threads", 1)[0] == 0
    _, frame = frames_of(av, tmp_path / "out" / "drive_overlay.mp4")[3]
    with Image.open(tmp_path / "out" / "third_overlay.png") as picture:
        expected = np.array(picture)[: SIZE_HW[0], : SIZE_HW[1]]
    found = frame[: SIZE_HW[0], : SIZE_HW[1]]
    # noise loses much in H.264, but another frame is further away than that
    other = frames_of(av, tmp_path / "out" / "drive_overlay.mp4")[4][1][: SIZE_HW[0], : SIZE_HW[1]]
    distances = [np.abs(one.astype(int) - expected).mean() for one in (found, other)]
    assert distances[0] < 0.7 * distances[1]


def test_a_cut_video_is_named_and_what_could_be_read_is_written(av, carnet_bench, weights, tmp_path):
    whole = write_video(av, tmp_path / "whole.mkv").read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    code, stdout, stderr = carnet_bench("predict", weights, cut, "--out", tmp_path / "out", "--threads", 1)
    assert code == 3
    assert "cut.mkv: ends after" in stderr
    assert "of 2.0 s" in stderr
    shown = frames_of(av, tmp_path / "out" / "cut_overlay.mp4")
    assert 1 <= len(shown) < FRAMES
    assert f"{len(shown)} frames" in stdout


def test_a_damaged_frame_is_counted_and_the_rest_is_read(av, tmp_path):
    path = write_video(av, tmp_path / "drive.mkv", codec="mjpeg", pixels="yuvj444p")
    with av.open(str(path)) as container:
        payload = bytes([packet for packet in container.demux() if packet.size][4])
    path.write_bytes(path.read_bytes().replace(payload, bytes(len(payload))))
    with Video(path) as video:
        assert len(list(video.frames())) == FRAMES - 1
    assert video.faults == ["1 damaged frame"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text.mp4", "text.mp4: not a video"),
        ("empty.mkv", "empty.mkv: not a video"),
        ("list.mp4", "list.mp4: not a video"),
        ("missing.avi", "missing.avi: no such file"),
    ],
)
def test_what_is_no_video_is_refused_by_name_and_leaves_nothing(
    av, carnet_bench, weights, tmp_path, *, name, message
):
    (tmp_path / "text.mp4").write_bytes(b"no video at all")
    (tmp_path / "empty.mkv").touch()
    # a list that leads to other files, here to one that is there
    write_video(av, tmp_path / "other.mkv")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.mkv\n")
    code, stdout, stderr = carnet_bench("predict", weights, tmp_path / name, "--out", tmp_path / "out")
    assert (code, stdout) == (3, "")
    assert message in stderr
    assert not (tmp_path / "out").exists()


def test_a_file_of_sound_alone_is_refused(av, tmp_path):
    path = tmp_path / "song.mkv"
    with av.open(str(path), "w") as container:
        tone = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        silence.sample_rate = 8000
        container.mux(tone.encode(silence))
        container.mux(tone.encode(None))
    with pytest.raises(RefusedInput, match=r"song\.mkv: no video stream"):
        Video(path)


def test_a_result_is_replaced_only_when_asked_for(av, carnet_bench, weights, tmp_path):
    video = write_video(av, tmp_path / "drive.mkv")
    (tmp_path / "out").mkdir()
    there = tmp_path / "out" / "drive_overlay.mp4"
    there.write_bytes(b"mine")
    words = ("predict", weights, video, "--out", tmp_path / "out", "--threads", 1)
    code, _, stderr = carnet_bench(*words)
    assert (code, "drive_overlay.mp4: there already" in stderr) == (3, True)
    assert there.read_bytes() == b"mine"
    assert carnet_bench(*words, "--overwrite")[0] == 0
    assert len(frames_of(av, there)) == FRAMES


def test_without_the_extra_the_error_names_it(carnet_bench, weights, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "drive.mp4").write_bytes(b"x")
    code, stdout, stderr = carnet_bench("predict", weights, tmp_path / "drive.mp4", "--out", tmp_path / "out")
    assert (code, stdout) == (2, "")
    assert "pip install 'carnet-bench[video]'" in stderr


def test_an_ffmpeg_without_the_codec_is_a_usage_error_and_nothing_is_left(
    av, carnet_bench, weights, tmp_path, monkeypatch
):
    monkeypatch.setattr("bench.predict.video._CODEC", "none_such")
    video = write_video(av, tmp_path / "drive.mkv")
    code, _, stderr = carnet_bench("predict", weights, video, "--out", tmp_path / "out", "--threads", 1)
    assert (code, "cannot write none_such" in stderr) == (2, True)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_phones_video_is_turned_as_it_wants_to_be_shown(av, tmp_path):
    path = tmp_path / "phone.mp4"
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    # the track's matrix as a phone that is held upright writes it (ISO 14496-12, 8.3.2): to be shown turned
    # clockwise by a quarter
    head, mark, rest = path.read_bytes().partition(b"tkhd")
    plain, turned = (
        b"".join(number.to_bytes(4, "big", signed=True) for number in matrix)
        for matrix in (
            (65536, 0, 0, 0, 65536, 0, 0, 0, 2**30),
            (0, 65536, 0, -65536, 0, 0, 0, 0, 2**30),
        )
    )
    assert plain in rest
    path.write_bytes(head + mark + rest.replace(plain, turned, 1))
    with Video(path) as video:
        ((_, image),) = video.frames()
    assert image.shape == (3, 96, 64)
    corners = [image[:, :40, :24], image[:, :40, 40:], image[:, 56:, :24], image[:, 56:, 40:]]
    assert [bool(corner.float().mean() > 128) for corner in corners] == [False, True, False, False]
