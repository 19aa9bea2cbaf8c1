"""The monthly national return: tables shaped like the IAPT data set v2.1, with the field-level data quality of each.

Shaped like, not certified: names of tables and fields are those of published national SQL and metadata; compare them once
with the current technical output specification before a first submission.
"""
