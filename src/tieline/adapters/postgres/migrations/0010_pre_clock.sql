-- The business clock of a rehearsal. Where the row is, the clock can be moved, and no hub without that setting works here.
-- `target`: where the clock is going; null when it has arrived. No tenant's words.
create table business_clock (
  sole boolean primary key default true check (sole), target timestamptz, made_at timestamptz not null default now());
-- Each move, for ever: from `moved_at` on business time was `ahead` of the wall clock.
create table clock_moves (
  moved_at timestamptz not null, ahead interval not null, move_id bigint generated always as identity primary key);
