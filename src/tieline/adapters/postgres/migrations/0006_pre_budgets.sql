-- Budgets of vendors: slots and rates that all workers share.
select 1;
