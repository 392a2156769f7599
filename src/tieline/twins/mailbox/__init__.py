"""A receiver of signed webhooks, so that what a hub tells can be counted."""

from tieline.twins.mailbox.twin import MailboxTwin as TWIN

__all__ = ["TWIN"]
