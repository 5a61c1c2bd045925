"""AMC-TRADER's agents, one file each: functions of a context, and one value."""
