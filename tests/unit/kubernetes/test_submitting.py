"""Many jobs with the same code, submitted at once by one process: each owns the code, and few writes say so."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.errors import AuthError, ConflictError

from .api_server import ApiServer, Object
from .same_code import a_job, code_in, training_at


@pytest.fixture
def training(api: ApiServer, tmp_path: Path) -> Any:
    return training_at(api.kubeconfig, "team", tmp_path)


@pytest.fixture
def code(tmp_path: Path) -> str:
    return code_in(tmp_path)


def shared_code(api: ApiServer) -> Object:
    (found,) = [item for name, item in api.objects["configmaps"].items() if name.startswith("landbridge-code-")]
    return found


def owners(item: Object) -> list[str]:
    return [owner["uid"] for owner in item["metadata"].get("ownerReferences", [])]


def test_every_job_owns_the_code_and_few_writes_say_so(api: ApiServer, training: Any, code: str) -> None:
    api.pause_seconds = 0.02  # a write takes as long as that: others come meanwhile
    names = [f"job-{number:02}" for number in range(40)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: training.submit(a_job(name, code)), names))
    assert sorted(owners(shared_code(api))) == [f"uid-of-{name}" for name in names]
    assert all(owners(api.objects["secrets"][f"{name}-urls"]) == [f"uid-of-{name}"] for name in names)
    assert api.count(f"PATCH configmaps/{shared_code(api)['metadata']['name']}") < len(names) / 2


def test_a_second_submit_changes_nothing(api: ApiServer, training: Any, code: str) -> None:
    training.submit(a_job("a", code))
    before = len(api.asked)
    training.submit(a_job("a", code))
    assert {asked.split()[0] for asked in api.asked[before:]} == {"GET"}


@pytest.mark.parametrize("died_at", ["POST jobs", "PATCH secrets/a-urls", "PATCH configmaps/{code}"])
def test_what_a_killed_submit_left_is_owned_after_the_next(
    api: ApiServer, training: Any, code: str, died_at: str
) -> None:
    training.submit(a_job("other", code))
    api.fails[died_at.format(code=shared_code(api)["metadata"]["name"])] = [403]
    with pytest.raises(AuthError):
        training.submit(a_job("a", code))
    training.submit(a_job("a", code))
    assert owners(api.objects["secrets"]["a-urls"]) == ["uid-of-a"]
    assert owners(shared_code(api)) == ["uid-of-other", "uid-of-a"]


def test_owners_that_another_process_writes_at_the_same_moment_do_not_push_ours_out(
    api: ApiServer, training: Any, code: str
) -> None:
    training.submit(a_job("first", code))
    write = f"PATCH configmaps/{shared_code(api)['metadata']['name']}"
    api.fails[write] = [409, 409]
    training.submit(a_job("second", code))
    assert owners(shared_code(api)) == ["uid-of-first", "uid-of-second"]
    api.fails[write] = [409] * 100
    with pytest.raises(ConflictError):
        training.submit(a_job("third", code))


def test_code_that_was_collected_meanwhile_comes_again_with_its_owner(api: ApiServer, training: Any, code: str) -> None:
    training.submit(a_job("first", code))
    write = f"PATCH configmaps/{shared_code(api)['metadata']['name']}"
    api.fails[write] = [404]
    training.submit(a_job("second", code))
    assert owners(shared_code(api)) == ["uid-of-second"]
