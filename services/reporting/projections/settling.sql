-- A pathway's facts from its contacts and scores, made again for the pathways asked about. Contacts and scores count up to the
-- day it ended, that day included. Rows that are as they should be already are not written.
WITH asked AS MATERIALIZED (
    SELECT referral_id, presenting_problem, coalesce(discharged_on, refused_on) AS ended_on,
           CASE WHEN end_code IS NOT NULL THEN end_code
                WHEN refused_on IS NULL THEN NULL
                WHEN triage_decision = 'rejected' THEN '10' ELSE '11' END AS ended_code
    FROM pathways WHERE referral_id = ANY (CAST(:ids AS uuid[]))
), held AS MATERIALIZED (
    SELECT contacts.*, asked.ended_on IS NULL OR contact_on <= asked.ended_on AS counts
    FROM contacts JOIN asked USING (referral_id)
    WHERE contacts.referral_id = ANY (CAST(:ids AS uuid[])) AND NOT removed
), seen AS (
    SELECT referral_id,
           count(*) FILTER (WHERE counts AND attended) AS care_contacts,
           count(*) FILTER (WHERE counts AND treatment) AS treatment_contacts,
           count(*) FILTER (WHERE counts AND NOT attended AND attendance = ANY (CAST(:missed AS text[]))) AS missed_contacts,
           count(*) FILTER (WHERE counts AND NOT attended AND attendance = ANY (CAST(:cancelled AS text[]))) AS cancelled_contacts,
           coalesce(sum(duration_minutes) FILTER (WHERE counts AND treatment), 0) AS minutes,
           min(contact_on) FILTER (WHERE counts AND attended) AS first_attended_on,
           min(contact_on) FILTER (WHERE counts AND assessment) AS first_assessment_on,
           array_agg(contact_on ORDER BY contact_on) FILTER (WHERE counts AND treatment) AS treated_on,
           max(contact_on) AS last_contact_on,
           coalesce(max(contact_on) FILTER (WHERE attended OR attendance IS NULL OR attendance <> ALL (CAST(:not_kept AS text[])))
                    = max(contact_on), false) AS last_contact_kept,
           bool_or(intensity IN ('low', 'both')) FILTER (WHERE counts AND treatment) AS low,
           bool_or(intensity IN ('high', 'both')) FILTER (WHERE counts AND treatment) AS high,
           array_agg(DISTINCT mechanism ORDER BY mechanism) FILTER (WHERE counts AND treatment AND mechanism IS NOT NULL)
               AS mechanisms,
           array_agg(DISTINCT language ORDER BY language) FILTER (WHERE counts AND treatment AND language IS NOT NULL)
               AS delivery_languages,
           array_agg(DISTINCT interpreter ORDER BY interpreter) FILTER (WHERE counts AND treatment AND interpreter IS NOT NULL)
               AS interpreters
    FROM held GROUP BY referral_id
), therapies AS (
    SELECT referral_id, array_agg(DISTINCT code ORDER BY code) AS therapy_types
    FROM held, unnest(therapy_types) AS code WHERE counts AND treatment GROUP BY referral_id
), scored AS MATERIALIZED (
    SELECT referral_id, instrument, totals[1] AS first, CASE WHEN cardinality(totals) > 1 THEN totals[cardinality(totals)] END AS last
    FROM (
        SELECT referral_id, instrument,
               array_agg(CAST(total AS numeric) ORDER BY answered_on, recorded_at NULLS FIRST, response_id) AS totals
        FROM scores JOIN asked USING (referral_id)
        WHERE scores.referral_id = ANY (CAST(:ids AS uuid[])) AND total IS NOT NULL
          AND (asked.ended_on IS NULL OR answered_on <= asked.ended_on)
        GROUP BY referral_id, instrument
    ) AS each
), thresholds AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(CAST(:thresholds AS jsonb)) AS each (
        place int, side text, instrument text, problem text, case_from numeric, case_above numeric, reliable_change numeric,
        valid_from date, valid_to date
    )
), sides AS (
    SELECT DISTINCT ON (referral_id, side) referral_id, side, instrument, first, last, reliable_change,
           coalesce(first >= case_from, first > case_above) AS first_is_case,
           coalesce(last >= case_from, last > case_above) AS last_is_case
    FROM scored JOIN asked USING (referral_id) JOIN thresholds USING (instrument)
    WHERE (problem IS NULL OR (problem = presenting_problem AND last IS NOT NULL))
      AND coalesce(ended_on, 'infinity') BETWEEN coalesce(valid_from, '-infinity') AND coalesce(valid_to, 'infinity')
    ORDER BY referral_id, side, place
), told AS (
    SELECT referral_id,
           max(first) FILTER (WHERE instrument = 'phq_9') AS first_phq_9, max(last) FILTER (WHERE instrument = 'phq_9') AS last_phq_9,
           max(first) FILTER (WHERE instrument = 'gad_7') AS first_gad_7, max(last) FILTER (WHERE instrument = 'gad_7') AS last_gad_7,
           max(first) FILTER (WHERE instrument = 'wsas') AS first_wsas, max(last) FILTER (WHERE instrument = 'wsas') AS last_wsas
    FROM scored GROUP BY referral_id
), judged AS (
    SELECT asked.referral_id, worry.instrument AS anxiety_measure, worry.first AS first_anxiety, worry.last AS last_anxiety,
           coalesce(low.last IS NOT NULL AND worry.last IS NOT NULL, false) AS paired,
           coalesce(low.first_is_case, false) OR coalesce(worry.first_is_case, false) AS at_caseness,
           coalesce(NOT low.first_is_case AND NOT worry.first_is_case, false) AS not_at_caseness,
           coalesce(NOT low.last_is_case AND NOT worry.last_is_case, false) AS well_at_last,
           coalesce(low.first - low.last >= low.reliable_change, false) AS low_fell,
           coalesce(low.last - low.first >= low.reliable_change, false) AS low_rose,
           coalesce(worry.first - worry.last >= worry.reliable_change, false) AS worry_fell,
           coalesce(worry.last - worry.first >= worry.reliable_change, false) AS worry_rose
    FROM asked
    LEFT JOIN sides AS low ON low.referral_id = asked.referral_id AND low.side = 'depression'
    LEFT JOIN sides AS worry ON worry.referral_id = asked.referral_id AND worry.side = 'anxiety'
), now AS (
    SELECT referral_id, ended_on, ended_code,
           coalesce(care_contacts, 0) AS care_contacts, coalesce(treatment_contacts, 0) AS treatment_contacts,
           coalesce(missed_contacts, 0) AS missed_contacts, coalesce(cancelled_contacts, 0) AS cancelled_contacts,
           coalesce(minutes, 0) AS minutes, first_attended_on, first_assessment_on, treated_on[1] AS first_treatment_on,
           treated_on[2] AS second_treatment_on, treated_on[cardinality(treated_on)] AS last_treatment_on, treated_on,
           last_contact_on, last_contact_kept, therapy_types,
           CASE WHEN low AND high THEN 'both' WHEN low THEN 'low' WHEN high THEN 'high' END AS intensity,
           mechanisms, delivery_languages, interpreters,
           first_phq_9, last_phq_9, first_gad_7, last_gad_7, first_wsas, last_wsas,
           anxiety_measure, first_anxiety, last_anxiety,
           ended_on IS NOT NULL AND coalesce(treatment_contacts, 0) >= 2 AS finished_course,
           paired, at_caseness, not_at_caseness, at_caseness AND paired AND well_at_last AS recovered,
           paired AND improved AS reliably_improved, paired AND worsened AS reliably_deteriorated,
           paired AND NOT improved AND NOT worsened AS reliably_unchanged,
           at_caseness AND paired AND well_at_last AND improved AS reliably_recovered
    FROM asked
    LEFT JOIN seen USING (referral_id) LEFT JOIN therapies USING (referral_id) LEFT JOIN told USING (referral_id)
    JOIN (
        SELECT *, (low_fell AND NOT worry_rose) OR (worry_fell AND NOT low_rose) AS improved,
               (low_rose AND NOT worry_fell) OR (worry_rose AND NOT low_fell) AS worsened
        FROM judged
    ) AS judged USING (referral_id)
)
UPDATE pathways SET ({columns}) = ROW({now_columns})
FROM now
WHERE pathways.referral_id = now.referral_id AND pathways.referral_id = ANY (CAST(:ids AS uuid[]))
  AND ({own_columns}) IS DISTINCT FROM ({now_columns})
