"""The code of scoring jobs: this folder goes to the target as it is."""
