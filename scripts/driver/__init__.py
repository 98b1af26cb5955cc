"""The driver behind `scripts/cmsid`: backup, restore, and everything that ties the dbt project together."""
