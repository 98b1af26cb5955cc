"""The commands of `scripts/cmsid`, by the kind of work: declarations only; it is done by the driver's other modules."""
