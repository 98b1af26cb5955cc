"""One file per command of `scripts/cmsid`: declarations only, the work is done by the driver's other modules."""
