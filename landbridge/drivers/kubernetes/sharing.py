"""How a cluster is asked for many at once."""

from collections.abc import Iterator, Sequence

from landbridge.drivers.sharing import Pace

NAMES_IN_A_REQUEST = 50  # of 63 letters each: the address stays below the 4 kB that every proxy takes


def controllers_pace() -> Pace:
    """What Kubernetes' own controllers allow themselves.

    Source: `--kube-api-qps` and `--kube-api-burst` in
    https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/
    """
    return Pace(per_second=20.0, at_once=30)


def selectors(label: str, names: Sequence[str]) -> Iterator[str]:
    """Label selectors that together take in all of `names`."""
    for start in range(0, len(names), NAMES_IN_A_REQUEST):
        yield f"{label} in ({','.join(names[start : start + NAMES_IN_A_REQUEST])})"
