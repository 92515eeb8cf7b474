"""Values, rules and errors. Pure: no I/O, no clock, no vendor, no Prefect."""
