"""What a production installation is set up with and checked by: rights derived from the catalogue, documents, the doctor."""
