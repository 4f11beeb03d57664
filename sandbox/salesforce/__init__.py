"""Salesforce as the product sees it: tokens, SOQL, opportunities and tasks over REST."""
