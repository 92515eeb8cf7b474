"""The keys of an inventory file. Descriptions here become the JSON Schema and docs/reference/inventory.md."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, WithJsonSchema

from landbridge.domain.inventory import Role
from landbridge.domain.values import SiteKind
from landbridge.files.fields import Cpu, Gpus, Keys, Label, Memory, OwnAddress, StoreName, TimeOfDay, Weekday, Word

Options = Annotated[dict[str, Any], WithJsonSchema({"type": "object"})]
Export = Literal["model", "metrics", "code", "logs", "data"]
ALL_EXPORTS: list[Export] = ["model", "metrics", "code", "logs", "data"]


class RegistryKeys(Keys):
    """A model registry. Further keys are options of its driver."""

    model_config = ConfigDict(extra="allow")

    driver: Word
    """Driver of the registry, such as `mlflow`."""
    port: Annotated[int, Field(ge=0, le=65535)] | Literal["any"] | None = None
    """Port of the registry that `landbridge up` starts on this machine; `any` or 0 = a free one."""
    address: OwnAddress | None = None
    """With `port`: this machine's IP address on which it listens, for clusters that must reach it. Default: 127.0.0.1."""
    uri: Word | None = None
    """URL of a registry that runs already; instead of `port`."""


class CacheKeys(Keys):
    url: Word | None = None
    """Folder for copies of data: a local path or an fsspec URL. Default: `${home}/sites/<site>/cache`."""
    max_size: Memory = Field(default=20 * 2**30, json_schema_extra={"default": "20Gi"})
    """Above this the copies used longest ago are removed."""


class NetworkKeys(Keys):
    private: bool = False
    """Nothing in the site may have a public address; checked before a run."""
    proxy: str = ""
    """The only way out, as `http://host:port`."""
    egress: list[Word] = Field(default_factory=list)
    """Hosts that may be reached, as globs."""
    endpoints: dict[StoreName, Word] = Field(default_factory=dict)
    """Name → host or URL of every service that the site uses; in a private site each must resolve privately."""


class SiteKeys(Keys):
    """A place with a residency boundary."""

    kind: SiteKind
    """Which side of the border the site is on."""
    registry: RegistryKeys | None = None
    """The site's model registry."""
    models: Word | None = None
    """Folder for models: a local path or an fsspec URL. Default: `${home}/sites/<site>/models`."""
    cache: CacheKeys = CacheKeys()
    """Where copies of other sites' data are kept."""
    network: NetworkKeys = NetworkKeys()
    """How the site meets the world."""
    exports: list[Export] = Field(default=ALL_EXPORTS)
    """What IT lets out of the site."""


class DatastoreKeys(Keys):
    """`azureml://datastores/<name>/paths/<path>` means `<url>/<path>` at this site."""

    site: Word
    """Home of the data."""
    url: Word
    """A local path or an fsspec URL."""
    driver: Word = "fsspec"
    """Driver of the store."""
    options: Options = Field(default_factory=dict)
    """Options of the driver; secrets only as `secret:NAME`."""


class AmountKeys(Keys):
    cpu: Cpu = 0
    """`500m`, `2`."""
    memory: Memory = 0
    """`1500Mi`, `2Gi`."""
    gpu: Gpus = Field(default=0, alias="nvidia.com/gpu")
    """GPUs."""


class InstanceResourcesKeys(Keys):
    requests: AmountKeys = AmountKeys()
    """What one instance is given at least. Default: the limits."""
    limits: AmountKeys | None = None
    """What one instance may use at most; decides what fits. Default: the requests."""


class InstanceTypeKeys(Keys):
    """An instance type, spelt as Azure ML does."""

    name: StoreName
    """Name of the instance type."""
    node_selector: dict[Word, str] = Field(default_factory=dict)
    """Labels of the nodes it runs on."""
    resources: InstanceResourcesKeys
    """What one instance is given and may use."""


class CapacityKeys(Keys):
    cpu: Cpu = 0
    """CPU of the whole target."""
    memory: Memory = 0
    """Memory of the whole target."""
    gpu: Gpus = 0
    """GPUs of the whole target."""


class MaintenanceKeys(Keys):
    """A window in which no work starts: `start` and `end`, or `days`, `from` and `to`."""

    reason: Word
    """Shown in plans."""
    start: Annotated[AwareDatetime, WithJsonSchema({"type": "string", "format": "date-time"})] | None = None
    """Start of a single window, with its time zone: `2026-03-01T02:00:00Z`."""
    end: Annotated[AwareDatetime, WithJsonSchema({"type": "string", "format": "date-time"})] | None = None
    """End of a single window, with its time zone."""
    days: Annotated[list[Weekday], Field(min_length=1)] | None = None
    """Days on which a weekly window starts, such as `[Sat, Sun]`."""
    from_: TimeOfDay | None = Field(default=None, alias="from")
    """Start of a weekly window, UTC, such as `"02:00"`."""
    to: TimeOfDay | None = None
    """End of a weekly window, UTC; not after `from` = the next day."""


class TargetKeys(Keys):
    """Where something runs."""

    site: Word
    """The site it is in."""
    driver: Word
    """Driver of the target, such as `local`."""
    roles: Annotated[list[Role], Field(min_length=1)]
    """What it may do."""
    cluster: str = ""
    """Targets of one cluster share this name. Default: the target's name."""
    options: Options = Field(default_factory=dict)
    """Options of the driver; secrets only as `secret:NAME`."""
    instance_types: list[InstanceTypeKeys] = Field(default_factory=list)
    """What a job or a deployment may ask for by name."""
    capacity: CapacityKeys = CapacityKeys()
    """Declared size; a driver that can measure says better."""
    cost_per_hour: Annotated[float, Field(ge=0)] = 0.0
    """Price of one instance, in the inventory's currency."""
    maintenance: list[MaintenanceKeys] = Field(default_factory=list)
    """When no work starts here."""
    drained: str = ""
    """Why nothing new may start here. Default: it may."""
    private: bool = False
    """Reachable over private addresses only."""


class EnvironmentKeys(Keys):
    """What an Azure ML environment name becomes: `python` or `image`."""

    name: Word
    """`azureml:name:version`, `azureml:name@latest`, an image, or a glob over these. The first that fits counts."""
    python: Word | None = None
    """Interpreter: `current`, or a path."""
    image: Word | None = None
    """Container image."""
    targets: list[Word] = Field(default_factory=list)
    """Globs over target names. Default: all."""


class InventoryKeys(Keys):
    """What IT operations declare: sites, targets, data stores, environments."""

    schema_: Annotated[str, WithJsonSchema({"type": "string"})] = Field(default="", alias="$schema")
    """Where the JSON Schema of this file is, for editors."""
    name: Label
    """Name of the inventory."""
    sites: Annotated[dict[Label, SiteKeys], Field(min_length=1)]
    """Sites by name."""
    datastores: dict[StoreName, DatastoreKeys] = Field(default_factory=dict)
    """Data stores by name."""
    targets: Annotated[dict[Label, TargetKeys], Field(min_length=1)]
    """Targets by name; the first of a site that serves is the one used."""
    environments: list[EnvironmentKeys] = Field(default_factory=list)
    """What environments become, in order of precedence."""
