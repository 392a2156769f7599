-- The only way across tenants: functions that return keys for the shards asked for. They belong to tieline_claims, which
-- may read just those columns and cannot log in. The search path is empty, so that no caller's object can slip in.
-- Each takes the oldest of every shard first (one index probe a shard, a fair share of n and at least 32 from each), so
-- that a long queue costs what is taken, not what is waiting, and no shard starves another.

create or replace function public.claim_dirty(shards smallint[], n int)
  returns table (tenant_id text, lane text, shard smallint, dirty_id bigint)
  language sql stable security definer set search_path = '' as $$
  select d.tenant_id, d.lane, d.shard, max(d.dirty_id)
  from (
    select l.* from unnest(shards) as s (shard)
    cross join lateral (
      select q.tenant_id, q.lane, q.shard, q.dirty_id from public.lane_dirty as q
      where q.shard = s.shard order by q.dirty_id limit greatest(32, 2 * n / greatest(cardinality(shards), 1))
    ) as l
    order by l.dirty_id limit n
  ) as d
  group by d.tenant_id, d.lane, d.shard order by min(d.dirty_id)
$$;

create or replace function public.claim_wakes(shards smallint[], at timestamptz, n int)
  returns table (tenant_id text, lane text, shard smallint)
  language sql stable security definer set search_path = '' as $$
  select l.tenant_id, l.lane, l.shard from unnest(shards) as s (shard)
  cross join lateral (
    select q.tenant_id, q.lane, q.shard, q.wake_at from public.lanes as q
    where q.shard = s.shard and q.wake_at <= at
    order by q.wake_at limit greatest(32, 2 * n / greatest(cardinality(shards), 1))
  ) as l
  order by l.wake_at limit n
$$;

-- `busy` names systems (tenant/system) that take nothing now, `taken` replicas (tenant/replica) that are under way.
-- Fair over tenants by `weights` (tenant: weight, else 1), and within a tenant over priorities by how critical they are:
-- of n rows a tenant that has enough gets at least n * its weight / the sum. It walks the groups (shard, tenant, system,
-- priority) that have rows, one index probe each, and reads of each only what may be taken: what waits costs nothing.
create or replace function public.claim_due(shards smallint[], n int, busy text[], taken text[], weights jsonb default '{}')
  returns table (tenant_id text, replica_id text, shard smallint, step text, system text, priority smallint)
  language sql stable security definer set search_path = '' as $$
  with recursive found as (
    select s.shard, g.tenant_id, g.system, g.priority from unnest(shards) as s (shard)
    cross join lateral (
      select q.tenant_id, q.system, q.priority from public.due as q where q.shard = s.shard
      order by q.tenant_id, q.system, q.priority limit 1
    ) as g
    union all
    select f.shard, g.tenant_id, g.system, g.priority from found as f
    cross join lateral (
      select q.tenant_id, q.system, q.priority from public.due as q
      where q.shard = f.shard and (q.tenant_id, q.system, q.priority) > (f.tenant_id, f.system, f.priority)
      order by q.tenant_id, q.system, q.priority limit 1
    ) as g
  ), open as (
    select f.*, coalesce((weights ->> f.tenant_id)::int, 1) as weight, count(*) over (partition by f.tenant_id) as groups
    from found as f where not f.tenant_id || '/' || f.system = any (busy)
  ), total as (
    select sum(t.weight) as weight from (select distinct o.tenant_id, o.weight from open as o) as t
  ), waiting as (
    select l.*, o.weight, case when o.priority <= 1 then 32 when o.priority = 2 then 16 when o.priority <= 4 then 8
        when o.priority <= 6 then 4 when o.priority <= 8 then 2 else 1 end as urgency
    from open as o cross join total
    cross join lateral (
      select q.tenant_id, q.replica_id, q.shard, q.step, q.system, q.priority, q.due_at from public.due as q
      where q.shard = o.shard and q.tenant_id = o.tenant_id and q.system = o.system and q.priority = o.priority
        and q.due_at <= now() and not q.tenant_id || '/' || q.replica_id = any (taken)
      order by q.due_at
      -- Twice its part, so that groups of unequal length still fill n; and four times its share, to be lent what others leave.
      limit 1 + 2 * n * least(1, 4.0 * o.weight / total.weight) / o.groups
    ) as l
  ), ranked as (
    select w.*, 1.0 * row_number() over (partition by w.tenant_id, w.priority order by w.due_at) / w.urgency as turn
    from waiting as w
  ), fair as (
    select r.*, 1.0 * row_number() over (partition by r.tenant_id order by r.turn, r.priority) / r.weight as place
    from ranked as r
  )
  select f.tenant_id, f.replica_id, f.shard, f.step, f.system, f.priority
  from fair as f order by f.place, f.priority, f.due_at limit n
$$;

-- Connections that are down, for all workers.
create or replace function public.open_circuits()
  returns table (tenant_id text, system text, reason text, failures int, probe_at timestamptz, ready boolean)
  language sql stable security definer set search_path = '' as $$
  select c.tenant_id, c.system, c.reason, c.failures, c.probe_at, c.probe_at <= clock_timestamp() from public.circuits as c
  where c.state <> 'closed'
$$;

create or replace function public.claim_intake(shards smallint[], n int, taken uuid[])
  returns table (tenant_id text, input_id uuid, received_at timestamptz, shard smallint, system text)
  language sql stable security definer set search_path = '' as $$
  select k.tenant_id, k.input_id, k.received_at, k.shard, i.system
  from (
    select l.* from unnest(shards) as s (shard)
    cross join lateral (
      select q.tenant_id, q.input_id, q.received_at, q.shard, q.due_at from public.intake as q
      where q.shard = s.shard and q.due_at <= now() and not q.input_id = any (taken)
      order by q.due_at limit greatest(32, 2 * n / greatest(cardinality(shards), 1))
    ) as l
    order by l.due_at limit n
  ) as k
  join public.inputs as i
    on i.tenant_id = k.tenant_id and i.received_at = k.received_at and i.input_id = k.input_id
  order by k.due_at, k.received_at
$$;

create or replace function public.unsettled(shards smallint[])
  returns table (tenant_id text, intended_at timestamptz, effect_key bytea, replica_id text, state text,
    settle_after timestamptz)
  language sql stable security definer set search_path = '' as $$
  select e.tenant_id, e.intended_at, e.effect_key, e.replica_id, e.state, e.settle_after
  from public.effects as e
  join public.replicas as r on r.tenant_id = e.tenant_id and r.replica_id = e.replica_id
  where e.state in ('intent', 'unknown') and r.shard = any (shards)
  order by e.intended_at
$$;

create or replace function public.authenticate(key_hash bytea)
  returns table (tenant_id text, principal_id text, name text, scopes text[])
  language sql stable security definer set search_path = '' as $$
  select p.tenant_id, p.principal_id, p.name, p.scopes from public.principals as p
  where p.key_hash = authenticate.key_hash and p.revoked_at is null and p.expires_at > now()
$$;

create or replace function public.tenant_backlog()
  returns table (tenant_id text, intake bigint, dirty bigint, due bigint, unsettled bigint, holds bigint,
    oldest_at timestamptz)
  language sql stable security definer set search_path = '' as $$
  select c.tenant_id, sum(c.intake)::bigint, sum(c.dirty)::bigint, sum(c.due)::bigint, sum(c.unsettled)::bigint,
    sum(c.holds)::bigint, min(c.oldest_at)
  from (
    select i.tenant_id, 1 as intake, 0 as dirty, 0 as due, 0 as unsettled, 0 as holds, i.received_at as oldest_at
    from public.intake as i
    union all
    select d.tenant_id, 0, 1, 0, 0, 0, null from public.lane_dirty as d
    union all
    select d.tenant_id, 0, 0, 1, 0, 0, d.due_at from public.due as d where d.due_at <= now()
    union all
    select e.tenant_id, 0, 0, 0, 1, 0, null from public.effects as e where e.state in ('intent', 'unknown')
    union all
    select h.tenant_id, 0, 0, 0, 0, 1, null from public.holds as h where h.lifted_at is null
  ) as c
  group by c.tenant_id
$$;

-- Tenants with events that have no position yet: one index probe a tenant, however many events wait.
create or replace function public.claim_unsealed() returns table (tenant_id text)
  language sql stable security definer set search_path = '' as $$
  with recursive found as (
    (select u.tenant_id from public.unsealed as u order by u.tenant_id limit 1)
    union all
    select (select u.tenant_id from public.unsealed as u where u.tenant_id > f.tenant_id order by u.tenant_id limit 1)
    from found as f where f.tenant_id is not null
  )
  select f.tenant_id from found as f where f.tenant_id is not null
$$;

-- How many events have no position yet, and since when the oldest: a number for people, who see it even when no monitor runs.
create or replace function public.unsealed_queue() returns table (waiting bigint, oldest timestamptz)
  language sql stable security definer set search_path = '' as $$
  select count(*), min(u.recorded_at) from (select recorded_at from public.unsealed limit 100000) as u
$$;

-- Heads that moved since their last signature.
create or replace function public.unsigned_heads()
  returns table (tenant_id text, epoch int, "position" bigint, hash bytea, signed_position bigint,
    unsigned_since timestamptz)
  language sql stable security definer set search_path = '' as $$
  select h.tenant_id, h.epoch, h.position, h.hash, h.signed_position, h.unsigned_since
  from public.feed_heads as h where (h.epoch, h.position) <> (h.signed_epoch, h.signed_position)
  order by h.tenant_id
$$;

-- Endpoints of webhooks that may be asked and for which something waits: a lane, the feed, or a replay.
create or replace function public.endpoints_due(at timestamptz) returns table (tenant_id text, endpoint_id text)
  language sql stable security definer set search_path = '' as $$
  select e.tenant_id, e.endpoint_id from public.endpoints as e
  where e.state = 'active' and (e.next_at is null or e.next_at <= at) and (
    exists (select from public.feed_heads as h where h.tenant_id = e.tenant_id and h.position > e.position)
    or exists (select from public.deliveries as d
      where d.tenant_id = e.tenant_id and d.endpoint_id = e.endpoint_id
        and (d.due_at <= at or (e.failures > 0 and not d.own and d.due_at is not null)))
    or exists (select from public.replays as r where r.tenant_id = e.tenant_id and r.endpoint_id = e.endpoint_id
      and r.finished_at is null and r.position < r.until_position))
  order by e.next_at nulls first, e.tenant_id, e.endpoint_id
$$;

-- Why a month may not be dropped yet; null when nothing unfinished refers to it.
create or replace function public.month_in_use(subject text, begins timestamptz, ends timestamptz) returns text
  language sql stable security definer set search_path = '' as $$
  select case
    when subject = 'inputs' and exists (
      select from public.intake as i where i.received_at >= month_in_use.begins and i.received_at < month_in_use.ends)
      then 'an input of this month is not worked in yet'
    when subject = 'inputs' and exists (
      select from public.holds as h join public.inputs as i on i.tenant_id = h.tenant_id and i.input_id = h.input_id
      where h.lifted_at is null and i.received_at >= month_in_use.begins and i.received_at < month_in_use.ends)
      then 'an open hold refers to an input of this month'
    when subject = 'effects' and exists (
      select from public.effects as e
      where e.state in ('intent', 'unknown', 'ambiguous') and e.intended_at >= month_in_use.begins and e.intended_at < month_in_use.ends)
      then 'a call of this month is not settled'
    when subject = 'effects' and exists (
      select from public.holds as h join public.effects as e
        on e.tenant_id = h.tenant_id and e.correlation_id = h.correlation_id
      where h.lifted_at is null and e.intended_at >= month_in_use.begins and e.intended_at < month_in_use.ends)
      then 'an open hold refers to a call of this month'
    when subject = 'events' and exists (
      select from public.unsealed as u where u.recorded_at >= month_in_use.begins and u.recorded_at < month_in_use.ends)
      then 'an event of this month has no place in the feed yet'
    when subject = 'events' and exists (
      select from public.holds as h join public.events as e
        on e.tenant_id = h.tenant_id and e.correlation_id = h.correlation_id
      where h.lifted_at is null and e.recorded_at >= month_in_use.begins and e.recorded_at < month_in_use.ends)
      then 'an open hold refers to an event of this month'
    when subject = 'record_history' and exists (
      select from public.holds as h join public.record_history as r
        on r.tenant_id = h.tenant_id and r.input_id = h.input_id
      where h.lifted_at is null and r.recorded_at >= month_in_use.begins and r.recorded_at < month_in_use.ends)
      then 'an open hold refers to a version of this month'
  end
$$;
