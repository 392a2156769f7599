-- The feed: gapless positions and the chain over sealed events.
select 1;
