"""What a file is, what its columns are, and the command to begin with: what ``foldwise look`` says."""
