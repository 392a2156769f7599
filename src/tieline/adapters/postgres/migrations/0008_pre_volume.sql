-- Volume: a lane's records may come in parts, of which a planning loads only those that changed. Dependencies carry the
-- version that was planned on; a record that very many lanes read is told to them in chunks.

alter table records add column part text, add column marks text[] not null default '{}';
alter table replicas add column part text;
alter table holds add column part text;
-- `terms`: digest of what every part was planned under. `sweep`: the part up to which a sweep over all parts has come.
alter table lanes add column terms bytea, add column sweep text;
alter table dependencies add column version bigint not null default 0;

-- In place of the indexes by lane alone: one index each that finds a lane, its parts, and what belongs to no part.
create index records_lane_part on records (tenant_id, lane, part);
drop index records_tenant_id_lane_idx;
create index replicas_lane_part on replicas (tenant_id, lane, part);
drop index replicas_tenant_id_lane_idx;
create index holds_lane_part on holds (tenant_id, lane, part) where lifted_at is null;
create index dependencies_lane on dependencies (tenant_id, lane);

create table parts_due (  -- a row exists only while a part waits for its planning; a second wish for it changes nothing
  tenant_id text not null, lane text not null, part text not null, at timestamptz not null,
  primary key (tenant_id, lane, part)) with (autovacuum_vacuum_scale_factor = 0.01);
create index on parts_due (tenant_id, lane, at);

create table record_marks (  -- the marks of records once more, found by mark
  tenant_id text not null, lane text not null, mark text not null, kind text not null, record_id text not null, part text,
  primary key (tenant_id, lane, mark, kind, record_id));

create table fanouts (  -- a changed record, and the last of its readers that was told
  tenant_id text not null, kind text not null, record_id text not null, lane text not null, version bigint not null,
  after_lane text not null, primary key (tenant_id, kind, record_id));
create index on fanouts (tenant_id, lane);
