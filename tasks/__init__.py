"""One step each: one operation + a name + a retry policy. Prefect lives only here, in flows/ and in landbridge.host."""
