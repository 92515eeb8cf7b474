"""Whether a pod of a target gets out without a proxy: a short job tries, where a training pod would run."""

import secrets

from landbridge.domain.errors import CapabilityMissingError
from landbridge.domain.inventory import Inventory, Target
from landbridge.drivers.kubernetes.cluster import connect
from landbridge.drivers.kubernetes.operating_options import read_operating
from landbridge.drivers.kubernetes.operating_probe import Probe, default_image, probe_objects, run
from landbridge.drivers.kubernetes.options import read_options

SECONDS = 60.0  # an image that is on the node runs within 2 s; one that is not must be pulled first


def public_egress(target: Target, inventory: Inventory) -> tuple[str, ...]:
    """As `Driver.public_egress` says. The place that is tried is `operations.public_probe`."""
    options = read_options(target, inventory)
    image = default_image(target, inventory)
    if not image:
        raise CapabilityMissingError(
            f"The inventory names no image for target {target.name!r}, so nothing can be tried from inside.",
            "Give `environments:` an entry with an `image` for it.",
            inventory.path,
        )
    public = read_operating(target, inventory).public_probe
    probe = Probe(f"landbridge-egress-{secrets.token_hex(4)}", image, {"direct": [public]}, SECONDS)
    seen = run(connect(*options.place), probe_objects(probe, target, options), SECONDS)
    return () if seen["direct"].get(public) else (public,)
