"""AWS's APIs for a Marketplace seller: Catalog API, Agreement API, S3 and EventBridge events."""
