-- An event waits here for milliseconds: one that fits into a page stays in its row as it is. Above two kilobytes
-- the server would press it into shape, or put it beside the table, and undo that for the relay.
alter table outbox set (toast_tuple_target = 8160);
