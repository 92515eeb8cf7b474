"""Errors of online endpoints and deployments on Kubernetes, and of requests to them.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints. Whether to try again, and what
to avoid, is our judgement: transient is what the page tells to wait for or to repeat.
"""

from landbridge.domain.azure.faults import Again, Fault, Where
from landbridge.domain.values import Avoid

_T, _P = Again.TRANSIENT, Again.PERMANENT
_NOTHING, _TYPE, _TARGET, _ALL = Avoid.NOTHING, Avoid.INSTANCE_TYPE, Avoid.TARGET, Avoid.EVERYTHING
_S, _R = Where.SERVING, Where.REQUEST
_LOGS = "`az ml online-deployment get-logs`"

FAULTS: tuple[Fault, ...] = (
    Fault(
        *("ImageBuildFailure", _S, _P, _ALL),
        "The image could not be built: a registry refused, a private one has no compute to build on, it took too long, or "
        "packages do not fit together.",
        "Read the build log; run `az ml workspace sync-keys`, set the image-build compute, pin the versions of packages.",
        r"image build fail",
    ),
    Fault(
        *("OutOfQuota", _S, _P, _TYPE),
        "The cluster or the subscription has no room: CPU, memory, disk, pods, endpoints or role assignments.",
        "Add nodes, remove what is not needed, or ask for a smaller instance type.",
        r"kubernetes unschedulable|\d+/\d+ nodes are available: .{0,80}(too many pods|insufficient)",
    ),
    Fault(
        *("BadArgument", _S, _P, _ALL),
        "Something that was given is wrong, such as the subscription, a policy, an image or a model that cannot be fetched; "
        "or the endpoint's user-assigned identity may not read them.",
        "Read the message; give the identity Storage Blob Data Reader and AcrPull.",
    ),
    Fault(
        *("requests-over-limits", _S, _P, _ALL),
        "A request of `resources` is larger than its limit (BadArgument).",
        "Lower `resources.requests`, or raise `resources.limits`.",
        r"resource requests (are )?greater than limits",
    ),
    Fault(
        *("router-not-ready", _S, _T, _TARGET),
        "No replica of the router azureml-fe is healthy (BadArgument).",
        "Look at `kubectl get pods -n azureml`; the router needs at least one healthy replica.",
        r"azureml-fe.{0,60}not ready",
    ),
    Fault(
        *("ResourceNotReady", _S, _P, _ALL),
        "The container ends again and again: score.py raises, a probe gives up, or init() takes too long.",
        f"Read {_LOGS}; mend score.py, or raise initial_delay and failure_threshold of the probes.",
    ),
    Fault(
        *("ResourceNotFound", _S, _P, _ALL),
        "A resource that was named is missing, or a private registry cannot be reached.",
        "Correct the names; give the identity AcrPull.",
    ),
    Fault(
        *("OperationCanceled", _S, _T, _NOTHING),
        "An operation of higher priority took its place, or it waited for a lock.",
        "Try again after a minute.",
        r"operation (was )?cancell?ed",
    ),
    Fault(
        *("SecretsInjectionError", _S, _P, _ALL),
        "The endpoint's identity may not read the secrets, or a reference is wrong.",
        "Give it the role to read the workspace's connections or the key vault, and correct the reference.",
        r"secrets? injection",
    ),
    Fault(
        *("InternalServerError", _S, _T, _NOTHING),
        "A fault of the service. While a compute is attached: the workspace's identity lacks the role Azure Kubernetes "
        "Service Cluster Admin. It also comes when the name of workspace or resource group ends in a dash.",
        "Try again; when it stays, check the role and the names, then ask support with the request id.",
        r"internal server error",
    ),
    Fault(
        *("ACRSecretError", _S, _T, _TARGET),
        "The secret for the registry was not made: roles are not assigned yet, the network is closed, the extension is "
        "older than 1.1.26 or installed wrongly.",
        "Wait for the role assignment and try again; check private endpoints; upgrade the extension.",
        r"acr secret",
    ),
    Fault(
        *("TokenRefreshFailed", _S, _P, _TARGET),
        "The cluster's identity is not set.",
        "Delete the extension and install it anew.",
        r"token refresh fail",
    ),
    Fault(
        *("GetAADTokenFailed", _S, _T, _TARGET),
        "The request for a token of Entra ID failed or timed out.",
        "Check the proxy and ways out; a private workspace needs private link.",
        r"get aad token fail",
    ),
    Fault(
        *("ACRAuthenticationChallengeFailed", _S, _P, _TARGET),
        "The registry cannot be reached from the cluster.",
        "Check ways out with `landbridge ops network plan --registry NAME --check`.",
        r"acr authentication challenge fail",
    ),
    Fault(
        *("ACRTokenExchangeFailed", _S, _T, _NOTHING),
        "The token is not authorised yet, or the registry throttles.",
        "Wait a few minutes and try again.",
        r"acr token exchange fail",
    ),
    Fault(
        *("KubernetesUnaccessible", _S, _P, _TARGET),
        "The certificates of the AKS cluster are no longer valid.",
        "Rotate them (`az aks rotate-certs`) and wait five hours.",
        r"authenticationexception.{0,40}reason: invalidcertificate",
    ),
    Fault(
        *("ImagePullLoopBackOff", _S, _P, _TARGET),
        "The image cannot be pulled.",
        "Check the image's name, network policies, and the cluster's access to the registry.",
        r"image ?pull ?(loop)? ?back ?off|errimagepull",
    ),
    Fault(
        *("DeploymentCrashLoopBackOff", _S, _P, _ALL),
        "The user's container crashed while it started: an error in score.py, or too little memory.",
        f"Read {_LOGS}; mend score.py, or raise the memory limit.",
    ),
    Fault(
        *("KubernetesCrashLoopBackOff", _S, _P, _ALL),
        "Pods crash again and again: an error in score.py, or too little memory.",
        f"Read {_LOGS}; mend score.py, or raise the memory limit.",
        r"crash ?loop ?back ?off",
    ),
    Fault(
        *("NamespaceNotFound", _S, _P, _TARGET),
        "The compute's namespace is not in the cluster.",
        "Make the namespace, or detach the compute and attach it with one that is there.",
        r"namespaces? \"?[a-z0-9-]+\"? not found",
    ),
    Fault(
        *("UserScriptInitFailed", _S, _P, _ALL),
        "init() of score.py raised.",
        f"Read {_LOGS} and mend init().",
        r"user script.{0,20}init.{0,20}fail",
    ),
    Fault(
        *("UserScriptImportError", _S, _P, _ALL),
        "score.py imports a package that the environment lacks.",
        "Add the package to the environment's conda file.",
        r"modulenotfounderror: no module named",
    ),
    Fault(
        *("UserScriptFunctionNotFound", _S, _P, _ALL),
        "score.py has no init() or no run().",
        "Add both functions.",
        r"no (attribute|function) '?(init|run)'?",
    ),
    Fault(
        *("EndpointNotFound", _S, _P, _ALL),
        "The endpoint is not in the cluster.",
        "Make the endpoint first, then its deployment.",
        r"endpoint '?[\w-]+'? (does not exist|(was |is )?not found)",
    ),
    Fault(
        *("EndpointAlreadyExists", _S, _P, _ALL),
        "An endpoint of that name is there: names are unique per workspace and per cluster.",
        "Take another name.",
        r"endpoint '?[\w-]+'? already exists",
    ),
    Fault(
        *("ScoringFeUnhealthy", _S, _P, _TARGET),
        "The router azureml-fe is missing or unhealthy.",
        "Look at `kubectl get pods -n azureml`; update or reinstall the extension.",
        r"scoring ?fe.{0,20}unhealthy",
    ),
    Fault(
        *("ValidateScoringFailed", _S, _P, _TARGET),
        "The scoring URL did not answer as it must.",
        "Check sslCname, its DNS record and the router's address.",
        r"scoring url validation fail|validate scoring fail",
    ),
    Fault(
        *("InvalidDeploymentSpec", _S, _P, _ALL),
        "The number of instances, or its lower or upper bound, is wrong.",
        "Correct instance_count, or min_instances and max_instances.",
        r"invalid deployment spec",
    ),
    Fault(
        *("PodUnschedulable", _S, _P, _TYPE),
        "No node has room, or none matches the node selector.",
        "Correct the labels, add nodes, or take a smaller instance type.",
        r"pod (is )?unschedulable|didn'?t match pod'?s node affinity/selector",
    ),
    Fault(
        *("PodOutOfMemory", _S, _P, _TYPE),
        "The container needed more memory than its limit.",
        "Raise `resources.limits.memory`, or take a larger instance type.",
        r"pod out of memory|\bOOMKilled\b",
    ),
    Fault(
        *("probe-timeout-invalid", _S, _P, _ALL),
        "request_timeout_ms is too large for the probes that follow from it.",
        "Keep request_timeout_ms at or below 150000.",
        r"invalid value provided for timeout seconds for probe",
    ),
    Fault(
        *("registry-reference", _S, _P, _TARGET),
        "A model, environment or code of a registry is not supported on Kubernetes online endpoints.",
        "Register it in the workspace and name it `azureml:NAME:VERSION`.",
        r"registry reference for .{0,40} is not supported for K8SDeployment",
    ),
    Fault(
        *("HTTP 401", _R, _P, _ALL),
        "The key or token is missing, wrong or run out.",
        "Send `Authorization: Bearer KEY`, from `az ml online-endpoint get-credentials`.",
        r"\b401\b.{0,10}unauthori[sz]ed|http[^\n]{0,20} 401\b",
    ),
    Fault(
        *("HTTP 404", _R, _P, _ALL),
        "The address is wrong, or no deployment has traffic.",
        "Take the scoring URI from `az ml online-endpoint show`, and give a deployment traffic.",
        r"\b404\b.{0,10}not found|http[^\n]{0,20} 404\b",
    ),
    Fault(
        *("HTTP 408", _R, _T, _NOTHING),
        "The request took too long (managed endpoints).",
        "Raise request_timeout_ms, or make the model faster.",
        r"\b408\b.{0,10}request timeout|http[^\n]{0,20} 408\b",
    ),
    Fault(
        *("HTTP 409", _R, _T, _NOTHING),
        "Another operation on that endpoint is still running.",
        "Wait until it has ended, then try again.",
        r"\b409\b.{0,10}conflict|http[^\n]{0,20} 409\b|another operation.{0,20}in progress on",
    ),
    Fault(
        *("HTTP 424", _R, _P, _ALL),
        "The model's container answered with an error (managed endpoints).",
        "Read the headers ms-azureml-model-error-statuscode and -reason, and the logs.",
        r"\b424\b.{0,10}failed dependency|http[^\n]{0,20} 424\b",
    ),
    Fault(
        *("HTTP 429", _R, _T, _NOTHING),
        "Too many requests are pending.",
        "Send fewer at once, or add instances; heed Retry-After.",
        r"\b429\b.{0,10}too many|http[^\n]{0,20} 429\b",
    ),
    Fault(
        *("HTTP 500", _R, _T, _NOTHING),
        "The infrastructure failed, not the model.",
        "Look at the router and the pods of namespace azureml; try again.",
        r"http[^\n]{0,20} 500\b",
    ),
    Fault(
        *("HTTP 502", _R, _P, _ALL),
        "run() of score.py raised, or its process died.",
        f"Read {_LOGS} and mend run().",
        r"\b502\b.{0,10}bad gateway|http[^\n]{0,20} 502\b",
    ),
    Fault(
        *("HTTP 503", _R, _T, _NOTHING),
        "More requests came than the replicas can take.",
        "Lower target_utilization_percentage, or raise min_instances and max_instances.",
        r"\b503\b.{0,10}service unavailable|http[^\n]{0,20} 503\b",
    ),
    Fault(
        *("HTTP 504", _R, _T, _NOTHING),
        "No answer within request_timeout_ms, which is 5000 unless you set it.",
        "Raise request_timeout_ms (300000 at most), or make the model faster.",
        r"\b504\b.{0,10}gateway time-?out|http[^\n]{0,20} 504\b",
    ),
)
