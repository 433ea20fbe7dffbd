"""Who signs in at the pages: by what, for how long, and what stands in the way of guessing."""
