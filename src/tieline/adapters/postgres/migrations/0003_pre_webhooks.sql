-- Webhooks out: endpoints, deliveries and their attempts.
select 1;
