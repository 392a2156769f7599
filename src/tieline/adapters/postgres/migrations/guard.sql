-- Row-level security as functions, so that a partition made next year is guarded like the tables of today.

create or replace function public.guard_table(subject regclass) returns void
  language plpgsql set search_path = '' as $$
declare
  member record;
  rule constant text := '(tenant_id = NULLIF(current_setting(''tieline.tenant''::text, true), ''''::text))';
begin
  -- What is right already is left alone: setting it again would lock the table against everybody at work.
  if not (select relrowsecurity and relforcerowsecurity from pg_catalog.pg_class where oid = subject) then
    execute format('alter table %s enable row level security, force row level security', subject);
  end if;
  if not exists (select 1 from pg_catalog.pg_policy where polrelid = subject and polname = 'tenant' and polcmd = '*'
    and polpermissive and polroles = array[0::oid] and pg_get_expr(polqual, polrelid) = rule
    and pg_get_expr(polwithcheck, polrelid) = rule) then
    execute format('drop policy if exists tenant on %s', subject);
    execute format($policy$create policy tenant on %s
      using (tenant_id = nullif(current_setting('tieline.tenant', true), ''))
      with check (tenant_id = nullif(current_setting('tieline.tenant', true), ''))$policy$, subject);
  end if;
  -- A partition would bypass its parent's privileges if somebody were granted access to it.
  for member in select distinct grantee::regrole::text as name from pg_catalog.pg_class c, aclexplode(c.relacl)
    where c.oid = subject and c.relispartition and grantee <> c.relowner and grantee <> 0
  loop
    execute format('revoke all on %s from %s', subject, member.name);
  end loop;
end $$;

create or replace function public.ensure_partitions(at timestamptz) returns setof text
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

-- Months that are older than the retention table says, and why one of them must stay all the same. Only tables that are
-- partitioned by time are ever named: the keys against doubles are partitioned by digest, and stay for ever.
create or replace function public.expired_partitions(at timestamptz)
  returns table (table_name text, partition_name text, until timestamptz, kept_because text)
  language plpgsql stable security definer set search_path = '' as $$
begin
  return query select m.table_name, m.partition_name, m.until, public.month_in_use(m.table_name, m.since, m.until)
  from (
    select r.table_name, c.relname::text as partition_name, r.keep,
      to_date(right(c.relname, 6), 'YYYYMM')::timestamp at time zone 'UTC' as since,
      (to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month') at time zone 'UTC' as until
    from public.retention as r
    join pg_catalog.pg_partitioned_table as p on p.partrelid = to_regclass('public.' || r.table_name) and p.partstrat = 'r'
    join pg_catalog.pg_inherits as i on i.inhparent = p.partrelid
    join pg_catalog.pg_class as c on c.oid = i.inhrelid and c.relname ~ '_m[0-9]{6}$'
  ) as m
  where m.until + m.keep <= least(at, now())  -- nobody can ask for what is not over yet
  order by m.until, m.table_name;
end $$;

-- One table at a time, and only if its lock is to be had at once: writers must not queue behind the tidying.
create or replace function public.drop_expired_partitions(at timestamptz) returns setof text
  language plpgsql security definer set search_path = '' set lock_timeout = '1s' as $$
declare month record;
begin
  for month in select * from public.expired_partitions(at) as e where e.kept_because is null limit 4
  loop
    execute format('drop table public.%I', month.partition_name);
    return next month.partition_name;
  end loop;
end $$;
