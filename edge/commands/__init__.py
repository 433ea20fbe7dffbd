"""The edge's commands, one file for each word after `sentrypost`."""
