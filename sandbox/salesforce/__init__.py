"""Salesforce's REST API: tokens, SOQL queries, opportunities and tasks."""
