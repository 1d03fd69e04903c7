"""The judgement, by rule, on a clock that moves only when told to."""
