-- Budgets of vendors: slots and rates that all workers share. Infrastructure: names from the operator's configuration.
create table budgets (
  budget text primary key, paused_until timestamptz, reason text,
  day date, day_used bigint not null default 0, day_limit bigint,
  calls bigint not null default 0, turned_away bigint not null default 0,  -- since the beginning, for people
  updated_at timestamptz not null default now());

-- A worker's slots come back by themselves when it no longer renews them.
create table budget_shares (
  budget text not null, worker_id text not null, slots int not null, wanted int not null, learned int,
  until timestamptz not null, primary key (budget, worker_id))
  with (autovacuum_vacuum_scale_factor = 0.01, fillfactor = 70);

-- Connections that are, or were, down. All workers share the state; the history is what people and the API see.
create table circuits (
  tenant_id text not null, system text not null,
  state text not null default 'closed' check (state in ('closed', 'open', 'half_open')),
  since timestamptz not null default now(), reason text, failures int not null default 0,
  probe_at timestamptz, prober text, primary key (tenant_id, system));
create index on circuits (tenant_id) where state <> 'closed';

create table circuit_changes (
  tenant_id text not null, changed_at timestamptz not null default clock_timestamp(), system text not null,
  state text not null, reason text, worker_id text not null, primary key (tenant_id, system, changed_at));

-- The fair claim walks the groups that have something due; a group is one contiguous stretch of this index.
create index due_fair on due (shard, tenant_id, system, priority, due_at);
drop index if exists due_shard_priority_due_at_idx;
