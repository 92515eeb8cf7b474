"""What IT operations ask for themselves: instance types, namespaces, a doctor. They own the inventory and the cluster's
rights; nothing here reads a scenario or a job, and no run calls anything here."""
