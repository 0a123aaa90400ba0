"""The weights, moved step by step under the watch of alarms."""
