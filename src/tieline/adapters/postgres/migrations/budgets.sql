-- One worker renews its share of some budgets, in one statement: a worker that is stopped halfway holds no lock.
-- Each row of `asked`: what the worker keeps in use whatever the answer (`keep`), what it could use (`wanted`), its limits,
-- calls of the day's quota that it was granted and did not make (`returned`), what it saw. `at` is an argument so that tests need not sleep.
--
-- `background` is for who only reads and compares (a scheduler's census): it gets what nobody else wants, and for the rest a
-- reserved slot; of fewer than eight slots, that slot only in ten seconds of eighty.
--
-- Safe because: a budget's row is locked, so shares change one after another; nobody gets more than the limit minus what
-- others hold; a worker's own slots shrink only to what it said it keeps. So the sum never exceeds the limit, except as far
-- as the limit itself was lowered meanwhile, and then nobody gets anything until it is met.
create or replace function public.renew_budgets(worker text, ttl_s numeric, asked jsonb, at timestamptz default clock_timestamp())
  returns table (budget text, slots int, share int, batch int, day_left numeric, paused_s numeric, reason text)
  language plpgsql set search_path = '' as $$
#variable_conflict use_column
declare
  a record;
  b public.budgets;
  others record;
  mine int;
  fair int;
  reserved int;
  granted int;
  given int;
begin
  for a in
    select * from jsonb_to_recordset(asked) as r (budget text, "limit" int, keep int, wanted int, learned int, linger_s numeric,
      daily bigint, returned int, extra int, batch int, calls int, turned_away int, pause_s numeric, pause_reason text,
      day_used bigint, day_limit bigint, background boolean)
    order by r.budget
  loop
    reserved := null;
    insert into public.budgets (budget) values (a.budget) on conflict do nothing;
    select * into b from public.budgets as q where q.budget = a.budget for update;
    delete from public.budget_shares as s where s.budget = a.budget and s.until <= at;
    select coalesce(sum(s.slots), 0)::int as held, count(*) filter (where s.wanted > 0)::int as n,
        count(*) filter (where s.wanted > 0 and s.worker_id < worker)::int as before
      into others from public.budget_shares as s where s.budget = a.budget and s.worker_id <> worker;
    mine := coalesce((select s.slots from public.budget_shares as s where s.budget = a.budget and s.worker_id = worker), 0);

    -- An equal share; the remainder goes round, so that two workers at one slot both get their time.
    fair := a."limit" / (others.n + 1);
    if (others.before + floor(extract(epoch from at) / 5)::bigint) % (others.n + 1) < a."limit" % (others.n + 1) then
      fair := fair + 1;
    end if;
    -- What the others do not want is lent.
    fair := greatest(fair, a."limit" - (select coalesce(sum(least(s.wanted, (a."limit" + others.n) / (others.n + 1))), 0)
      from public.budget_shares as s where s.budget = a.budget and s.worker_id <> worker)::int);
    if a.background then
      reserved := case when a."limit" >= 8 or floor(extract(epoch from at) / 5)::bigint % 16 < 2 then 1 else 0 end;
      fair := greatest(reserved, a."limit" - (select coalesce(sum(s.wanted), 0)
        from public.budget_shares as s where s.budget = a.budget and s.worker_id <> worker)::int);
    end if;
    granted := greatest(0, least(mine, a.keep), least(a.wanted, fair, a."limit" - others.held));
    insert into public.budget_shares (budget, worker_id, slots, wanted, learned, until)
      values (a.budget, worker, granted, least(a.wanted, coalesce(reserved, a.wanted)), a.learned, at + make_interval(secs => ttl_s + a.linger_s))
      on conflict (budget, worker_id) do update
        set slots = excluded.slots, wanted = excluded.wanted, learned = excluded.learned, until = excluded.until;

    -- Calls of a day's quota are taken in small batches; what was not used comes back. A vendor's own count is believed.
    given := null;
    if b.day is distinct from (at at time zone 'UTC')::date then
      b.day := (at at time zone 'UTC')::date;
      b.day_used := 0;
    end if;
    b.day_limit := coalesce(a.day_limit, b.day_limit, a.daily);
    b.day_used := greatest(b.day_used - a.returned + a.extra, coalesce(a.day_used, 0), 0);
    if b.day_limit is not null then
      given := greatest(0, least(a.batch, b.day_limit - b.day_used))::int;
    end if;
    b.day_used := b.day_used + coalesce(given, a.calls);
    if a.pause_s > 0 and (b.paused_until is null or b.paused_until < at + make_interval(secs => a.pause_s)) then
      b.paused_until := at + make_interval(secs => a.pause_s);
      b.reason := a.pause_reason;
    end if;
    update public.budgets as q set paused_until = b.paused_until, reason = b.reason, day = b.day,
      day_used = b.day_used, day_limit = b.day_limit, calls = q.calls + a.calls, turned_away = q.turned_away + a.turned_away,
      updated_at = at where q.budget = a.budget;

    budget := a.budget;
    slots := granted;
    share := least(fair, a."limit");
    batch := given;
    day_left := case when b.day_limit is null then 1 else greatest(0, b.day_limit - b.day_used)::numeric / b.day_limit end;
    paused_s := greatest(0, extract(epoch from b.paused_until - at));
    reason := b.reason;
    return next;
  end loop;
end $$;

-- A worker ends in order: its slots are free at once.
create or replace function public.leave_budgets(worker text) returns void
  language sql set search_path = '' as $$
  delete from public.budget_shares as s where s.worker_id = worker
$$;

-- Says that a connection is down (or up again). Only a change is written, and every change is a fact for people.
create or replace function public.turn_circuit(tenant text, name text, into_state text, why text, worker text, after_s numeric)
  returns void language plpgsql set search_path = '' as $$
declare changed boolean;
begin
  perform set_config('tieline.tenant', tenant, true);
  insert into public.circuits (tenant_id, system) values (tenant, name) on conflict do nothing;
  update public.circuits as c set state = into_state, since = clock_timestamp(), reason = why,
      failures = case when into_state = 'closed' then 0 else c.failures + 1 end, prober = null,
      probe_at = clock_timestamp() + make_interval(secs => after_s)
    where c.tenant_id = tenant and c.system = name and (c.state = 'closed') <> (into_state = 'closed');
  changed := found;
  if changed then
    insert into public.circuit_changes (tenant_id, system, state, reason, worker_id) values (tenant, name, into_state, why, worker);
  elsif into_state = 'open' then  -- a failed probe: the next one later
    update public.circuits as c set state = 'open', failures = c.failures + 1, prober = null,
      probe_at = greatest(c.probe_at, clock_timestamp() + make_interval(secs => after_s))
      where c.tenant_id = tenant and c.system = name and c.state = 'half_open' and c.prober = worker;
  end if;
end $$;

-- The right to one call to a connection that is down: one worker a second at most, whoever comes first.
create or replace function public.take_probe(tenant text, name text, worker text, every_s numeric) returns boolean
  language plpgsql set search_path = '' as $$
begin
  perform set_config('tieline.tenant', tenant, true);
  update public.circuits as c set state = 'half_open', prober = worker,
      probe_at = clock_timestamp() + make_interval(secs => greatest(every_s, 1))
    where c.tenant_id = tenant and c.system = name and c.state <> 'closed' and c.probe_at <= clock_timestamp();
  return found;
end $$;
