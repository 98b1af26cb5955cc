"""The application's own repository: its Drizzle schema files and migrations brought in line with cms_id."""
