"""Names, reasons, pictures and alert evidence: kept sealed, on this machine only."""
