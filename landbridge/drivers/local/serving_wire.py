"""Serving values and errors as JSON: what the agent and its clients say to each other, and what lies on disk."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from landbridge.domain.requests import ColourSpec, ColourStatus, EndpointStatus, RequestCounts, ResolvedEnvironment
from landbridge.domain.scenario import Probe, ScoringCode, ServingSettings
from landbridge.domain.values import ColourPhase, Json

JsonObject = dict[str, Json]


def spec_to_json(spec: ColourSpec) -> JsonObject:
    return cast(JsonObject, asdict(spec))


def spec_from_json(written: Mapping[str, Any]) -> ColourSpec:
    """Raises TypeError, KeyError or AttributeError when it is not what `spec_to_json` wrote."""
    settings = dict(written["settings"])
    probes = {name: Probe(**settings[name]) for name in ("liveness_probe", "readiness_probe")}
    return ColourSpec(
        **{
            **written,
            "environment": ResolvedEnvironment(**written["environment"]),
            "settings": ServingSettings(**{**settings, **probes}),
            "scoring": ScoringCode(**written["scoring"]) if written["scoring"] else None,
        }
    )


def status_to_json(status: EndpointStatus) -> JsonObject:
    return cast(JsonObject, asdict(status))


def status_from_json(written: Mapping[str, Any]) -> EndpointStatus:
    colours = {
        name: ColourStatus(**{**colour, "phase": ColourPhase(colour["phase"])})
        for name, colour in written["colours"].items()
    }
    return EndpointStatus(**{**written, "colours": colours})


def counts_to_json(counts: Mapping[str, RequestCounts]) -> JsonObject:
    return {colour: cast(JsonObject, asdict(count)) for colour, count in counts.items()}


def counts_from_json(written: Mapping[str, Any]) -> dict[str, RequestCounts]:
    return {colour: RequestCounts(**count) for colour, count in written.items()}
