-- Schedules and duties: what happens at an hour instead of after an input.

-- One row for every duty: who has it, since which epoch, and when a round last ended well. No tenant's words.
create table duties (
  duty text primary key, every_s numeric not null, owner text, epoch bigint not null default 0,
  lease_until timestamptz, last_ok_at timestamptz, last_error text, last_error_at timestamptz,
  created_at timestamptz not null default now()) with (fillfactor = 50);
create table duty_epochs (duty text primary key, epoch bigint not null default 0);  -- what a round's writes are fenced by

-- What the liveness monitor found when it looked last: numbers over all tenants, one row for each thing it watches.
create table watches (
  watch text primary key, overdue bigint not null, oldest_at timestamptz, looked_at timestamptz not null,
  epoch bigint not null);

-- Everything unfinished by its latest time, so that the monitor costs what is late and not what is there.
create index replicas_unfinished on replicas (tenant_id, latest_at) where status not in ('in_step', 'ended');
alter table lane_dirty add column woken_at timestamptz not null default now();  -- how long a lane has waited for its plan
alter table holds drop constraint holds_source_check, add constraint holds_source_check
  check (source in ('flow', 'push', 'intake', 'engine', 'monitor'));

-- Queues whose rows live for seconds: at the default (a fifth of the table dead) an index's head fills with dead rows while
-- the table is empty most of the time, and every claim steps over them. A fixed number of dead rows starts the vacuum, and
-- it works without pauses: these tables are small, and their delay is everybody's delay.
do $$
declare hot text;
begin
  foreach hot in array array['due', 'lane_dirty', 'intake', 'waits', 'shards', 'workers', 'duties', 'watches'] loop
    execute format('alter table %I set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500,'
      ' autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0)', hot);
  end loop;
end $$;
alter table shards set (fillfactor = 50);  -- leases are renewed in place, on the same page
alter table workers set (fillfactor = 50);

-- Schedules: how far each was looked at, and every due instant that was met, once (D6).
create table schedules (
  tenant_id text not null, schedule text not null, looked_upto timestamptz not null,
  primary key (tenant_id, schedule));
create table schedule_dues (
  tenant_id text not null, schedule text not null, due_at timestamptz not null,
  outcome text not null check (outcome in ('fired', 'passed_over')), met_at timestamptz not null default now(),
  primary key (tenant_id, schedule, due_at));
