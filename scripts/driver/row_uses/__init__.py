"""What the application's functions, triggers and statements do with whole rows of core tables, and what a new column breaks."""
