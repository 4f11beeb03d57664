"""The commands of `offerflow`, by subject."""
