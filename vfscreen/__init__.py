"""The core of vfscreen: domain, intake and use cases over ports. No torch, no SQL, no Qt. Research use only."""

NOTICE = "Research use only. Not for diagnostic use."
