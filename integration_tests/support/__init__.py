"""What the tests stand on: servers, registries, and ways to run dbt."""
