"""Webhooks out: endpoints follow the feed, each at its own pace; what is refused waits with its lane and nobody else."""
