-- A batch that a job recipe made keeps the recipe: workers apply its retry rules, exports its columns and filters.

-- NULL: no recipe. JSON text as the recipe's file had it (not jsonb: the order of output columns is the order of keys).
ALTER TABLE octavo.batches ADD COLUMN job json;
