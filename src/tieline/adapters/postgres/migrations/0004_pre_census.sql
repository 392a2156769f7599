-- The census: what systems were seen to hold as a whole, and the drift found.

create table census_runs (  -- one listing of one kind of one system; `step` is the fence of every move
  tenant_id text not null, run_id uuid not null, system text not null, kind text not null,
  mode text not null check (mode in ('full','changed')), asked_by text not null,
  state text not null check (state in ('listing','comparing','checking','reporting','clearing','stopped','done','superseded')),
  started_at timestamptz not null default now(), changed_since timestamptz, step bigint not null default 0,
  token text, listed bigint not null default 0, bookmark text not null default '',
  compared bigint not null default 0, moving bigint not null default 0, confirmed bigint not null default 0,
  attempts int not null default 0, not_before timestamptz not null default now(), problem text,
  allowed_by text, finished_at timestamptz,
  primary key (tenant_id, run_id));
create unique index on census_runs (tenant_id, system, kind)
  where state in ('listing','comparing','checking','reporting','clearing');
create index on census_runs (tenant_id, system, kind, started_at);

-- Only for the length of a run, and worth nothing after a crash: the run counts its rows and begins again if any are gone.
create unlogged table census_seen (
  tenant_id text not null, run_id uuid not null, replica_id text not null, external_id text not null,
  fields jsonb not null, external jsonb not null, changed_at text,
  primary key (tenant_id, run_id, replica_id, external_id)) with (autovacuum_enabled = off);

create table census_drift (
  tenant_id text not null, run_id uuid not null, replica_id text not null,
  class text not null check (class in ('missing','orphan','differs','duplicate','stale')),
  state text not null default 'suspect'
    check (state in ('suspect','found','cleared','moved','unchecked','told','accepted','repaired')),
  revision int, lane text, nature text, fields jsonb, external jsonb, attempts int not null default 0,
  due_at timestamptz not null default now(), found_at timestamptz not null default now(), repaired_by text,
  primary key (tenant_id, run_id, replica_id));
create index on census_drift (tenant_id, run_id, state);
