-- Answers with items count for the day's cap also where nothing of them could be used or kept: another person's,
-- items that nobody asked for, or a database that was busy until the question's time was over.
ALTER TABLE four_information_query ADD COLUMN with_items boolean NOT NULL DEFAULT false;
CREATE INDEX four_information_query_with_items ON four_information_query (institution_id, asked_at)
    WHERE outcome = 'DATA' OR with_items;
