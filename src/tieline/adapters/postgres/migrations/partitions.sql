-- Hash tables get eight partitions once; range tables get a month each, kept ahead by the scheduler. There is no default
-- partition: a row for a month that nobody prepared is an error that is seen, not a heap that grows.

create table retention (table_name text primary key, keep interval not null, reason text not null);
insert into retention values
  ('inputs', interval '13 months', 'Deliveries can be shown for a year; their dedup keys stay for ever.'),
  ('events', interval '11 years', 'Business events support the books: ten years, and the year in which they were closed.'),
  ('record_history', interval '11 years', 'What was known when supports the books.'),
  ('effects', interval '11 years', 'What was sent where supports the books; payloads are cleared once settled.');

do $$
declare parent text;
begin
  for parent in
    select c.relname from pg_partitioned_table p join pg_class c on c.oid = p.partrelid
    where p.partstrat = 'h' and c.relnamespace = 'public'::regnamespace
  loop
    for n in 0..7 loop
      execute format('create table %I partition of %I for values with (modulus 8, remainder %s)',
        parent || '_h' || n, parent, n);
    end loop;
  end loop;
end $$;
