"""One module for each step, in order; a step that people have run is never edited again."""
