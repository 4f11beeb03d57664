"""The objects in S3: moto keeps them, in an account for each world."""

from typing import Any

from sandbox.random_ids import new_id


class Storage:
    """The buckets of S3, all of them private."""

    def __init__(self) -> None:
        self.buckets: tuple[str, ...] = ("example-offers",)
        self.feed_bucket = "example-feed"
        """Where AWS delivers the seller's data feeds; it may also be one of `buckets`."""
        self.feed_prefix = ""
        """The key prefix of the feed's tables, including its final slash."""
        self.url: str | None = None
        """The address of the simulated S3, once it listens: AWS reads legal documents there."""
        self.account = new_id("world-", 12)

    def put(
        self, bucket: str, key: str, content: bytes, content_type: str = "binary/octet-stream"
    ) -> None:
        stored = self.backend().put_object(bucket, key, content)
        stored.set_metadata({"Content-Type": content_type})

    def get(self, bucket: str, key: str) -> bytes | None:
        """The content of an object; None if there is none."""
        backend = self.backend()
        found = backend.get_object(bucket, key) if bucket in backend.buckets else None
        return None if found is None else bytes(found.value)

    def keys(self, bucket: str) -> list[str]:
        return sorted(self.backend().buckets[bucket].keys)

    def backend(self) -> Any:
        # Imported only here, as most runs of the sandbox use no S3.
        from moto.s3.models import s3_backends

        backend = s3_backends[self.account]["aws"]
        for bucket in {*self.buckets, self.feed_bucket} - backend.buckets.keys():
            backend.create_bucket(bucket, "us-east-1")
            # Bucket names are unique over all accounts, but not over worlds.
            del s3_backends.bucket_accounts[bucket]
        return backend
