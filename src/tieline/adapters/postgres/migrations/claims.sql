-- The only way across tenants: functions that return keys for the shards asked for. They belong to tieline_claims, which
-- may read just those columns and cannot log in. The search path is empty, so that no caller's object can slip in.
-- Each takes the oldest of every shard first (one index probe a shard, a fair share of n and at least 32 from each), so
-- that a long queue costs what is taken, not what is waiting, and no shard starves another.

create function public.claim_dirty(shards smallint[], n int)
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

create function public.claim_wakes(shards smallint[], at timestamptz, n int)
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
create function public.claim_due(shards smallint[], n int, busy text[], taken text[])
  returns table (tenant_id text, replica_id text, shard smallint, step text, system text)
  language sql stable security definer set search_path = '' as $$
  select l.tenant_id, l.replica_id, l.shard, l.step, l.system from unnest(shards) as s (shard)
  cross join lateral (
    select q.tenant_id, q.replica_id, q.shard, q.step, q.system, q.priority, q.due_at from public.due as q
    where q.shard = s.shard and q.due_at <= now() and not q.tenant_id || '/' || q.system = any (busy)
      and not q.tenant_id || '/' || q.replica_id = any (taken)
    order by q.priority, q.due_at limit greatest(32, 2 * n / greatest(cardinality(shards), 1))
  ) as l
  order by l.priority, l.due_at limit n
$$;

create function public.claim_intake(shards smallint[], n int, taken uuid[])
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

create function public.unsettled(shards smallint[])
  returns table (tenant_id text, intended_at timestamptz, effect_key bytea, replica_id text, state text,
    settle_after timestamptz)
  language sql stable security definer set search_path = '' as $$
  select e.tenant_id, e.intended_at, e.effect_key, e.replica_id, e.state, e.settle_after
  from public.effects as e
  join public.replicas as r on r.tenant_id = e.tenant_id and r.replica_id = e.replica_id
  where e.state in ('intent', 'unknown') and r.shard = any (shards)
  order by e.intended_at
$$;

create function public.authenticate(key_hash bytea)
  returns table (tenant_id text, principal_id text, name text, scopes text[])
  language sql stable security definer set search_path = '' as $$
  select p.tenant_id, p.principal_id, p.name, p.scopes from public.principals as p
  where p.key_hash = authenticate.key_hash and p.revoked_at is null and p.expires_at > now()
$$;

create function public.tenant_backlog()
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
