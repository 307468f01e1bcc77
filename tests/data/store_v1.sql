-- A store as version 1 of the tables had it, with two runs: one that ended, and one that was
-- being written when its process died. Never changed: it stands for the files that are out there.
PRAGMA journal_mode = WAL;
PRAGMA application_id = 1634169905;
PRAGMA user_version = 1;
CREATE TABLE run (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, trace_id BLOB NOT NULL, name TEXT
    NOT NULL, status TEXT NOT NULL, start_unix_ns INTEGER NOT NULL, end_unix_ns INTEGER)
    STRICT;
CREATE INDEX run_by_trace ON run (trace_id);
CREATE INDEX run_by_start ON run (start_unix_ns);
CREATE TABLE span (
    row INTEGER PRIMARY KEY, trace_id BLOB NOT NULL, span_id BLOB NOT NULL, parent_span_id
    BLOB, name TEXT NOT NULL, kind INTEGER NOT NULL, start_unix_ns INTEGER NOT NULL,
    end_unix_ns INTEGER NOT NULL, error INTEGER NOT NULL, message TEXT NOT NULL,
    attributes TEXT NOT NULL, dropped_attributes INTEGER NOT NULL) STRICT;
CREATE INDEX span_by_trace ON span (trace_id);
CREATE TABLE cost (
    row INTEGER PRIMARY KEY, trace_id BLOB NOT NULL, span_id BLOB NOT NULL, unix_ns
    INTEGER NOT NULL, agent TEXT, provider TEXT, model TEXT, conversation TEXT,
    input_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER,
    cache_write_1h_tokens INTEGER, output_tokens INTEGER, reasoning_tokens INTEGER,
    cost_nanousd INTEGER, simulated INTEGER NOT NULL) STRICT;
CREATE INDEX cost_by_trace ON cost (trace_id);
CREATE INDEX cost_by_time ON cost (unix_ns);
INSERT INTO run VALUES (1, '01JD0000000000000000000001', x'11111111111111111111111111111111',
    'review', 'ok', 1700000000000000000, 1700000002000000000);
INSERT INTO run VALUES (2, '01JD0000000000000000000002', x'22222222222222222222222222222222',
    'review', 'running', 1700000100000000000, NULL);
INSERT INTO span VALUES (1, x'11111111111111111111111111111111', x'0000000000000002',
    x'0000000000000001', 'chat scripted', 3, 1700000000500000000, 1700000001000000000, 0, '',
    '{"gen_ai.operation.name":"chat"}', 0);
INSERT INTO span VALUES (2, x'11111111111111111111111111111111', x'0000000000000001', NULL,
    'invoke_agent reviewer', 1, 1700000000000000000, 1700000002000000000, 0, '', '{}', 0);
INSERT INTO span VALUES (3, x'22222222222222222222222222222222', x'0000000000000004',
    x'0000000000000003', 'chat scripted', 3, 1700000100500000000, 1700000101000000000, 1,
    'no answer', '{}', 1);
INSERT INTO cost VALUES (1, x'11111111111111111111111111111111', x'0000000000000002',
    1700000001000000000, 'reviewer', 'scripted', 'scripted', NULL, 100, NULL, NULL, NULL, 20, NULL,
    4200, 0);
INSERT INTO cost VALUES (2, x'22222222222222222222222222222222', x'0000000000000004',
    1700000101000000000, 'reviewer', 'scripted', 'scripted', NULL, 7, NULL, NULL, NULL, 3, NULL,
    99, 0);
