-- The daily cap of answers with items is counted before each question: today's rows of one institution, and no more.
CREATE INDEX four_information_query_of_day ON four_information_query (institution_id, asked_at)
    WHERE outcome = 'DATA';
