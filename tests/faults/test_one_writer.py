"""One function writes files and one loads checkpoints: the code itself is read, and nothing else does.

The linter bans the names it can; this also finds ``path.write_text`` or ``figure.savefig(path)``. What is
written into a buffer in memory is free.
"""

import ast
from pathlib import Path

import pytest

import bench

ROOT = Path(bench.__file__).parent.parent
SOURCES = sorted(path for name in ("bench", "carnet", "baselines") for path in (ROOT / name).rglob("*.py"))

# who may, and why
WRITERS = {
    "bench/files.py": "holds the functions that write files",
    "bench/train/lock.py": "holds a run's lock, which is an open file",
}
LOADERS = {"bench/train/checkpoint.py": "holds the function that loads, and saves into memory"}

LOADING = {
    *("torch.load", "torch.save", "torch.jit.load", "torch.hub.load", "torch.hub.load_state_dict_from_url"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load", "marshal.loads", "joblib.load"),
    *("shelve.open", "pandas.read_pickle", "pd.read_pickle"),
}
# they write the file that their first argument names; without one they return text
WRITING = {
    *("to_csv", "to_json", "to_parquet", "to_pickle", "to_excel", "to_html", "to_markdown", "to_latex"),
    *("savefig", "imsave", "imwrite", "savez", "savez_compressed", "savetxt", "tofile", "save", "save_file"),
    *("write_image", "copyfile", "copy2", "copytree"),
}
ALWAYS_WRITING = {"write_text", "write_bytes"}
LOW_LEVEL = {"os.open", "os.rename", "os.replace", "os.link", "tempfile.mkstemp", "shutil.move"}
# through the one writer; of our own objects; to be read; into memory (torch.save counts as loading)
OURS = ("checkpoint.save", "self.save", "Image.open", "safetensors.torch.save", "torch.save")
MODULES = {"io", "os", "zipfile", "tarfile", "gzip", "av"}


def is_temporary(node):
    """Whether this is the file that `bench.files.GrowingFile` gives to a library that opens its own."""
    named = node.args[0] if isinstance(node, ast.Call) and dotted(node.func) == "str" else node
    return isinstance(named, ast.Attribute) and named.attr == "temporary"


def dotted(node):
    """``a.b.c`` of a name or its attribute; ``?.c`` of an attribute of anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id if isinstance(node, ast.Name) else "?", *reversed(parts)])


def is_buffer(node, names=()):
    if isinstance(node, ast.Call):
        return dotted(node.func).split(".")[-1] in {"BytesIO", "StringIO"}
    return isinstance(node, ast.Name) and node.id in names


def buffers_of(tree):
    return {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and is_buffer(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def writes(call, name, buffers):
    last = name.split(".")[-1]
    keywords = {word.arg: word.value for word in call.keywords}
    first = call.args[0] if call.args else keywords.get("path_or_buf", keywords.get("path"))
    if name in OURS:
        return False
    if last in ALWAYS_WRITING or name in LOW_LEVEL:
        return True
    if last in WRITING and "." in name:
        return first is not None and not is_buffer(first, buffers)
    if last in {"open", "fdopen", "ZipFile", "TarFile"}:
        # path.open(mode), and open(path, mode) of everything that is a module's or built in
        module = name.rpartition(".")[0].rpartition(".")[2].lstrip("_")  # self._av: an extra, imported late
        of_module = isinstance(call.func, ast.Name) or module in MODULES
        if of_module and is_temporary(first):
            return False
        mode = keywords.get("mode", next(iter(call.args[int(of_module) :]), ast.Constant("r")))
        text = mode.value if isinstance(mode, ast.Constant) else "w"  # a mode that is not in sight may write
        return bool(set(text) & set("wax+")) and not (of_module and is_buffer(first, buffers))
    return False


def loads(call, name):
    pickles = name in {"np.load", "numpy.load"} and any(
        word.arg == "allow_pickle" and getattr(word.value, "value", True) for word in call.keywords
    )
    return pickles or name in LOADING


def offences(source):
    """What a file does that only one may, as (line, ``write`` or ``load``, the call)."""
    tree = ast.parse(source)
    buffers = buffers_of(tree)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if writes(node, name, buffers):
                found.append((node.lineno, "write", name))
            if loads(node, name):
                found.append((node.lineno, "load", name))
        elif isinstance(node, ast.ImportFrom):
            imported = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(node.lineno, "load", name) for name in imported if name in LOADING]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_the_one_writer_writes_and_only_the_one_loader_loads(path):
    name = path.relative_to(ROOT).as_posix()
    allowed = {"write"} if name in WRITERS else {"load"} if name in LOADERS else set()
    found = [offence for offence in offences(path.read_text(encoding="utf-8")) if offence[1] not in allowed]
    assert found == [], f"{name}: write through bench.files, load through bench.train.checkpoint"


def test_the_one_loader_loads_once_and_trusts_nothing():
    source = (ROOT / "bench/train/checkpoint.py").read_text(encoding="utf-8")
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    loading = [call for call in calls if dotted(call.func) == "torch.load"]
    assert len(loading) == 1
    assert {word.arg: word.value.value for word in loading[0].keywords}["weights_only"] is True


@pytest.mark.parametrize(
    "line",
    [
        "Path('a').write_text('x')",
        "path.write_bytes(b'x')",
        "open('a', 'w')",
        "open('a', mode='ab')",
        "open('a', how)",
        "io.open('a', 'x')",
        "path.open('r+')",
        "os.fdopen(3, 'wb')",
        "os.open('a', 1)",
        "frame.to_csv(path)",
        "frame.to_csv(path_or_buf=path)",
        "figure.savefig(folder / 'a.png')",
        "picture.save(path)",
        "np.savez(path, a=1)",
        "np.save('a', 1)",
        "zipfile.ZipFile(path, 'w')",
        "os.replace('a', 'b')",
        "torch.load(path, weights_only=True)",
        "torch.save(state, io.BytesIO())",
        "from torch import load",
        "pickle.loads(b'')",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=trust)",
        "self._av.open('a', 'w')",
    ],
)
def test_each_way_round_is_found(line):
    assert len(offences(line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "path.open()",
        "path.open('rb')",
        "path.open(encoding='utf-8', newline='')",
        "open('a')",
        "open('a', 'rb')",
        "text = frame.to_csv()",
        "text = frame.to_csv(index=False)",
        "buffer = io.BytesIO()\nfigure.savefig(buffer)",
        "picture.save(BytesIO(), 'PNG')",
        "buffer = io.BytesIO()\nzipfile.ZipFile(buffer, 'w')",
        "zipfile.ZipFile(path)",
        "Image.open(path, formats=('PNG',))",
        "np.load(path)",
        "np.load(path, allow_pickle=False)",
        "checkpoint.save(folder, 1, state)",
        "write_atomic(path, text)",
        "self._av.open(str(path), options=OPTIONS)",
        "self._av.open(str(growing.temporary), 'w')",
    ],
)
def test_reading_and_buffers_are_free(line):
    assert offences(line) == []
