"""The linters and tests behind `scripts/test`."""
