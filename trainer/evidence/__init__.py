"""Is a difference real: statistics on arrays, without runs, metrics or torch. Each file names its source."""
