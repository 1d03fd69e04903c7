"""Reports for partners: service levels per operator, from the record alone.

`build` derives every figure once, in whole milliseconds. The four formats only write them, rounded in one
place (`i18n.rounding`), so that they agree to the last digit.
"""
