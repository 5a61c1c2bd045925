-- What a command was before its defaults were filled in, which need not be the same every time.

ALTER TABLE commands ADD COLUMN given TEXT;      -- a digest; null: an older release took it
