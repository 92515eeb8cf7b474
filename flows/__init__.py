"""The five patterns, and what keeps them true: order of steps, nothing else.

`ALL` maps a flow's name to the flow, for whoever hosts them. Importing this module imports Prefect.
"""

from flows.cloud_train_onprem_deploy import cloud_train_onprem_deploy
from flows.hybrid_train_deploy import hybrid_train_deploy
from flows.onprem_lifecycle import onprem_lifecycle
from flows.onprem_train_cloud_deploy import onprem_train_cloud_deploy
from flows.private_aks import private_aks
from flows.reconcile import reconcile
from flows.redeploy import redeploy
from flows.replicate_data import replicate_data
from flows.score import score

ALL = {
    flow.name: flow
    for flow in (
        cloud_train_onprem_deploy,
        hybrid_train_deploy,
        onprem_train_cloud_deploy,
        private_aks,
        onprem_lifecycle,
        redeploy,
        replicate_data,
        score,
        reconcile,
    )
}
