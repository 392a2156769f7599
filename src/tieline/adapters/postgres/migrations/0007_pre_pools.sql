-- Pools: what several lanes draw from.
select 1;
