"""What `landbridge up` promises: runs that everybody can see, an end to each of them, and nothing left behind."""

import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from landbridge import settings
from landbridge.client import Client, RunOrder
from landbridge.domain.errors import InputError, NotFoundError, TargetUnavailableError
from landbridge.domain.ledger import Entry, Kind
from landbridge.host.launch import start_background
from landbridge.host.processes import identity
from landbridge.operations import connections
from landbridge.record import DOWN, read_record, write_record
from tests.services.hosts import INVENTORY, RunningHost, last, make_host, started, until

pytest_plugins = ["tests.services.running_host"]
pytestmark = pytest.mark.services

HALT_SECONDS = 15.0  # a halt lasts 60 s; the slowest of these writes took less than 2 s beside two other suites


class TestRuns:
    def test_a_run_is_seen_in_prefect_with_its_state_and_its_logs(self, host: RunningHost) -> None:
        run = host.run("hello", scenario="seen")
        assert last(host.follow(run))["state"] == "finished"
        host.ended(run, "Completed")
        wanted = {"logs": {"flow_run_id": {"any_": [run]}}}
        until(
            lambda: any("hello from seen" in line["message"] for line in host.prefect("POST", "/logs/filter", wanted))
        )

    def test_a_run_starts_within_a_second_of_the_order(self, host: RunningHost) -> None:
        """The measured time is 0.25 s on an idle machine; a fresh Python with the same imports needs 3 s and more."""
        host.follow(host.run("hello"))
        latencies = []
        for _ in range(3):
            events = host.follow(host.run("hello"))
            started_at = next(event["at"] for event in events if event["step"] == "greet")
            latencies.append(started_at - events[0]["at"])
        assert min(latencies) < 1.0

    def test_a_run_whose_process_is_killed_is_crashed_at_once(self, host: RunningHost) -> None:
        run = host.run("die", scenario="killed")
        end = last(host.follow(run))
        assert end["report"]["outcome"] == "Crashed"
        assert end["error"]["error"] == "TargetUnavailableError"
        assert "signal 9" in host.ended(run, "Crashed")["message"]

    def test_an_error_reaches_the_follower_with_its_class_and_hint(self, host: RunningHost) -> None:
        end = last(host.follow(host.run("refuse")))
        assert (end["error"]["error"], end["error"]["exit_code"]) == ("GateError", 5)
        assert end["error"]["hint"] == "Train a better model."

    def test_a_second_order_of_a_scenario_returns_the_run_that_goes(self, host: RunningHost) -> None:
        first = host.client.run(RunOrder("nap", {"scenario": "twice"}))
        second = host.client.run(RunOrder("nap", {"scenario": "twice"}))
        assert (second.flow_run_id, second.active) == (first.flow_run_id, True)
        host.client.stop(first.flow_run_id)

    def test_stop_ends_the_process_and_cancels_the_run(self, host: RunningHost) -> None:
        run = host.run("nap", scenario="stopped")
        nap = until(lambda: self._napping(host, run))
        host.client.stop(run)
        assert not nap.is_running()
        host.ended(run, "Cancelled")
        assert last(host.follow(run))["report"]["outcome"] == "Cancelled"

    def test_cancel_in_prefect_ends_the_process(self, host: RunningHost) -> None:
        run = host.run("nap", scenario="cancelled")
        nap = until(lambda: self._napping(host, run))
        host.prefect("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
        until(lambda: not nap.is_running())
        until(
            lambda: host.state(run)["name"] == "Cancelled"
        )  # the process says Crashed as it ends; the host knows better

    def test_orders_beyond_the_limit_wait_for_a_place(self, host: RunningHost) -> None:
        naps = [host.run("nap", scenario=f"full-{number}") for number in range(2)]
        run = host.run("hello", scenario="queued")
        assert host.state(run)["type"] == "SCHEDULED"
        assert host.run("hello", scenario="queued") == run
        host.client.stop(naps[0])
        host.ended(run, "Completed")
        host.client.stop(naps[1])

    def test_a_key_used_again_returns_the_first_run(self, host: RunningHost) -> None:
        order = RunOrder("hello", {"scenario": "key"}, idempotency="key-1")
        first = host.client.run(order)
        host.ended(first.flow_run_id, "Completed")
        second = host.client.run(order)
        assert (second.flow_run_id, second.active) == (first.flow_run_id, True)

    def test_the_run_button_starts_a_run(self, host: RunningHost) -> None:
        deployment = host.prefect("GET", "/deployments/name/hello/landbridge")["id"]
        run = host.prefect("POST", f"/deployments/{deployment}/create_flow_run", {"parameters": {"scenario": "button"}})
        host.ended(run["id"], "Completed")

    def test_a_schedule_starts_runs(self, host: RunningHost) -> None:
        deployment = host.prefect("GET", "/deployments/name/hello/landbridge")["id"]
        schedule = {"schedule": {"interval": 2}, "active": True, "parameters": {"scenario": "tick"}}
        host.prefect("PATCH", f"/deployments/{deployment}", {"schedules": [schedule]})
        wanted = {"tags": {"all_": ["auto-scheduled"]}, "state": {"type": {"any_": ["COMPLETED"]}}}
        until(lambda: host.prefect("POST", "/flow_runs/filter", {"flow_runs": wanted}), 40.0)
        host.prefect("PATCH", f"/deployments/{deployment}", {"schedules": []})

    def test_a_scenario_that_lives_here_has_its_own_deployment(self, host: RunningHost) -> None:
        said = {"scenario": "/gone/daily.yaml", "inventory": "i", "pattern": "hello", "endpoint": "e", "inputs": {}}
        entry = Entry(Kind.SCENARIO, "daily", "", "daily", 1.0, {**said, "cron": "30 4 * * *"})
        connections.ledger(str(host.home)).record(entry)
        made = until(
            lambda: host.prefect("POST", "/deployments/filter", {"deployments": {"name": {"any_": ["daily"]}}})
        )
        assert made[0]["schedules"][0]["schedule"]["cron"] == "30 4 * * *"
        assert made[0]["parameters"]["scenario"] == "/gone/daily.yaml"
        until(lambda: "daily.yaml" in str(host.client.health()["watch"]))  # it cannot be read: told, and nothing ends

    @staticmethod
    def _napping(host: RunningHost, run: str) -> psutil.Process | None:
        events = host.home / "runs" / run / "events.jsonl"
        lines = events.read_text().splitlines() if events.exists() else []
        pids = [line.split('"text": "')[1].split('"')[0] for line in lines if '"step": "nap"' in line]
        return psutil.Process(int(pids[0])) if pids else None


class TestControl:
    def test_only_the_owner_may_open_the_socket(self, host: RunningHost) -> None:
        assert stat.S_IMODE(settings.control_socket(host.home).stat().st_mode) == 0o600

    def test_health_names_every_service_with_its_memory(self, host: RunningHost) -> None:
        health: Any = host.client.health()
        assert health["state"] == "up"
        services = {service["name"]: service for service in health["services"]}
        assert {"prefect", "registry cloud"} <= set(services)
        assert all(service["memory_bytes"] > 0 for service in services.values() if service.get("pid"))

    def test_an_unknown_flow_is_refused_with_the_nearest(self, host: RunningHost) -> None:
        with pytest.raises(InputError, match="hello"):
            host.run("helo")

    def test_an_unknown_run_is_not_found(self, host: RunningHost) -> None:
        with pytest.raises(NotFoundError):
            host.client.run_state("00000000-0000-0000-0000-000000000000")

    def test_an_unknown_query_is_refused(self, host: RunningHost) -> None:
        with pytest.raises(InputError):
            host.client.query("no-such-question")

    def test_a_query_is_answered_by_the_host(self, host: RunningHost) -> None:
        answer: Any = host.client.query("targets")
        assert [target["name"] for target in answer["targets"]] == ["cloud-cpu"]

    def test_a_query_with_a_wrong_parameter_is_refused(self, host: RunningHost) -> None:
        with pytest.raises(InputError, match="colour"):
            host.client.query("targets", colour="blue")

    def test_a_home_without_a_host_says_how_to_start_one(self, tmp_path: Path) -> None:
        with pytest.raises(TargetUnavailableError, match="landbridge up"):
            Client(tmp_path).health()


class TestServices:
    @pytest.mark.slow
    def test_writers_at_once_never_halt_the_server(self, host: RunningHost) -> None:
        """Without a collector of its own the server halts within the first ten rounds, for a minute."""
        flow = host.prefect("POST", "/flows/", {"name": "written"})["id"]

        def write(_: int) -> float:
            begun = time.monotonic()
            run = host.prefect("POST", "/flow_runs/", {"flow_id": flow, "state": {"type": "PENDING"}})["id"]
            host.prefect("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "CRASHED"}, "force": True})
            return time.monotonic() - begun

        with ThreadPoolExecutor(4) as writers:
            assert max(writers.map(write, range(60))) < HALT_SECONDS

    @pytest.mark.slow
    def test_a_service_that_dies_comes_back_at_the_same_url(self, host: RunningHost) -> None:
        before = host.record["registries"]["cloud"]["url"]
        victim = next(entry["pid"] for entry in host.record["processes"] if entry["name"] == "registry cloud")
        psutil.Process(victim).kill()

        def back() -> bool:
            health: Any = host.client.health()
            found = next(one for one in health["services"] if one["name"] == "registry cloud")
            return bool(found["state"] == "ready" and found["restarts"] == 1)

        until(back, 40.0)
        assert host.record["registries"]["cloud"]["url"] == before

    def test_a_second_start_finds_the_first(self, host: RunningHost) -> None:
        assert start_background(host.home, host.inventory)["pid"] == host.record["pid"]

    def test_a_port_of_a_stranger_is_named_with_its_setting(self, own_host: RunningHost) -> None:
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.1", 0))
            stranger.listen()
            port = stranger.getsockname()[1]
            own_host.inventory.write_text(INVENTORY.replace("port: 0", f"port: {port}"))
            said = own_host.start()
        assert said.returncode != 0
        assert f"Port {port}" in said.stderr
        assert "sites.cloud.registry.port" in said.stderr
        assert not own_host.processes()

    @pytest.mark.timeout(240)  # two starts: 10 s each on an idle machine
    @pytest.mark.slow
    def test_a_killed_host_leaves_nothing_and_comes_back_at_the_same_urls(self, own_host: RunningHost) -> None:
        before = started(own_host).record
        run = own_host.run("nap", scenario="lost")
        until(lambda: len(own_host.processes()) > 3)
        own_host.kill()
        until(lambda: not own_host.processes())
        with pytest.raises(TargetUnavailableError):
            own_host.client.health()
        after = started(own_host).record
        assert (after["prefect"], after["registries"]) == (before["prefect"], before["registries"])
        assert "Process lost" in own_host.ended(run, "Crashed")["message"]
        assert last(own_host.follow(run))["report"]["outcome"] == "Crashed"
        self._down_leaves_nothing(own_host)

    def _down_leaves_nothing(self, host: RunningHost) -> None:
        run = host.run("nap", scenario="down")
        host.client.down()
        until(lambda: not host.processes(), 5.0)
        assert not settings.control_socket(host.home).exists()
        assert host.record["state"] == DOWN
        assert '"Crashed"' in (host.home / "runs" / run / "events.jsonl").read_text()

    def test_a_start_ends_what_a_killed_host_left(self, tmp_path: Path) -> None:
        """Where the kernel does not do it; a process that only has the same pid is left alone."""
        import subprocess

        from landbridge.host.processes import end_leftovers

        with subprocess.Popen(["sleep", "60"]) as left, subprocess.Popen(["sleep", "60"]) as stranger:
            entries = [{"name": "left"} | identity(left.pid), {"name": "stranger"} | identity(stranger.pid)]
            entries[1]["create_time"] = 1.0
            write_record(tmp_path, {"processes": entries})
            assert end_leftovers(read_record(tmp_path)) == ["left"]
            left.wait(5)
            assert stranger.poll() is None
            stranger.kill()


def test_a_wrong_inventory_starts_nothing(tmp_path: Path) -> None:
    wrong = make_host(tmp_path, "name: lab\nsites: {}\ntargets: {}\n")
    assert wrong.start().returncode != 0
    assert not wrong.processes()
