-- The feed: a sealer behind the writers gives committed events gapless positions and chains them by hash.

create table unsealed (  -- a row exists only while its event has no position; the writer appends, the sealer deletes
  tenant_id text not null, lane text not null, lane_seq bigint not null, event_id uuid not null,
  recorded_at timestamptz not null default now(),  -- the event's own: both are the transaction's
  primary key (tenant_id, lane, lane_seq)) with (autovacuum_vacuum_scale_factor = 0.01);

-- Kept for ever and never changed: no role of ours may update or delete it. It holds digests and no content, so that the
-- chain verifies after an event's personal words, or its whole month, are gone.
create table seals (
  tenant_id text not null, position bigint not null, epoch int not null, event_id uuid not null,
  recorded_at timestamptz not null, lane text not null, lane_seq bigint not null,
  digest bytea not null, hash bytea not null, sealed_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, position));

create table sealed_lanes (  -- how far each lane is sealed
  tenant_id text not null, lane text not null, lane_seq bigint not null,
  primary key (tenant_id, lane)) with (fillfactor = 80);

create table feed_heads (  -- one row a tenant; its lock is the sealer's fence
  tenant_id text not null, epoch int not null, position bigint not null, hash bytea not null,
  signed_epoch int not null default 1, signed_position bigint not null default 0, unsigned_since timestamptz,
  primary key (tenant_id)) with (fillfactor = 50);

create table feed_epochs (  -- a restore to an earlier point begins one: positions after `after_position` were given up
  tenant_id text not null, epoch int not null, after_position bigint not null, after_hash bytea not null,
  started_at timestamptz not null, started_by text not null, reason text not null,
  primary key (tenant_id, epoch));
