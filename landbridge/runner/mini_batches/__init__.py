"""The code of scoring jobs with a script of their own: it goes to the target beside the script."""
