-- Upgrades: which migrations have run, so that older code can tell whether it may still work on this store. `phase` is
-- `pre` (older code goes on working) or `post` (it does not).
create table schema_changes (
  number text primary key, name text not null, phase text not null check (phase in ('pre', 'post')),
  applied_at timestamptz not null default now());
insert into schema_changes (number, name, phase) values
  ('0001', 'founding', 'pre'), ('0002', 'feed', 'pre'), ('0003', 'webhooks', 'pre'), ('0004', 'census', 'pre'),
  ('0005', 'schedules', 'pre'), ('0006', 'budgets', 'pre'), ('0007', 'pools', 'pre'), ('0008', 'volume', 'pre');
