"""What happens at a site, as pure functions over values: portals, attempts, posture, the ledger."""
