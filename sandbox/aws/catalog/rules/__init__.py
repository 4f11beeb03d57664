"""The rules of AWS's change types for SaaS private offers.

What a request must look like (`details`) is checked at once: HTTP 422.  What it must mean is
checked while the change set is PREPARING, by change (`changes`, `pricing`), by the offer as a whole
(`whole`) and at its release (`release`): the change's error list names the code.

Source: AWS Marketplace developer guide, "Work with private offers"; where that is silent, ASSUMED.
"""
