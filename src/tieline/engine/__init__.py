"""The engine: journal, records, lanes, replicas, effects, holds. Knows no business word and no foreign system.

    inputs -> intake -> records -> planning -> replicas -> pumps -> effects -> outcomes -> observation -> planning

Only intake and planning change lanes, under the lane's lock. Pumps send what was planned and append outcomes.
"""
