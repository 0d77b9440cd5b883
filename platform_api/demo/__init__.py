"""`jpki demo`: the whole official flow on one machine, measured against what really happened.

The demo starts the sandbox J-LIS and the service as processes of their own, plays two institutions
through the public API only, and then compares what they received with the sandbox's life log.
Everything it learns it writes down before it goes on, so Ctrl-C or SIGKILL at any moment costs
nothing: the next start goes on from the last finished step. Only a play that was stopped before its
report for most of a day or longer starts anew: its next simulated day is over.
"""
