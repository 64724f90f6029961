"""Read one data source into one typed Parquet file, and say what was found in it."""
