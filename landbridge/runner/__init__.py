"""Processes that landbridge starts beside itself. Each is run as a file, with the standard library only."""
