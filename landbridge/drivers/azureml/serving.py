"""Serving by Azure's online endpoints, on a Kubernetes compute or managed: an endpoint is one, a colour its deployment.

All state lies in the workspace: tags of a deployment say which model version it is, the endpoint's own rule is the traffic.
Only why something failed is noted here too (serving_notes.py). On an endpoint Azure does one thing at a time; what is asked
meanwhile waits a while for its turn, and is a ConflictError after that.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from landbridge.domain.errors import ConflictError, CorruptError, InputError, NotFoundError, TargetUnavailableError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.plan import Finding
from landbridge.domain.requests import ColourSpec, ColourStatus, EndpointStatus, Prediction
from landbridge.domain.values import ColourPhase
from landbridge.drivers.azureml import serving_bodies as bodies
from landbridge.drivers.azureml.client import connect
from landbridge.drivers.azureml.errors import translated
from landbridge.drivers.azureml.options import read_options
from landbridge.drivers.azureml.serving_asking import Asker
from landbridge.drivers.azureml.serving_assets import ensure_assets
from landbridge.drivers.azureml.serving_findings import findings
from landbridge.drivers.azureml.serving_making import Maker, colour_path, foreign, require_ours, require_room
from landbridge.drivers.azureml.serving_notes import Note, Notes, refusal
from landbridge.drivers.azureml.serving_reading import (
    ENDED,
    ONLINE,
    Seen,
    colour_status,
    is_ours,
    keep_pace,
    process,
    state_of,
)
from landbridge.drivers.azureml.serving_room import obstacles
from landbridge.drivers.azureml.serving_why import why
from landbridge.drivers.findings import require_possible

POLL_SECONDS = 0.2


class AzureServing:
    """`ServingTarget`, `CanShiftTraffic`, `CanForesee` and `CanListEndpoints` in one workspace."""

    def __init__(self, target: Target, inventory: Inventory) -> None:
        self._target = target
        self._options = read_options(target, inventory)
        self._notes = Notes(target, inventory)

    def apply(self, colour: ColourSpec) -> None:
        with self._doing("applying a colour"):
            require_possible(colour, self.findings(colour))
            maker = self._maker()
            found = maker.look(colour.endpoint)
            require_ours(found, self._target.name)
            if self._goes_on(maker, found, colour):
                self._notes.drop_refusal(colour.endpoint, colour.colour)
                maker.retag(colour, found.deployments[colour.colour])
                return
            _require_idle(found, colour.colour)
            self._start(maker, found, colour)

    def observe(self, endpoint: str) -> EndpointStatus:
        """As the port says. A colour that has been starting for long is looked at less often."""
        with self._doing(f"observing endpoint {endpoint}"):
            maker = self._maker()
            found = self._own(maker.look(endpoint))
            keep_pace((maker.workspace.place.id, endpoint), found, time.time())
            statuses = self._statuses(maker, found)
            traffic = {name: found.traffic.get(name, 0) for name in statuses}
            return EndpointStatus(endpoint, found.url if found.deployments else "", statuses, traffic)

    def predict(self, endpoint: str, colour: str, body: str, timeout_seconds: float) -> Prediction:
        with self._doing(f"asking endpoint {endpoint}"):
            maker, deadline = self._maker(), time.monotonic() + timeout_seconds
            asker = Asker(maker.workspace)
            while True:
                reply = asker.ask(
                    endpoint, colour, body, timeout_seconds, lambda: self._answering(maker, endpoint, colour)
                )
                if not reply.is_routers:
                    return Prediction(reply.status, reply.text, reply.milliseconds, reply.colour or colour)
                self._answering(maker, endpoint, colour)
                # The router hears of a colour, and of its traffic, a moment after Azure says that it is made.
                if time.monotonic() > deadline:
                    which = f"{colour or 'a colour'} of endpoint {endpoint} on {self._target.name}"
                    said = f"HTTP {reply.status}, {reply.text[:200]}"
                    raise TargetUnavailableError(f"No answer from {which}: {said}.", "See `landbridge status`.")
                time.sleep(POLL_SECONDS)

    def remove(self, endpoint: str, colour: str) -> None:
        with self._doing(f"removing {colour} of endpoint {endpoint}"):
            maker = self._maker()
            found = self._own(maker.look(endpoint))
            _require_idle(found, colour)
            if found.resource is not None and not found.deployments.keys() - {colour}:
                maker.end_endpoint(endpoint)
            elif colour in found.deployments:
                maker.end_colour(endpoint, colour)
            self._notes.drop(endpoint, colour)

    def findings(self, colour: ColourSpec) -> tuple[Finding, ...]:
        return findings(colour, self._target, self._where())

    def foresee(self, colour: ColourSpec) -> tuple[Finding, ...]:
        with self._doing(f"looking ahead to endpoint {colour.endpoint}"):
            maker = self._maker()
            found = maker.look(colour.endpoint)
            stranger = foreign(found, self._target.name)
            return (stranger,) if stranger else tuple(obstacles(maker.workspace, maker.where, colour, found))

    def shift(self, endpoint: str, weights: Mapping[str, int]) -> None:
        with self._doing(f"shifting the traffic of endpoint {endpoint}"):
            if sum(weights.values()) not in (0, 100) or any(weight < 0 for weight in weights.values()):
                raise InputError(f"Traffic {dict(weights)} does not sum to 0 or 100.", "Give percentages that do.")
            maker = self._maker()
            found = self._own(maker.look(endpoint))
            statuses = self._statuses(maker, found)
            if not statuses:
                where = f"endpoint {endpoint} on {self._target.name}"
                raise NotFoundError(f"There is no {where}.", "Apply a colour first; it creates one.")
            for colour in (name for name, weight in weights.items() if weight):
                _require_ready(endpoint, colour, statuses.get(colour))
            wanted = {name: weights.get(name, 0) for name in found.deployments}
            if found.resource and (found.traffic != wanted or state_of(found.resource) != "Succeeded"):
                maker.put_traffic(endpoint, wanted)

    def endpoints(self) -> tuple[str, ...]:
        with self._doing("listing endpoints"):
            found = self._maker().workspace.items("onlineEndpoints", ONLINE, "listing endpoints")
            ours = (item for item in found if is_ours(item, self._target.name) and state_of(item) != "Deleting")
            return tuple(sorted(str(item["name"]) for item in ours))

    def _doing(self, what: str) -> Any:
        return translated(f"{what} on target {self._target.name!r}")

    def _where(self) -> bodies.Where:
        options = self._options
        compute = f"{options.place.id}/computes/{options.compute}" if options.on_kubernetes else ""
        public = options.public_network_access != "disabled"
        return bodies.Where(self._target.name, compute, options.instance_type, options.auth_mode or "key", public)

    def _maker(self) -> Maker:
        return Maker(connect(self._options.place), self._where())

    def _start(self, maker: Maker, found: Seen, colour: ColourSpec) -> None:
        """Everything is checked, and what can be made without harm is made, before anything that is there changes."""
        require_room(obstacles(maker.workspace, maker.where, colour, found))
        order = bodies.process_of(colour)
        try:
            assets = ensure_assets(maker.workspace, colour, self._options.datastore)
        except CorruptError as error:
            self._notes.write(colour.endpoint, colour.colour, refusal(colour, order, error.message))
            return
        maker.ensure_endpoint(found)
        if colour.colour in found.deployments:
            maker.end_colour(colour.endpoint, colour.colour)
        self._notes.drop(colour.endpoint, colour.colour)
        self._notes.write(colour.endpoint, colour.colour, Note(order, maker.begin(colour, assets)))

    def _goes_on(self, maker: Maker, found: Seen, colour: ColourSpec) -> bool:
        """Whether what runs is what `colour` orders. A failed colour is not: it is started anew."""
        there = found.deployments.get(colour.colour)
        if there is None or process(there) != bodies.process_of(colour):
            return False
        return self._status(maker, found, colour.colour, None).phase is not ColourPhase.FAILED

    def _statuses(self, maker: Maker, found: Seen) -> dict[str, ColourStatus]:
        notes = self._notes.of(found.endpoint)
        there = {name: self._status(maker, found, name, notes.get(name)) for name in found.deployments}
        return there | {name: note.status(name) for name, note in notes.items() if note.refused}

    def _status(self, maker: Maker, found: Seen, colour: str, note: Note | None) -> ColourStatus:
        item = found.deployments[colour]
        reason = ""
        if state_of(item) in ENDED:
            known = note if note and note.process == process(item) else Note(process(item))
            reason = known.reason or why(maker.workspace, colour_path(found.endpoint, colour), known.operation)
            if reason != known.reason:
                self._notes.write(found.endpoint, colour, replace(known, reason=reason))
        return colour_status(item, reason, time.time())

    def _answering(self, maker: Maker, endpoint: str, colour: str) -> Seen:
        """The endpoint, if an answer may be expected of it."""
        found = self._own(maker.look(endpoint))
        if not found.deployments or (colour and colour not in found.deployments):
            which = f"{colour or 'a colour'} of endpoint {endpoint} on {self._target.name}"
            raise NotFoundError(f"There is no {which}.", "Apply it first; see `landbridge status` for what there is.")
        if not colour and not any(found.traffic.values()):
            message = f"Endpoint {endpoint} on {self._target.name} has no traffic, so nobody answers."
            raise TargetUnavailableError(message, "Shift traffic to a colour.")
        return found

    def _own(self, found: Seen) -> Seen:
        """What somebody else made is not there, for us."""
        return Seen(found.endpoint) if foreign(found, self._target.name) else found


def _require_idle(found: Seen, colour: str) -> None:
    if weight := found.traffic.get(colour):
        message = f"{colour} of endpoint {found.endpoint} has {weight} percent of the traffic."
        raise ConflictError(message, "Use another colour, or shift its traffic away first.")


def _require_ready(endpoint: str, colour: str, status: ColourStatus | None) -> None:
    if status is None or status.phase is not ColourPhase.READY:
        state = f"is {status.phase} ({status.reason})" if status else "does not exist"
        message = f"{colour} of endpoint {endpoint} {state}, so it may get no traffic."
        raise ConflictError(message, "Wait until it is Ready, or apply it again.")
