"""A copy of everything that an edge needs to stand again elsewhere: sealed, proven, put back."""
