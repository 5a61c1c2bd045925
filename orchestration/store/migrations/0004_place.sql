-- Where the store was made, for people: every process of it names it with the same words.

ALTER TABLE control ADD COLUMN place TEXT;
