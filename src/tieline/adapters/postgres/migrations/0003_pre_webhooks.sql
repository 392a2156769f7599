-- Webhooks out: endpoints, deliveries and their attempts.

create table endpoints (  -- who is told. `position` in the feed is how far it was told, apart from what waits in `deliveries`
  tenant_id text not null, endpoint_id text not null, url text not null, description text not null default '',
  types text[] not null default '{}', legal_entities text[] not null default '{}',
  state text not null default 'active' check (state in ('active', 'disabled')), off_reason text, off_at timestamptz,
  position bigint not null default 0,
  failures int not null default 0, failing_since timestamptz, next_at timestamptz, last_success_at timestamptz,
  created_at timestamptz not null default now(), created_by text not null,
  changed_at timestamptz not null default now(), changed_by text not null,
  primary key (tenant_id, endpoint_id)) with (fillfactor = 50);

create table endpoint_secrets (  -- sealed; all that are valid sign, so that a receiver may change over when it likes
  tenant_id text not null, endpoint_id text not null, secret_id uuid not null, sealed bytea not null,
  created_at timestamptz not null, valid_until timestamptz,
  primary key (tenant_id, endpoint_id, secret_id));

create table replays (  -- told once more, under the same ids; each has a cursor of its own
  tenant_id text not null, replay_id uuid not null, endpoint_id text not null, position bigint not null,
  until_position bigint not null, event_id uuid, since timestamptz, ordered_by text not null,
  ordered_at timestamptz not null, finished_at timestamptz,
  primary key (tenant_id, replay_id));
create index on replays (tenant_id, endpoint_id) where finished_at is null;

create table deliveries (  -- a row exists only while a lane waits: events next_seq to upto_seq, in this order
  tenant_id text not null, endpoint_id text not null, replay_id uuid not null, lane text not null,
  next_seq bigint not null, upto_seq bigint not null, attempts int not null default 0,
  due_at timestamptz, since timestamptz not null, tried_at timestamptz, own boolean not null default false,
  primary key (tenant_id, endpoint_id, replay_id, lane)) with (autovacuum_vacuum_scale_factor = 0.01, fillfactor = 80);
create index on deliveries (tenant_id, endpoint_id, due_at);

create table delivery_attempts (  -- what was answered when; never what was sent or said
  tenant_id text not null, attempted_at timestamptz not null default clock_timestamp(), attempt_id uuid not null,
  endpoint_id text not null, event_id uuid not null, lane text not null, lane_seq bigint not null, replay_id uuid,
  number int not null, outcome text not null
    check (outcome in ('delivered', 'refused', 'throttled', 'gone', 'unreachable')),
  status smallint, duration_ms int not null, problem text,
  primary key (tenant_id, attempt_id, attempted_at)) partition by range (attempted_at);
create index on delivery_attempts (tenant_id, endpoint_id, attempt_id);

insert into retention values
  ('delivery_attempts', interval '3 months', 'Whether a partner was told can be shown for a quarter; the feed stays.');
