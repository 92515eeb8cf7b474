"""Ways out of a cluster's network: lists for region, kind and features, and what is tried of them."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from landbridge.domain.azure.clouds import NAMES, Cloud, cloud_of, own_name, region_name
from landbridge.domain.azure.outbound import Endpoint, Network, endpoints
from landbridge.domain.azure.outbound_lists import checklist, inside, private_names, tags
from landbridge.domain.azure.settings import BOTH, INFERENCE, TRAINING, ClusterKind
from landbridge.domain.errors import InputError
from landbridge.domain.operating import Verdict
from landbridge.operations.ops.network import check, check_private, proxy_address, why_not_tried
from tests.unit.azure.golden import same
from tests.unit.cli import landbridge

REGIONS = {"westeurope": Cloud.PUBLIC, "usgovvirginia": Cloud.GOVERNMENT, "chinanorth3": Cloud.CHINA}
KINDS = tuple(ClusterKind)


class TestLists:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("region", REGIONS)
    def test_lists_are_as_reviewed(self, region: str, kind: ClusterKind) -> None:
        arguments = (
            "--region",
            region,
            "--cluster",
            kind.value,
            "--proxy",
            "http://proxy.internal:3128",
            "--private-link",
        )
        said = landbridge("ops", "network", "plan", *arguments)
        assert said.code == 0
        same(f"network/{kind.value}-{region}.txt", said.out)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("region", REGIONS)
    def test_no_host_of_another_cloud_is_named(self, region: str, kind: ClusterKind) -> None:
        """What ends in a suffix that only another cloud has would be a hole in the firewall for nothing."""
        others = [NAMES[cloud] for cloud in Cloud if cloud is not REGIONS[region]]
        ends = {
            getattr(names, field) for names in others for field in ("login", "management", "api", "storage", "registry")
        }
        ours = NAMES[REGIONS[region]]
        ends -= {ours.login, ours.management, ours.api, ours.storage, ours.registry}
        allowed = {"linuxgeneva-microsoft.azurecr.io"}
        for endpoint in endpoints(Network(region, kind)):
            assert endpoint.host in allowed or not endpoint.host.endswith(tuple(ends)), endpoint.host

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("region", REGIONS)
    def test_each_way_is_told_once_with_its_reason(self, region: str, kind: ClusterKind) -> None:
        found = endpoints(Network(region, kind))
        assert len({item.name for item in found}) == len(found)
        assert all(item.why and item.who and 0 < item.port < 65536 for item in found)
        assert not [item.host for item in found if "<region>" in item.host]

    def test_the_base_is_that_of_the_kind(self) -> None:
        def who(kind: ClusterKind) -> set[str]:
            return {item.who for item in endpoints(Network("westeurope", kind))}

        assert who(ClusterKind.ARC) == {"Azure ML", "Arc agents"}
        assert who(ClusterKind.AKS) == {"Azure ML", "AKS", "cluster extensions"}

    def test_features_bring_their_own(self) -> None:
        def hosts(features: frozenset) -> set[str]:
            return {item.host for item in endpoints(Network("westeurope", ClusterKind.ARC, features))}

        assert "pypi.org" in hosts(TRAINING) - hosts(INFERENCE)
        assert "api.azureml.ms" in hosts(INFERENCE) - hosts(TRAINING)
        assert hosts(BOTH) == hosts(TRAINING) | hosts(INFERENCE)

    def test_names_of_one_s_own_are_filled_in(self) -> None:
        network = Network("westeurope", ClusterKind.ARC, BOTH, "guid", "store", "reg")
        assert not [item.host for item in endpoints(network) if item.is_open]
        assert "reg.westeurope.data.azurecr.io" in {item.host for item in endpoints(network)}
        assert private_names(network) == (
            "guid.workspace.westeurope.api.azureml.ms",
            *(f"store.{kind}.core.windows.net" for kind in ("blob", "file", "queue", "table")),
            "reg.azurecr.io",
        )

    def test_what_is_guessed_says_so(self) -> None:
        for region, cloud in REGIONS.items():
            [kusto] = [item for item in endpoints(Network(region, ClusterKind.ARC)) if "kusto" in item.host]
            assert ("no page names it" in kusto.note) is (cloud is not Cloud.PUBLIC)

    def test_traffic_to_models_is_inference_s(self) -> None:
        ports = {row.ports for row in inside(Network("westeurope", ClusterKind.AKS, INFERENCE))}
        assert {"5001", "9999"} <= ports
        assert "5001" not in {row.ports for row in inside(Network("westeurope", ClusterKind.AKS, TRAINING))}

    def test_studio_s_front_door_is_not_in_china(self) -> None:
        assert "AzureFrontDoor.FrontEnd" in [tag.name for tag in tags(Network("westeurope", ClusterKind.AKS))]
        assert "AzureFrontDoor.FrontEnd" not in [tag.name for tag in tags(Network("chinaeast2", ClusterKind.AKS))]

    def test_the_checklist_grows_with_proxy_and_private_link(self) -> None:
        network = Network("westeurope", ClusterKind.ARC)
        plain, proxied = checklist(network, "", False), checklist(network, "http://p:1", False)
        private = checklist(network, "http://p:1", True)
        assert len(plain) < len(proxied) < len(private)
        assert any("--proxy-skip-range" in item.how and "127.0.0.1" in item.how for item in proxied)
        assert any("ExpressRoute" in item.what for item in private)

    @pytest.mark.parametrize(
        ("written", "region"), [("West Europe", "westeurope"), ("US-Gov Virginia", "usgovvirginia")]
    )
    def test_regions_may_be_written_for_people(self, written: str, region: str) -> None:
        assert region_name(written) == region
        assert cloud_of(region) is REGIONS[region]

    @pytest.mark.parametrize("written", ["", "x", "westeurope.azure.com", "1west", "<region>"])
    def test_what_is_no_region_is_refused(self, written: str) -> None:
        with pytest.raises(InputError):
            region_name(written)

    @pytest.mark.parametrize("written", ["https://x", "a.b", "-a", "a b", "a\r\nX: y"])
    def test_what_is_no_name_is_refused(self, written: str) -> None:
        with pytest.raises(InputError):
            own_name(written)


@contextmanager
def proxy(allowed: re.Pattern[str]) -> Iterator[str]:
    """A proxy on loopback that opens no tunnel, but says whether it would."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            with line:
                words = line.recv(4096).decode().split(" ")
                good = words[0] == "CONNECT" and allowed.fullmatch(words[1])
                line.sendall(
                    b"HTTP/1.1 200 Connection established\r\n\r\n" if good else b"HTTP/1.1 403 Forbidden\r\n\r\n"
                )

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


@contextmanager
def dead_listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as dead:
        port = dead.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port
        for filler in fillers:
            filler.close()


def endpoint(host: str, port: int, protocol: str = "HTTPS") -> Endpoint:
    return Endpoint(host, port, protocol, "a test", "nobody")


class TestTried:
    def test_what_answers_passes_and_what_does_not_fails(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as here:
            port = here.getsockname()[1]
            with socket.create_server(("127.0.0.1", 0)) as other:
                closed = other.getsockname()[1]
            found = {
                row.name: row for row in check([endpoint("127.0.0.1", port), endpoint("127.0.0.1", closed)], None, 5)
            }
        assert found[f"127.0.0.1:{port}"].verdict is Verdict.PASS
        assert found[f"127.0.0.1:{closed}"].verdict is Verdict.FAIL
        assert "refused" in found[f"127.0.0.1:{closed}"].why
        assert "a test" in found[f"127.0.0.1:{closed}"].remedy

    def test_all_share_one_deadline(self) -> None:
        """Listeners that never accept: their queues are full, so connecting hangs. Five cost no more than one."""
        with contextlib.ExitStack() as stack:
            ports = [stack.enter_context(dead_listener()) for _ in range(5)]
            began = time.monotonic()
            rows = list(check([endpoint("127.0.0.1", port) for port in ports], None, 0.5))
            took = time.monotonic() - began
        assert {row.verdict for row in rows} == {Verdict.FAIL}
        assert {row.why for row in rows} == {"no answer within 0.5 s"}
        assert took < 2

    @pytest.mark.parametrize(
        ("item", "why"),
        [
            (endpoint("<storage>.blob.core.windows.net", 443), "missing"),
            (endpoint("*.kusto.windows.net", 443), "many names"),
            (endpoint("AzureCloud.westeurope", 9000, "TCP"), "service tag"),
            (endpoint("ntp.ubuntu.com", 123, "UDP"), "UDP"),
        ],
    )
    def test_what_cannot_be_tried_is_unseen_not_failed(self, item: Endpoint, why: str) -> None:
        [row] = check([item], None, 1)
        assert row.verdict is Verdict.UNSEEN
        assert why in row.why == why_not_tried(item)

    def test_private_names_must_lead_to_private_addresses(self) -> None:
        rows = {row.name: row for row in check_private(["localhost", "<storage>.x", "8.8.8.8"], 5)}
        assert rows["private: localhost"].verdict is Verdict.PASS
        assert rows["private: <storage>.x"].verdict is Verdict.UNSEEN
        assert rows["private: 8.8.8.8"].verdict is Verdict.FAIL
        assert "8.8.8.8" in rows["private: 8.8.8.8"].why

    def test_through_a_proxy_the_proxy_is_asked(self) -> None:
        with proxy(re.compile(r"(?!pypi).*:443")) as address:
            said = landbridge(
                *("ops", "network", "plan", "--region", "westeurope", "--cluster", "arc", "--features", "training"),
                *("--proxy", address, "--check", "--storage", "store", "-o", "json"),
            )
        rows = {row["name"]: row for row in said.json["checks"]}
        assert said.code == 1
        assert rows["store.blob.core.windows.net:443"]["verdict"] == "pass"
        assert "tunnel" in rows["management.azure.com:443"]["why"]
        assert rows["pypi.org:443"]["verdict"] == rows["archive.ubuntu.com:80"]["verdict"] == "fail"
        assert "403 Forbidden" in rows["pypi.org:443"]["why"]

    def test_all_well_is_0(self) -> None:
        with proxy(re.compile(r".*")) as address:
            said = landbridge(
                *("ops", "network", "plan", "--region", "westeurope", "--cluster", "aks", "--proxy", address, "--check")
            )
        assert said.code == 0
        assert "could not be looked at" in said.out

    def test_a_proxy_that_is_not_there_is_named(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            closed = other.getsockname()[1]
        [row] = check([endpoint("pypi.org", 443)], ("127.0.0.1", closed), 5)
        assert "the proxy 127.0.0.1" in row.why

    @pytest.mark.parametrize(
        "url", ["http://me:hunter2@proxy:3128", "https://proxy:3128", "http://proxy", "http://p:x"]
    )
    def test_a_wrong_proxy_is_refused_before_anything_is_printed(self, url: str) -> None:
        said = landbridge("ops", "network", "plan", "--region", "westeurope", "--cluster", "arc", "--proxy", url)
        assert said.code == 2
        assert said.out == ""
        assert "hunter2" not in said.err
        assert "--proxy http://proxy.internal:3128" in said.err

    def test_a_proxy_may_be_named_without_its_scheme(self) -> None:
        assert proxy_address("proxy.internal:3128") == ("proxy.internal", 3128)
        assert proxy_address("") is None
