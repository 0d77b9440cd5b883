"""The queue of answers that wait for an institution, each encrypted to the institution's own key."""
