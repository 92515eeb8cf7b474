"""Carries machine-learning models across the border between cloud and on-premises.

Nothing is imported here: `import landbridge` must cost nothing (the CLI's start-up time is a promise).
"""

__version__ = "0.1.0"
