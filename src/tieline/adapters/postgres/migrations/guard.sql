-- Row-level security as functions, so that a partition made next year is guarded like the tables of today.

create function public.guard_table(subject regclass) returns void
  language plpgsql set search_path = '' as $$
declare member record;
begin
  execute format('alter table %s enable row level security, force row level security', subject);
  execute format('drop policy if exists tenant on %s', subject);
  execute format($policy$create policy tenant on %s
    using (tenant_id = nullif(current_setting('tieline.tenant', true), ''))
    with check (tenant_id = nullif(current_setting('tieline.tenant', true), ''))$policy$, subject);
  -- A partition would bypass its parent's privileges if somebody were granted access to it.
  for member in select distinct grantee::regrole::text as name from pg_catalog.pg_class c, aclexplode(c.relacl)
    where c.oid = subject and c.relispartition and grantee <> c.relowner and grantee <> 0
  loop
    execute format('revoke all on %s from %s', subject, member.name);
  end loop;
end $$;

create function public.ensure_partitions(at timestamptz) returns setof text
  language plpgsql security definer set search_path = '' as $$
declare
  parent text;
  month timestamptz;
  name text;
begin
  for parent in
    select c.relname from pg_catalog.pg_partitioned_table p join pg_catalog.pg_class c on c.oid = p.partrelid
    where p.partstrat = 'r' and c.relnamespace = 'public'::regnamespace
  loop
    for n in -1..3 loop
      month := (date_trunc('month', at at time zone 'UTC') + make_interval(months => n)) at time zone 'UTC';
      name := parent || '_m' || to_char(month at time zone 'UTC', 'YYYYMM');
      if to_regclass(format('public.%I', name)) is null then
        execute format('create table public.%I partition of public.%I for values from (%L) to (%L)', name, parent,
          month, (month at time zone 'UTC' + interval '1 month') at time zone 'UTC');
        perform public.guard_table(format('public.%I', name)::regclass);
        return next name;
      end if;
    end loop;
  end loop;
end $$;
