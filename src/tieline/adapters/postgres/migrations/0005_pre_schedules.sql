-- Schedules and duties: what happens at an hour instead of after an input.
select 1;
