"""From AksCompute and its web services (SDK and CLI v1) to KubernetesCompute and online endpoints (v2).

Field names of v1: azureml-core 1.61 (`azureml.core.webservice.aks`, `azureml.core.compute.aks`) and the OpenAPI of api-version
2021-01-01 (`AKSServiceResponse`). Microsoft publishes no table from field to field for AKS; this one matches meaning and
defaults.
"""
