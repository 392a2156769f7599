"""What several lanes share: limits, requests and grants, settled under the pools' row locks inside the planning transaction."""
