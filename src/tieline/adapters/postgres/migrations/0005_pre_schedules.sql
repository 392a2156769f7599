-- Schedules and duties: what happens at an hour instead of after an input.

-- One row for every duty: who has it, since which epoch, and when a round last ended well. No tenant's words.
create table duties (
  duty text primary key, every_s double precision not null, owner text, epoch bigint not null default 0,
  lease_until timestamptz, last_ok_at timestamptz, last_error text, last_error_at timestamptz,
  created_at timestamptz not null default now()) with (fillfactor = 50);
