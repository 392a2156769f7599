"""Pumps send exactly what was planned: claim, intent, call, outcome, read-back. They append; planners change lanes."""
