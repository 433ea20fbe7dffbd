"""The edge's append-only log: one entry per event, hash-chained, durable before anything acts."""
