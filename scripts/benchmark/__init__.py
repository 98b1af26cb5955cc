"""The benchmark: every contestant does the same job on the same data, side by side in one run."""
