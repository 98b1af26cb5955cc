{{ other_table_fingerprints() }}
