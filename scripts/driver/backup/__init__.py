"""Backups that are proven to restore, and a restore that keeps what it replaces.

For other modules: `take.take_backup`, `restore.restore`, `store` (what backups there are) and `situation.describe`.
"""
