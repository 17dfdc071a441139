"""What people do, as transactions: allowed, recorded in the audit, told to open pages. No web framework in sight."""
