"""Joins the stages: a scan of each source into a report, rules, baseline, allowances, hooks."""
