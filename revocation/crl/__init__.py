"""Certificate revocation lists: fetch them, verify and decode them, and decide whether to believe them."""
