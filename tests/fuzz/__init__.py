"""Fuzzing of what reads octets that somebody else wrote: the decoder's walk and the index reader."""
