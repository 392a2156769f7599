-- Pools: what several lanes draw from. The row is the running figure and the lock; whoever holds it may change the pool's
-- draws and periods. Movements are the ledger behind the figure: numbered, never changed.

create table pools (
  tenant_id text not null, pool text not null, unit text not null, declared_by text, total numeric, period text,
  per_period numeric, basis bigint not null default 0, granted numeric not null default 0,
  owed boolean not null default false, -- headroom came back and was not offered yet: new requests queue behind it
  offered_on date, offered_key text, -- how far a long offer has come
  numbered bigint not null default 0, updated_at timestamptz not null default now(),
  primary key (tenant_id, pool)) with (fillfactor = 60);
create index on pools (tenant_id, declared_by);

create table pool_periods (
  tenant_id text not null, pool text not null, starts_on date not null, granted numeric not null,
  primary key (tenant_id, pool, starts_on));

create table pool_draws (
  tenant_id text not null, pool text not null, draw_key text not null, lane text not null, unit text not null,
  wanted numeric not null, granted numeric not null default 0, work_on date not null, step numeric,
  part text, news boolean not null default false, -- granted by an offer, and its lane has not looked yet
  open boolean not null default true, counted int not null default 0, asked_at timestamptz not null default now(),
  primary key (tenant_id, pool, draw_key), check (granted between 0 and wanted));
create index on pool_draws (tenant_id, lane) where open;
create index on pool_draws (tenant_id, lane) where news;
create index on pool_draws (tenant_id, draw_key);
create index on pool_draws (tenant_id, pool, work_on, draw_key) where granted < wanted;

create table pool_movements (
  tenant_id text not null, pool text not null, number bigint not null, draw_key text not null, counted int not null,
  lane text not null, amount numeric not null, unit text not null, work_on date, correlation_id uuid,
  minted_at timestamptz not null default now(),
  primary key (tenant_id, pool, number), unique (tenant_id, pool, draw_key, counted));
