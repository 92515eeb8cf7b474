"""Errors around the extension, the compute and the cluster.

Sources: https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-kubernetes-extension,
https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-kubernetes-compute,
https://github.com/Azure/AML-Kubernetes/blob/master/docs/troubleshooting.md. Whether to try again, and what to avoid, is our
judgement: transient is what the pages tell to wait for.
"""

from landbridge.domain.azure.faults import Again, Fault, Where
from landbridge.domain.values import Avoid

_T, _P = Again.TRANSIENT, Again.PERMANENT
_NOTHING, _TYPE, _TARGET, _ALL = Avoid.NOTHING, Avoid.INSTANCE_TYPE, Avoid.TARGET, Avoid.EVERYTHING
_REATTACH = "Detach the compute and attach it again, with exactly the same name and namespace."

FAULTS: tuple[Fault, ...] = (
    Fault(
        *("name-in-use", Where.INSTALL, _P, _TARGET),
        "An extension of that name is there, or its Helm release is.",
        "If Azure ML left it, wait an hour and try again; else take another name (`helm list -Aa` shows them).",
        r"cannot re-use a name that is still in use",
    ),
    Fault(
        *("operation-in-progress", Where.INSTALL, _T, _TARGET),
        "Another operation on the extension is still running.",
        "Wait up to an hour, then try again.",
        r"(earlier|another) operation (for the helm chart )?is (still )?in progress",
    ),
    Fault(
        *("namespace-terminating", Where.INSTALL, _T, _TARGET),
        "The namespace azureml is still being deleted; removing the extension takes about ten minutes.",
        "Wait until `az k8s-extension show` no longer finds it, then install.",
        r"unable to create new content in namespace azureml because it is being terminated",
    ),
    Fault(
        *("chart-not-found", Where.INSTALL, _P, _TARGET),
        "The version or the release train does not exist.",
        "Correct `version` and `release_train`, or leave both out.",
        r"fail(ed|s)? (in|to) download.{0,40}chart path not found|chart path not found",
    ),
    Fault(
        *("ownership-conflict", Where.INSTALL, _P, _TARGET),
        "A resource of that name is in the cluster already, such as Volcano's definitions or the router of AksCompute.",
        "Switch the part off (installVolcano: false, installPromOp: false), give the resource Helm's labels and "
        "annotations, or delete what is left of azureml-fe.",
        r"cannot be imported into the current release: invalid ownership metadata",
    ),
    Fault(
        *("install-timeout", Where.INSTALL, _P, _TARGET),
        "The pods of the extension did not come up in time.",
        "Look at the pods of namespace azureml and at ConfigMap arcml-healthcheck; mend what they name.",
        r"timed out waiting for the condition|status not populated",
    ),
    Fault(
        *("health-check-failed", Where.INSTALL, _P, _TARGET),
        "The health check found something that stops the installation.",
        "Read ConfigMap arcml-healthcheck in namespace azureml: reports-pre-install, reports-pre-upgrade or "
        "reports-pre-delete holds the code.",
        r"failed pre-install: pod healthcheck failed|pod healthcheck failed",
    ),
    Fault(
        *("extension-operator-oomkilled", Where.INSTALL, _P, _TARGET),
        "Too many revisions of the Helm release are stuck in a pending state.",
        "Delete the secrets sh.helm.release.v1.<release>.v<revision> of the stuck revisions.",
        r"extension-operator.{0,80}OOMKilled",
    ),
    Fault(
        *("no-pem-data", Where.INSTALL, _P, _TARGET),
        "The cluster's controller manager has no certificate to sign with.",
        "Give it the cluster-signing flags, or set enable_https: false.",
        r"failed to find any PEM data",
    ),
    Fault(
        *("router-anti-affinity", Where.INSTALL, _P, _TARGET),
        "The three replicas of the router need three nodes.",
        "Add nodes that match, or set inferenceRouterHA: false.",
        r"didn'?t match pod anti-affinity rules",
    ),
    Fault(
        *("extension-not-installed", Where.COMPUTE, _P, _TARGET),
        "The extension is missing, or the workspace's user-assigned identity may not see it.",
        "Install the extension; give the identity the role Kubernetes Extension Contributor on the cluster.",
        r"extension (is )?not installed",
    ),
    Fault(
        *("E40000", Where.HEALTH, _P, _TARGET),
        "UNKNOWN_ERROR: an unexpected error of the health check.",
        "Read the logs of the health check's job, and ask support with them.",
        r"\bUNKNOWN_ERROR\b",
    ),
    Fault(
        *("E40001", Where.HEALTH, _P, _TARGET),
        "LOAD_BALANCER_NOT_SUPPORT: the cluster has no load balancer.",
        "Configure one, or set inferenceRouterServiceType: NodePort or ClusterIP.",
        r"\bLOAD_BALANCER_NOT_SUPPORT\b",
    ),
    Fault(
        *("E40002", Where.HEALTH, _P, _TARGET),
        "INSUFFICIENT_NODE: the router's three replicas find fewer than three healthy nodes that match.",
        "Set inferenceRouterHA: false, or mend the node selector, or add nodes.",
        r"\bINSUFFICIENT_NODE\b",
    ),
    Fault(
        *("E40003", Where.HEALTH, _P, _TARGET),
        "INTERNAL_LOAD_BALANCER_NOT_SUPPORT: only AKS has it, and only from provider `azure`.",
        "Leave internalLoadBalancerProvider out.",
        r"\bINTERNAL_LOAD_BALANCER_NOT_SUPPORT\b",
    ),
    Fault(
        *("E40004", Where.HEALTH, _P, _TARGET),
        "AZUREML_FE_DEPLOYMENT_NOT_FOUND: the router azureml-fe-v2 is not there.",
        "Install the extension with enableInference, or update it.",
        r"\bAZUREML_FE_DEPLOYMENT_NOT_FOUND\b",
    ),
    Fault(
        *("E40005", Where.HEALTH, _P, _TARGET),
        "AZUREML_FE_SCALE_UP_TIMEOUT: the router's replicas did not come up in time.",
        "Make room for them: 900m CPU and 800Mi memory each.",
        r"\bAZUREML_FE_SCALE_UP_TIMEOUT\b",
    ),
    Fault(
        *("E40006", Where.HEALTH, _P, _TARGET),
        "AZUREML_FE_UPDATE_REPLICAS_FAILED: the number of the router's replicas could not be changed.",
        "Look at the deployment azureml-fe-v2 in namespace azureml, then update the extension again.",
        r"\bAZUREML_FE_UPDATE_REPLICAS_FAILED\b",
    ),
    Fault(
        *("E40007", Where.HEALTH, _P, _TARGET),
        "INVALID_SSL_SETTING: key or certificate is missing or wrong, or the certificate is not for sslCname.",
        "Give the whole chain and a key without pass phrase; `openssl x509 -noout -text` shows the names.",
        r"\bINVALID_SSL_SETTING\b",
    ),
    Fault(
        *("E45001", Where.HEALTH, _P, _TARGET),
        "AGENT_UNHEALTHY: some pod, job or set of the extension is not healthy.",
        "Look at `kubectl get pods -n azureml` and the events there.",
        r"\bAGENT_UNHEALTHY\b",
    ),
    Fault(
        *("E45002", Where.HEALTH, _P, _TARGET),
        "PROMETHEUS_CONFLICT: the cluster has a Prometheus operator of its own.",
        "Set installPromOp: false.",
        r"\bPROMETHEUS_CONFLICT\b",
    ),
    Fault(
        *("E45003", Where.HEALTH, _P, _TARGET),
        "BAD_NETWORK_CONNECTIVITY: a host that is needed cannot be reached.",
        "Compare with `landbridge ops network plan --check`, run inside the cluster's network.",
        r"\bBAD_NETWORK_CONNECTIVITY\b",
    ),
    Fault(
        *("E45004", Where.HEALTH, _P, _TARGET),
        "AZUREML_FE_ROLE_CONFLICT: AksCompute left the ClusterRole azureml-fe-role.",
        "Delete what AksCompute left (docs/azure/migrate-akscompute.md lists it), then install again.",
        r"\bAZUREML_FE_ROLE_CONFLICT\b",
    ),
    Fault(
        *("E45005", Where.HEALTH, _P, _TARGET),
        "AZUREML_FE_DEPLOYMENT_CONFLICT: AksCompute left the deployment azureml-fe.",
        "Delete what AksCompute left (docs/azure/migrate-akscompute.md lists it), then install again.",
        r"\bAZUREML_FE_DEPLOYMENT_CONFLICT\b",
    ),
    Fault(
        *("E49999", Where.HEALTH, _P, _TARGET),
        "CHECKER_PANIC: the health check itself broke.",
        "Read the logs of its job, and ask support with them.",
        r"\bCHECKER_PANIC\b",
    ),
    Fault(
        *("GenericComputeError", Where.COMPUTE, _P, _TARGET),
        "The compute's information cannot be read from the cluster.",
        f"See that the cluster runs and that its instance types are right. {_REATTACH}",
        r"failed to get compute information",
    ),
    Fault(
        *("ComputeNotFound", Where.COMPUTE, _P, _TARGET),
        "The compute is missing, or was removed below endpoints that use it.",
        f"{_REATTACH} Then make the endpoint or deployment again.",
        r"cannot find kubernetes compute",
    ),
    Fault(
        *("ComputeNotAccessible", Where.COMPUTE, _P, _TARGET),
        "The workspace's managed identity has no access to the AKS cluster.",
        "Give it the roles Reader, Kubernetes Extension Contributor and Azure Kubernetes Service Cluster Admin.",
        r"the kubernetes compute is not accessible",
    ),
    Fault(
        *("InvalidComputeInformation", Where.COMPUTE, _P, _TARGET),
        "The compute was not found, or the extension's configuration in the cluster was changed.",
        f"Compare the cluster with the workspace. {_REATTACH}",
        r"the compute information is invalid",
    ),
    Fault(
        *("InvalidComputeNoKubernetesConfiguration", Where.COMPUTE, _P, _TARGET),
        "Azure Relay (Arc) or AKS is not configured in the compute.",
        _REATTACH,
        r"the compute kubeconfig is invalid",
    ),
    Fault(
        *("GenericClusterError", Where.CLUSTER, _T, _TARGET),
        "The cluster was not reached: it is shut down, its API server does not answer, or its authorised IP ranges lack "
        "those of Azure ML.",
        "Start the cluster, add the IP ranges of AzureMachineLearning for the region and its paired one, try `kubectl`.",
        r"failed to connect to kubernetes cluster",
    ),
    Fault(
        *("ClusterNotReachable", Where.CLUSTER, _T, _TARGET),
        "The AKS cluster is shut down, or its API server does not answer.",
        "Start the cluster, and try `kubectl get nodes`.",
        r"the kubernetes cluster is not reachable",
    ),
    Fault(
        *("ClusterNotFound", Where.CLUSTER, _P, _TARGET),
        "The AKS or Arc resource is missing.",
        f"Correct the resource id. {_REATTACH}",
        r"cannot foun?d kubernetes cluster|cannot find kubernetes cluster",
    ),
    Fault(
        *("ClusterServiceNotFound", Where.CLUSTER, _T, _TARGET),
        "The pods of azureml-ingress-nginx-controller are too few.",
        "Make room for them: 100m CPU and 64Mi memory each.",
        r"azureml extension service not found in cluster",
    ),
    Fault(
        *("ClusterUnauthorized", Where.CLUSTER, _T, _TARGET),
        "With trusted access, the token ran out during the deployment.",
        "Try again in a few minutes.",
        r"request to kubernetes cluster unauthori[sz]ed",
    ),
    Fault(
        *("RefreshExtensionIdentityNotSet", Where.CLUSTER, _P, _TARGET),
        "The extension on AKS has no managed identity.",
        "Delete the extension and install it anew.",
        r"refresh extension identity not set",
    ),
    Fault(
        *("InferencingClientCallFailed", Where.CLUSTER, _P, _TARGET),
        "The extension cannot be reached: the relay, or the compute's configuration, is broken.",
        f"{_REATTACH} On Arc, look at the pods relayserver* in namespace azureml.",
        r"the k8s-extension of the kubernetes cluster is not connectable",
    ),
    Fault(
        *("trailing-dash", Where.OTHER, _P, _ALL),
        "The name of the workspace or of its resource group ends in a dash.",
        "Use a workspace and a resource group whose names end in a letter or digit.",
    ),
    Fault(
        *("compute-update-ignored", Where.OTHER, _P, _TARGET),
        "CLI and SDK cannot change an attached Kubernetes compute: a changed namespace has no effect.",
        "Detach the compute and attach it with the new values.",
    ),
    Fault(
        *("job-137", Where.TRAINING, _P, _TARGET),
        "The proxy is asked for 127.0.0.1: it is not among the addresses to skip.",
        "Add 127.0.0.1 and localhost to --proxy-skip-range of `az connectedk8s connect`.",
        r"job failed\.? 137|training-identity-sidecar.{0,200}\"?code\"?:\s*137",
    ),
    Fault(
        *("E45004", Where.TRAINING, _P, _TARGET),
        "The extension was installed without training.",
        "Update it with enableTraining: `features: both` or `features: training`.",
        r"training feature is not enabled|cluster does not support job type",
    ),
    Fault(
        *("token-service", Where.TRAINING, _P, _TARGET),
        "The job cannot reach Azure ML's token service.",
        "Check private link and ways out with `landbridge ops network plan --private-link --check`.",
        r"attempting to connect to the azure ml token service",
    ),
    Fault(
        *("csi-credentials-403", Where.TRAINING, _P, _TARGET),
        "The compute's identity may not read the storage account (workspace made with hbi_workspace).",
        "Give it Storage Blob Data Contributor and Storage Account Contributor.",
        r"failed to acquire CSI storage account credentials.{0,200}403",
    ),
    Fault(
        *("csi-credentials-network", Where.TRAINING, _P, _TARGET),
        "The storage account cannot be reached from the cluster.",
        "Check private link and ways out with `landbridge ops network plan --private-link --check`.",
        r"failed to acquire CSI storage account credentials.{0,200}http request after|"
        r"failed to successfully make an http request after \d+ attempts",
    ),
    Fault(
        *("datastore-without-credentials", Where.TRAINING, _P, _TARGET),
        "The datastore has no credentials, and the compute has no managed identity.",
        "Give the compute a managed identity with access to the storage account.",
        r"unable to mount data ?store.{0,80}give either an account key or SAS token",
    ),
    Fault(
        *("upload-unauthorised", Where.TRAINING, _P, _TARGET),
        "The storage account lies in a virtual network that does not trust the workspace.",
        "Allow trusted Microsoft services, add the workspace to the resource instances, use its system-assigned identity.",
        r"unable to upload project files to working directory in azureblob because the authorization failed",
    ),
    Fault(
        *("download-mode", Where.TRAINING, _P, _ALL),
        "An input is in download mode, which Kubernetes computes do not have.",
        "Write `mode: ro_mount` for the input.",
        r"unable to attach or mount volumes.{0,300}(blobfuse|no volume plugin matched)",
    ),
    Fault(
        *("openshift-selinux", Where.TRAINING, _P, _TARGET),
        "On OpenShift, SELinux relabels the files of a data set.",
        "Disable SELinux on the worker nodes.",
        r"selinux.{0,40}relabel|relabel.{0,60}selinux",
    ),
)
