-- The census: what systems were seen to hold as a whole, and the drift found.
select 1;
