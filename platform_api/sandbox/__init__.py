"""A simulated J-LIS: its CAs, its lists, residents and clock; reached over HTTP only, like the real one.

What a size costs (one core of a small server, all four kinds; seconds of CPU time, RSS after it)::

    residents   certificates   start       first day, entries       a day, events
        2,000         11,600    0.6 s       0.2 s,      6,400        0.1 s,     36      42 MB
       50,000        290,000    1.8 s       0.6 s,    158,000        0.6 s,    940     109 MB
    1,000,000      5,800,000     25 s        10 s,  3,170,000         28 s, 18,500     770 MB (at most 880)

Of the start most is drawing everybody's past and sorting serial numbers (of a small one, making RSA keys);
of a day, looking for people to whom things may happen: a person is drawn from the seed whenever somebody
asks, and kept only when something befell them. Each of a day's list sets is a file of 110 MB for a
million, and a restart lives every day again: 57 s after two.
"""
