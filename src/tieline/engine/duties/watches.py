"""What the liveness monitor looks at: one set-based question for each table that holds something unfinished.

Each answers, for one tenant, what is past its latest time or has nobody whose turn it is: lane, subject, actor, since.
Whoever adds a table with something unfinished in it adds a watch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

LIMIT = 500  # of one watch in one tenant and round; the count is of all
UNSEALED_S = 30.0  # with the monitor's five seconds a feed that stands still is told within a minute (L5)
LISTED = "`tieline list holds` lists the contracts as OVERDUE, with who is next"
FEED_WAY_OUT = (
    "a scheduler seals: `tieline run scheduler`; if one runs, read its log and ask `tieline audit verify`, which names the "
    "first event that does not fit"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """`sql` takes %(tenant)s, %(now)s, %(business)s (business time) and %(limit)s; `what` continues the sentence "3 …".

    `way_out` is for the reader of `tieline doctor`; what has a lane is found on its contract as well.
    """

    name: str
    what: str
    sql: LiteralString
    way_out: str = LISTED


WATCHES: tuple[Watch, ...] = (
    Watch(
        name="replicas",
        what="documents are past the time by which their system ought to hold them",
        sql="""select coalesce(planned_by, lane) as lane, replica_id as subject, next_actor as actor,
  coalesce(latest_at, updated_at) as since, count(*) over () as all_of_them from replicas
where tenant_id = %(tenant)s and status not in ('in_step', 'ended')
  and (latest_at is null or latest_at < %(now)s or next_actor = '')
order by latest_at nulls first limit %(limit)s""",
    ),
    Watch(
        name="turns",
        what="documents are unfinished and it is nobody's turn",
        # A push, a look or a reading back is due, or what it waits for is known. One statement sees one state of both.
        sql="""select coalesce(r.planned_by, r.lane) as lane, r.replica_id as subject, '' as actor, r.updated_at as since,
  count(*) over () as all_of_them from replicas r
where r.tenant_id = %(tenant)s and r.status not in ('in_step', 'ended') and (
  (r.status in ('pending', 'unknown', 'written')
    and not exists (select 1 from due d where d.tenant_id = r.tenant_id and d.replica_id = r.replica_id))
  or (r.status = 'waiting'
    and not exists (select 1 from waits w where w.tenant_id = r.tenant_id and w.replica_id = r.replica_id)))
order by r.updated_at limit %(limit)s""",
    ),
    Watch(
        name="timers",
        what="lanes were to be looked at by an hour that has passed",
        sql="""select lane, lane as subject, 'worker' as actor, wake_at as since, count(*) over () as all_of_them from lanes
where tenant_id = %(tenant)s and wake_at < %(business)s - interval '1 minute' order by wake_at limit %(limit)s""",
    ),
    Watch(
        name="plans",
        what="lanes have been waiting for their plan for more than a minute",
        sql="""select lane, lane as subject, 'worker' as actor, min(woken_at) as since, count(*) over () as all_of_them
from lane_dirty where tenant_id = %(tenant)s and woken_at < clock_timestamp() - interval '1 minute'
group by lane order by min(woken_at) limit %(limit)s""",
    ),
    Watch(
        name="inputs",
        what="accepted inputs have not been worked in for ten minutes",
        sql="""select null as lane, input_id::text as subject, 'worker' as actor, received_at as since,
  count(*) over () as all_of_them
from intake where tenant_id = %(tenant)s and received_at < clock_timestamp() - interval '10 minutes'
order by received_at limit %(limit)s""",
    ),
    Watch(
        name="effects",
        what="calls were begun and nobody knows their outcome after ten minutes",
        sql="""select lane, replica_id as subject, system as actor, intended_at as since, count(*) over () as all_of_them
from effects where tenant_id = %(tenant)s and state in ('intent', 'unknown')
  and coalesce(settle_after, intended_at) < %(now)s - interval '10 minutes'
order by intended_at limit %(limit)s""",
    ),
    Watch(
        name="feed",
        what="events have had no place in the feed for half a minute, so that nobody who follows it is told",
        way_out=FEED_WAY_OUT,
        # No lane: an alert on one would be an event more that has no place.
        sql="""select null as lane, 'feed' as subject, 'scheduler' as actor, min(recorded_at) as since, count(*) as all_of_them
from unsealed where tenant_id = %(tenant)s and recorded_at < clock_timestamp() - interval '30 seconds'
having count(*) > 0""",
    ),
)
