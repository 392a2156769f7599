-- The founding schema. Every business table starts with tenant_id and is under forced row-level security (see policies.sql
-- logic at the end). Infrastructure tables (shards, workers) hold no tenant's words.

create table tenants (
  tenant_id text primary key, name text not null, region text not null default 'eu', config_version text,
  created_at timestamptz not null default now());

create table principals (
  tenant_id text not null, principal_id text not null, name text not null, scopes text[] not null,
  key_hash bytea not null unique, created_at timestamptz not null default now(),
  expires_at timestamptz not null, revoked_at timestamptz,
  primary key (tenant_id, principal_id));

create table idempotency (
  tenant_id text not null, principal_id text not null, operation text not null, key text not null,
  request_hash bytea not null, status smallint, response jsonb, created_at timestamptz not null default now(),
  primary key (tenant_id, principal_id, operation, key));

-- Inputs: what was accepted, and the keys that make a second delivery a no-op for ever.
create table input_keys (
  tenant_id text not null, digest bytea not null, body_hash bytea not null,
  primary key (tenant_id, digest)) partition by hash (tenant_id, digest);

create table inputs (
  tenant_id text not null, received_at timestamptz not null default now(), input_id uuid not null,
  channel text not null check (channel in ('webhook','poll','api','file','timer','person')),
  system text not null, topic text not null, source_id text not null, source_version text,
  dedup bytea not null, body bytea, correlation_id uuid not null, causation_id uuid, principal text,
  shard smallint not null,
  status text not null default 'accepted'
    check (status in ('accepted','applied','superseded','rejected','dead','ambiguous')),
  reason text, owner text, lane text, settled_at timestamptz,
  primary key (tenant_id, input_id, received_at)) partition by range (received_at);
create index on inputs (tenant_id, correlation_id);

create table intake (  -- a row exists only while an input is unfinished
  tenant_id text not null, input_id uuid not null, received_at timestamptz not null, shard smallint not null,
  due_at timestamptz not null default now(), attempts int not null default 0,
  primary key (tenant_id, input_id));
create index on intake (shard, due_at);

create table cursors (
  tenant_id text not null, system text not null, stream text not null, cursor text not null,
  updated_at timestamptz not null default now(), primary key (tenant_id, system, stream));

-- Records: canonical entities, present and history (record time: recorded_at; valid time inside the document and here).
create table records (
  tenant_id text not null, kind text not null, record_id text not null, lane text not null, legal_entity text,
  version bigint not null, source_system text not null, source_version text not null, digest bytea not null,
  doc jsonb not null, valid_from date, recorded_at timestamptz not null default now(), lane_version bigint not null,
  input_id uuid, minted boolean not null default false,
  primary key (tenant_id, kind, record_id));
create index on records (tenant_id, lane);

create table record_history (
  tenant_id text not null, recorded_at timestamptz not null, kind text not null, record_id text not null,
  version bigint not null, source_version text not null, valid_from date, doc jsonb not null, input_id uuid, actor text,
  primary key (tenant_id, kind, record_id, version, recorded_at)) partition by range (recorded_at);

create table movements (  -- minted once per cause, for ever
  tenant_id text not null, cause_key bytea not null, kind text not null, record_id text not null, lane text not null,
  amount numeric, currency text, minted_at timestamptz not null default now(), correlation_id uuid,
  primary key (tenant_id, cause_key));

-- The journal of business events.
create table events (
  tenant_id text not null, recorded_at timestamptz not null default now(), event_id uuid not null, lane text not null,
  lane_seq bigint not null, type text not null, subject text not null, data jsonb not null,
  correlation_id uuid not null, causation_id uuid, actor text not null, legal_entity text,
  primary key (tenant_id, event_id, recorded_at)) partition by range (recorded_at);
create index on events (tenant_id, lane, lane_seq);
create index on events (tenant_id, correlation_id);

create table fact_keys (
  tenant_id text not null, cause_key bytea not null, primary key (tenant_id, cause_key)) partition by hash (tenant_id, cause_key);

-- Lanes: one root each. `wanted` moves with every record change, `planned` follows.
create table lanes (
  tenant_id text not null, lane text not null, shard smallint not null, wanted bigint not null default 0,
  planned bigint not null default 0, lane_seq bigint not null default 0, wake_at timestamptz,
  correlation_id uuid, causation_id uuid, legal_entity text, flow_error text,
  primary key (tenant_id, lane));
create index on lanes (shard, wake_at) where wake_at is not null;

create table lane_dirty (  -- append-only wake-ups; planners delete what they have read
  tenant_id text not null, dirty_id bigint generated always as identity, lane text not null, shard smallint not null,
  primary key (tenant_id, dirty_id));
create index on lane_dirty (shard, dirty_id);

create table dependencies (  -- which lanes read which records of other lanes
  tenant_id text not null, kind text not null, record_id text not null, lane text not null,
  primary key (tenant_id, kind, record_id, lane));

-- Replicas: what each system ought to hold (cold, wide), and the narrow queue of what is due.
create table replicas (
  tenant_id text not null, replica_id text not null, lane text not null, shard smallint not null, system text not null,
  kind text not null, key text not null, role text not null, legal_entity text not null,
  nature text not null check (nature in ('state','movement','act','notice')),
  doc jsonb not null, digest bytea not null, revision int not null default 1,
  settled_revision int not null default 0, confirmed_revision int not null default 0,
  status text not null check (status in
    ('waiting','awaiting_approval','pending','sending','unknown','ambiguous','written','in_step','differs','held','ended')),
  observed jsonb, observed_at timestamptz, external jsonb, ended text, after text[] not null default '{}',
  order_group text not null default '', basis bigint not null default 0, subject text, covers bytea, expires_at timestamptz,
  config_version text not null, planned_by text, correlation_id uuid, causation_id uuid,
  attempts int not null default 0, problem jsonb, fence_until timestamptz, next_actor text not null, latest_at timestamptz,
  updated_at timestamptz not null default now(),
  primary key (tenant_id, replica_id));
create index on replicas (tenant_id, lane);
create index on replicas (tenant_id, system, kind);
create index on replicas (tenant_id, planned_by) where status in ('sending', 'written');

create table waits (
  tenant_id text not null, on_replica text not null, replica_id text not null, on_revision int not null,
  primary key (tenant_id, on_replica, replica_id));
create index on waits (tenant_id, replica_id);

create table due (
  tenant_id text not null, replica_id text not null, system text not null, shard smallint not null, step text not null
    check (step in ('push','look','observe')),
  due_at timestamptz not null default now(), priority smallint not null default 5,
  primary key (tenant_id, replica_id)) with (autovacuum_vacuum_scale_factor = 0.01, fillfactor = 80);
create index on due (shard, priority, due_at);

-- Effects: one change in a foreign system each, written before the call.
create table effect_keys (
  tenant_id text not null, effect_key bytea not null, payload_hash bytea not null,
  primary key (tenant_id, effect_key)) partition by hash (tenant_id, effect_key);

create table effects (
  tenant_id text not null, intended_at timestamptz not null, effect_key bytea not null, replica_id text not null,
  lane text not null, system text not null, kind text not null, verb text not null, op_class text not null,
  revision int not null, payload bytea, payload_hash bytea not null,
  state text not null check (state in ('intent','ok','failed','unknown','ambiguous','superseded')),
  attempt int not null default 1, worker text not null, epoch bigint not null, settle_after timestamptz,
  outcome jsonb, external jsonb, correlation_id uuid, causation_id uuid, mapping_version text not null,
  config_version text not null, actor text not null, approver text, settled_at timestamptz,
  primary key (tenant_id, effect_key, intended_at)) partition by range (intended_at);
create index on effects (tenant_id, replica_id);
create index on effects (tenant_id, correlation_id);
create index on effects (replica_id) where state in ('intent','unknown');

create table approvals (
  tenant_id text not null, approval_id uuid not null, lane text not null, subject text not null, digest bytea not null,
  principal text not null, approved_at timestamptz not null default now(), withdrawn_at timestamptz,
  correlation_id uuid, primary key (tenant_id, approval_id));
create index on approvals (tenant_id, lane);

create table plans (
  tenant_id text not null, plan_id text not null, lane text not null, gate text not null, digest bytea not null,
  items jsonb not null, state text not null check (state in ('proposed','approved','applied','stale')),
  lane_version bigint not null, config_version text not null, created_at timestamptz not null default now(),
  decided_by text, decided_at timestamptz, correlation_id uuid,
  primary key (tenant_id, plan_id));
create index on plans (tenant_id, lane);

create table holds (
  tenant_id text not null, hold_id uuid not null, lane text not null, code text not null, subject text not null,
  source text not null check (source in ('flow','push','intake','engine')), owner text not null, sentence text not null,
  way_out text not null, evidence jsonb, amount numeric, currency text, case_key text not null,
  since timestamptz not null default now(), lifted_at timestamptz, input_id uuid, correlation_id uuid,
  primary key (tenant_id, hold_id));
create unique index on holds (tenant_id, lane, source, code, subject) where lifted_at is null;

-- Infrastructure: who works on which shard. No tenant's words.
create table workers (
  worker_id text primary key, role text not null, host text not null, started_at timestamptz not null default now(),
  lease_until timestamptz not null);
create table shards (shard smallint primary key, owner text, epoch bigint not null default 0);
insert into shards (shard) select generate_series(0, 255);
