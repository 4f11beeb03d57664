"""AWS Marketplace, as a seller reaches it: the Catalog API and the Agreement API."""
