"""What Microsoft's pages say of Azure Machine Learning on Kubernetes, as tables and rules: no connection, file or clock.

The cluster extension (`settings`, `extension`), the ways out that it needs (`outbound`), its errors (`faults`) and the way
from AksCompute (`v1`). Sources: https://learn.microsoft.com/azure/machine-learning/how-to-attach-kubernetes-anywhere and the
pages below it; https://github.com/Azure/AML-Kubernetes where `rare` says so.
"""
