"""One use case each, as plain functions over the ports: what tasks wrap with names and retries, and the CLI asks for.

No Prefect here, so `landbridge plan` starts fast and every rule of order can be tested without a server.
"""
