"""What the lab promises to the tests that are written on it."""

import http.client
import http.server
import json
import threading
import urllib.request
from collections.abc import Callable

import pytest
import s3fs
from kubernetes import client

from tests.cluster.clusters import Cluster, Clusters, eventually, named, python_pod, run_job, unique
from tests.cluster.lab import lab as the_lab
from tests.cluster.lab.host import inside, run
from tests.cluster.lab.images import SERVE, TRAIN
from tests.cluster.lab.settings import HUB_ADDRESS, LabError, Site

NewNamespace = Callable[[Cluster], str]

FETCH = """
import sys, urllib.request, urllib.error
for url in sys.argv[1:] or {urls!r}:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            print(answer.status, answer.read(200).decode())
    except urllib.error.HTTPError as refused:
        print(refused.code)
"""
SERVER = """
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from a pod")
http.server.ThreadingHTTPServer(("", 8080), Answer).serve_forever()
"""


def store_of(site: Site) -> s3fs.S3FileSystem:
    about = the_lab.object_store(site)
    return s3fs.S3FileSystem(
        key=about["access_key"],
        secret=about["secret_key"],
        endpoint_url=about["endpoint"],
        client_kwargs={"region_name": about["region"]},
        config_kwargs={"s3": {"addressing_style": "path"}},
        skip_instance_cache=True,
    )


@pytest.mark.parametrize("name", ["onprem", "cloud"])
def test_the_node_is_ready(lab: Clusters, name: str) -> None:
    with getattr(lab, name).api() as api:
        [node] = client.CoreV1Api(api).list_node().items
    conditions = {condition.type: condition.status for condition in node.status.conditions}
    assert conditions["Ready"] == "True"


@pytest.mark.parametrize("name", ["onprem", "cloud"])
def test_a_training_job_completes_without_root(lab: Clusters, namespace: NewNamespace, name: str) -> None:
    code = """
import os, pathlib, tempfile
import landbridge.domain, mlflow, pandas, sklearn, s3fs
from importlib.metadata import entry_points
pathlib.Path.home().joinpath("mine").write_text("x")
with tempfile.NamedTemporaryFile() as file: file.write(b"x")
print("user", os.getuid(), "drivers", len(entry_points(group="landbridge.drivers")))
"""
    cluster = getattr(lab, name)
    printed = run_job(cluster, namespace(cluster), code)
    assert printed.startswith("user 65532 drivers ")
    assert not printed.strip().endswith(" 0")


def test_training_and_serving_have_an_image(lab: Clusters) -> None:
    for cluster in lab.both():
        cluster.own_site()
        known = {
            name for image in cluster.get("nodes")["items"][0]["status"]["images"] for name in image["names"] or ()
        }
        assert {TRAIN, SERVE} <= known


@pytest.mark.parametrize("name", ["onprem", "cloud"])
def test_pods_reach_both_object_stores(lab: Clusters, namespace: NewNamespace, name: str) -> None:
    cluster = getattr(lab, name)
    urls = [other.own_site().object_store for other in lab.both()]
    printed = run_job(cluster, namespace(cluster), FETCH.format(urls=urls))
    assert printed.split() == ["403", "403"]  # they answer, and not to strangers


def test_names_of_services_and_sites_resolve_in_pods(lab: Clusters, namespace: NewNamespace) -> None:
    cluster = lab.onprem
    site = cluster.own_site()
    code = """
import socket
for name in ("kubernetes.default.svc.cluster.local", "kubernetes.default", "cloud.lab.test"):
    print(socket.gethostbyname(name))
try:
    socket.gethostbyname("nobody.invalid")
except socket.gaierror:
    print("unknown")
"""
    service = f"{site.prefix}.128.1"
    printed = run_job(cluster, namespace(cluster), code)
    assert printed.split() == [service, service, lab.cloud.own_site().node_address, "unknown"]


@pytest.mark.parametrize("name", ["onprem", "cloud"])
def test_a_route_answers_through_the_gateway(lab: Clusters, namespace: NewNamespace, name: str) -> None:
    cluster = getattr(lab, name)
    space, host = namespace(cluster), f"{unique('model')}.lab.test"
    labels = {"app": "hello"}
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    pod = {**python_pod(SERVER, SERVE, readinessProbe=probe), "restartPolicy": "Always"}
    template = {"metadata": {"labels": labels}, "spec": pod}
    deployment = {"selector": {"matchLabels": labels}, "template": template}
    route = {
        "parentRefs": [{"name": "edge", "namespace": "landbridge-edge"}],
        "hostnames": [host],
        "rules": [{"backendRefs": [{"name": "hello", "port": 80}]}],
    }
    cluster.apply(
        {**named("Deployment", "hello", space, "apps/v1"), "spec": deployment},
        {**named("Service", "hello", space), "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}},
        {**named("HTTPRoute", "hello", space, "gateway.networking.k8s.io/v1"), "spec": route},
    )
    address = the_lab.gateway_address(cluster.kubeconfig)
    _, body = eventually(lambda: ask(address, host), lambda answer: answer[0] == 200, 60)
    assert body == "hello from a pod"


def ask(address: str, host: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, 80, timeout=2)
    try:
        connection.request("GET", "/", headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError as error:
        return 0, str(error)
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["onprem", "cloud"])
def test_pods_reach_what_listens_at_the_hub(lab: Clusters, namespace: NewNamespace, name: str) -> None:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"tracked")

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    cluster = getattr(lab, name)
    cluster.own_site()
    with http.server.ThreadingHTTPServer((HUB_ADDRESS, 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://hub.lab.test:{server.server_port}/"
            assert run_job(cluster, namespace(cluster), FETCH.format(urls=[url])) == "200 tracked\n"
        finally:
            server.shutdown()
            thread.join()


def test_an_image_that_is_missing_fails_within_seconds(lab: Clusters, namespace: NewNamespace) -> None:
    cluster = lab.onprem
    space = namespace(cluster)
    cluster.apply({**named("Pod", "missing", space), "spec": python_pod("", "landbridge.test/nobody:1")})

    def reason() -> str:
        [state] = cluster.get("pod", "missing", "-n", space)["status"].get("containerStatuses") or [{}]
        return str(state.get("state", {}).get("waiting", {}).get("reason"))

    assert eventually(reason, {"ErrImagePull", "ImagePullBackOff"}.__contains__, 10)


def test_privileged_pods_are_refused_where_the_namespace_is_restricted(lab: Clusters, namespace: NewNamespace) -> None:
    pod = python_pod("")
    pod["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(LabError, match="violates PodSecurity"):
        lab.onprem.apply({**named("Pod", "privileged", namespace(lab.onprem)), "spec": pod})


@pytest.mark.parametrize("name", ["onprem", "cloud"])
def test_an_object_is_put_and_read_by_a_presigned_url(lab: Clusters, namespace: NewNamespace, name: str) -> None:
    """The URL is read here and by a pod of the other site, over the WAN."""
    store, bucket = store_of(getattr(lab, name).own_site()), unique("bucket")
    store.mkdir(bucket)
    store.pipe_file(f"{bucket}/model/weights", b"twelve bytes")
    url = store.sign(f"{bucket}/model/weights", expiration=120)
    with urllib.request.urlopen(url, timeout=5) as answer:
        assert answer.read() == b"twelve bytes"
    other = lab.cloud if name == "onprem" else lab.onprem
    assert run_job(other, namespace(other), FETCH.format(urls=[url])) == "200 twelve bytes\n"


def test_secrets_are_for_the_owner_only(lab: Clusters) -> None:
    for site in (cluster.own_site() for cluster in lab.both()):
        secret = [
            site.run / "objectstore.json",
            site.kubeconfig,
            *site.run.glob("pki/*.key"),
            site.run / "pki/tokens.csv",
        ]
        assert {path.stat().st_mode & 0o077 for path in secret} == {0}


def test_no_site_has_a_way_out(lab: Clusters) -> None:
    """Asked of the routing table: 192.0.2.0/24 is nobody's, and nothing is sent."""
    for site in (cluster.own_site() for cluster in lab.both()):
        with pytest.raises(LabError, match=r"unreachable|No route"):
            run(*inside(site, "ip", "route", "get", "198.51.100.1"))
        routes = json.loads(run(*inside(site, "ip", "-json", "route")))
        assert {route.get("dev") for route in routes if route["dst"] != "default"} <= {"node0", "cni0", "wan0", "hub0"}


def test_a_second_lab_is_refused_by_name(lab: Clusters, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = lab.onprem.own_site().run.parent
    monkeypatch.setenv("LANDBRIDGE_LAB_RUN", "/run/landbridge-lab-of-another")
    with pytest.raises(LabError, match=str(mine)):
        the_lab.up()
    with pytest.raises(LabError, match="not yours to end"):
        the_lab.down()


def test_a_lab_in_use_is_not_ended(lab: Clusters) -> None:
    lab.onprem.own_site()
    with pytest.raises(LabError, match="tests use the lab"):
        the_lab.down()
