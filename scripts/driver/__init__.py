"""The driver behind `scripts/cmsid`: backup, restore, and everything that ties the dbt project together."""

__version__ = "1.0.0"
