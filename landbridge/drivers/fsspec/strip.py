"""Take the rows out of a model's files, so that it may leave the residency boundary of its training data.

MLflow keeps rows in two places: the input example (files, named in MLmodel) and the free-form `metadata` of MLmodel.
Both go; types, shapes and default parameters of the signature stay, so the model loads and predicts the same. What a
model has learnt by heart (nearest neighbours *are* rows) cannot be taken out: that is for `exports.model` to allow.
Source: mlflow 3.17.2, models/model.py and models/utils.py.
"""

import shutil
from collections.abc import MutableMapping
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Any

from landbridge.domain.errors import CorruptError, InputError
from landbridge.drivers.trees import files_of

MLMODEL = "MLmodel"
EXAMPLE_INFO = "saved_input_example_info"
_EXAMPLE_PATHS = ("artifact_path", "serving_input_path")
_EXAMPLE_FILES = frozenset({"input_example.json", "serving_input_example.json"})  # also when MLmodel forgot them
_NEEDED_METADATA = frozenset({"task", "prompt_template", "dependencies_schemas", "mlflow.model.isExternal"})


def strip_model(folder: str, target: str) -> tuple[str, ...]:
    """Copy a model's folder to `target`, which must not exist or be empty, without rows. The original is only read.

    Returns:
        What was left out: file names, and `MLmodel:<key>` for keys of that file.

    Raises:
        CorruptError: MLmodel cannot be read.
        InputError: `target` holds files already, which might be rows.
    """
    source, place = Path(folder), Path(target)
    if place.is_dir() and any(place.iterdir()):
        raise InputError(f"{target} is not empty.", "Name an empty folder.")
    text, keys, examples = _stripped_mlmodel(source)
    left_out = []
    for name, path in files_of(source):
        if name in examples:
            left_out.append(name)
            continue
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place / name)
    if keys:
        (place / MLMODEL).write_text(text, encoding="utf-8")
    return (*sorted(left_out), *keys)


def _stripped_mlmodel(folder: Path) -> tuple[str, tuple[str, ...], frozenset[str]]:
    """MLmodel without rows, the keys taken out of it, and the files of the example; no keys without an MLmodel."""
    if not (folder / MLMODEL).is_file():
        return "", (), _EXAMPLE_FILES
    yaml, model = _read(folder / MLMODEL)
    info = model.pop(EXAMPLE_INFO, None)
    keys = [] if info is None else [f"{MLMODEL}:{EXAMPLE_INFO}"]
    named = [info.get(key) for key in _EXAMPLE_PATHS] if isinstance(info, MutableMapping) else []
    examples = _EXAMPLE_FILES | {PurePosixPath(str(name)).as_posix() for name in named if name}
    keys += _strip_metadata(model)
    text = StringIO()
    yaml.dump(model, text)
    return text.getvalue(), tuple(keys), examples


def _strip_metadata(model: MutableMapping[str, Any]) -> list[str]:
    """Drop what users wrote into `metadata`; the keys that MLflow itself reads when it loads or predicts stay."""
    metadata = model.get("metadata")
    if not metadata:
        return []
    if not isinstance(metadata, MutableMapping):
        del model["metadata"]
        return [f"{MLMODEL}:metadata"]
    dropped = [key for key in metadata if key not in _NEEDED_METADATA]
    for key in dropped:
        del metadata[key]
    return [f"{MLMODEL}:metadata.{key}" for key in dropped]


def _read(path: Path) -> tuple[Any, MutableMapping[str, Any]]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML()
    yaml.width = 1 << 16  # folding would only make the diff to the original longer
    try:
        model = yaml.load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise CorruptError(f"{path} cannot be read.", "Save the model with MLflow again.") from error
    if not isinstance(model, MutableMapping):
        raise CorruptError(f"{path} is no MLmodel file.", "Save the model with MLflow again.")
    return yaml, model
