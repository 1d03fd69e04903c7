"""What the pages' browser side needs to be made: only the fetching of vendored files. Nothing is built."""
