"""The rules of AWS's change types for SaaS private offers.

The structure of a request (`details`) is checked at once: HTTP 422.  Its values are checked while
the change set is PREPARING: each change (`changes`, `pricing`), the offer as a whole
(`offer_consistency`) and its release (`release`).  Their errors are in the change's error list.

Source: AWS Marketplace developer guide, "Work with private offers"; anything else is ASSUMED.
"""
