"""The commands of `offerflow`, by what they are about."""
