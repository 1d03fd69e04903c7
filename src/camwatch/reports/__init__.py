"""What partners read: service levels per operator, from the record alone.

`build` derives every figure once, in whole milliseconds; the four formats only write down what it found,
and one module (`rounding`) says how a figure is shown, so that they agree to the last digit.
"""
