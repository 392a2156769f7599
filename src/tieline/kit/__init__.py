"""The innermost layer: money, quantities, dates, identifiers, errors. Knows no business word and imports nothing of ours."""
