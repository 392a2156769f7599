"""Announcements: tells any system that takes signed webhooks what has happened, at most once."""
